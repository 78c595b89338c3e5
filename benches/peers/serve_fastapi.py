"""FastAPI with ONNX Runtime, as the benchmark's models are served today. Started by `uvicorn serve_fastapi:app`.

    /usual/{model}/predict   lists in a pydantic model, one session at its defaults
    /tuned/{model}/predict   orjson and NumPy from bytes on the event loop, f32 in and out as octets, no spinning threads
"""

import numpy as np
import onnxruntime as ort
import orjson
from fastapi import FastAPI, Request, Response
from onnx import TensorProto, helper, numpy_helper
from pydantic import BaseModel

OCTETS = "application/octet-stream"
MODELS = {"small": ([4, 16, 3], "Softmax"), "bulk": ([20, 64, 32, 1], "Sigmoid")}


def onnx_bytes(layers: list[int], output: str) -> bytes:
    """A network with drawn weights: Gemm and Relu, the last layer with its output activation."""
    rng, nodes, tensors, value = np.random.default_rng(0), [], [], "x"
    for i, (width, units) in enumerate(zip(layers, layers[1:])):
        last = i == len(layers) - 2
        weights = rng.normal(0, np.sqrt(2 / width), (width, units)).astype(np.float32)
        tensors += [numpy_helper.from_array(weights, f"w{i}"), numpy_helper.from_array(np.zeros(units, np.float32), f"b{i}")]
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"z{i}"]))
        value = "y" if last else f"a{i}"
        nodes.append(helper.make_node(output if last else "Relu", [f"z{i}"], [value]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])
        for name, width in (("x", layers[0]), ("y", layers[-1]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def sessions(options: ort.SessionOptions) -> dict[str, ort.InferenceSession]:
    return {name: ort.InferenceSession(onnx_bytes(*model), options) for name, model in MODELS.items()}


calm = ort.SessionOptions()
calm.add_session_config_entry("session.intra_op.allow_spinning", "0")
usual_sessions, tuned_sessions = sessions(ort.SessionOptions()), sessions(calm)
app = FastAPI()


class Rows(BaseModel):
    inputs: list[list[float]]


class Outputs(BaseModel):
    outputs: list[list[float]]


@app.post("/usual/{model}/predict")
def usual(model: str, rows: Rows) -> Outputs:
    outputs = usual_sessions[model].run(None, {"x": np.array(rows.inputs, dtype=np.float32)})[0]
    return Outputs(outputs=outputs.tolist())


@app.post("/tuned/{model}/predict")
async def tuned(model: str, request: Request) -> Response:
    body = await request.body()
    octets = request.headers["content-type"] == OCTETS
    if octets:
        rows = np.frombuffer(body, "<f4").reshape(-1, MODELS[model][0][0])
    else:
        rows = np.array(orjson.loads(body)["inputs"], dtype=np.float32)
    outputs = tuned_sessions[model].run(None, {"x": rows})[0]
    if octets:
        return Response(outputs.tobytes(), media_type=OCTETS)
    return Response(orjson.dumps({"outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
