"""What the training peers share: the workloads and their rows, timed epochs, the line that is printed.

Rows are raw little-endian f32 files in one folder, so every peer and epochd itself train on the same numbers:

    workloads.json           [{name, rows, test_rows, inputs, layers, output, batch_size, learning_rate, optimizer, epochs}]
    t2.train.inputs.f32      rows × inputs
    t2.train.targets.f32     the class of each row, or its values
    t2.test.inputs.f32, t2.test.targets.f32

A model trains `epochs` epochs, is scored on the test rows, and goes on until enough of its epochs were timed.
"""

import argparse
import dataclasses
import json
import statistics
import time
from functools import cached_property
from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).resolve().parents[2] / "tests/reference/xor.json"
XOR_EPOCHS = 10_000
XOR_INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR_TARGETS = np.array([[0], [1], [1], [0]], np.float32)


@dataclasses.dataclass
class Work:
    folder: Path
    name: str
    rows: int
    test_rows: int
    inputs: int
    layers: list[int]
    output: str  # softmax, sigmoid or linear
    batch_size: int
    learning_rate: float
    optimizer: str  # adam or sgd
    epochs: int

    def read(self, part: str) -> np.ndarray:
        """Inputs as rows × inputs; classes as one i64 for each row, other targets as rows × outputs."""
        values = np.fromfile(self.folder / f"{self.name.lower()}.{part}.f32", "<f4")
        if part.endswith("inputs"):
            return values.reshape(-1, self.inputs)
        return values.astype(np.int64) if self.output == "softmax" else values.reshape(-1, self.layers[-1])

    @cached_property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        return self.read("train.inputs"), self.read("train.targets")

    @cached_property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        return self.read("test.inputs"), self.read("test.targets")

    def score(self, outputs: np.ndarray) -> float:
        """Accuracy, or R² of values. Outputs of classes may be logits: `sigmoid` says 1 above 0."""
        targets = self.test[1]
        if self.output == "softmax":
            return float(np.mean(outputs.argmax(axis=1) == targets))
        if self.output == "sigmoid":
            return float(np.mean((outputs.ravel() > 0) == (targets.ravel() > 0.5)))
        rest = np.square(outputs.reshape(targets.shape) - targets, dtype=np.float64)
        return float(1 - rest.sum() / np.square(targets - targets.mean(axis=0), dtype=np.float64).sum())


def arguments() -> tuple[list[Work], bool, int]:
    """The workloads asked for, whether T1 (XOR, which needs no files) is one of them, and the number of threads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="folder with workloads.json")
    parser.add_argument("--work", default="T1,T2,T3,T4,T5")
    parser.add_argument("--threads", type=int, required=True, help="only told on: the caller binds the process to cores")
    given = parser.parse_args()
    names = given.work.split(",")
    rest = [name for name in names if name != "T1"]
    found = {w["name"]: w for w in json.loads((given.data / "workloads.json").read_text())} if rest else {}
    fields = {field.name for field in dataclasses.fields(Work)} - {"folder"}
    works = [Work(given.data, **{k: v for k, v in found[name].items() if k in fields}) for name in rest]
    return works, "T1" in names, given.threads


def xor_start() -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights (inputs × outputs) and biases of both layers, the same for every peer."""
    layers = json.loads(REFERENCE.read_text())["initial_parameters"]
    return [(np.array(l["weights"], np.float32), np.array(l["biases"], np.float32)) for l in layers]


def emit(peer: str, version: str, threads: int, work: str, unit: str, samples: list[float], best=min, **more):
    line = {"peer": peer, "version": version, "threads": threads, "work": work, "unit": unit}
    line |= {"best": best(samples), "median": statistics.median(samples)} | more
    print(json.dumps(line), flush=True)


def timed(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(peer: str, version: str, threads: int, work: Work, epoch, predict):
    """Times `epoch()`, which trains one epoch to its end; `predict()` gives the outputs for the test rows.

    The first epoch warms up and falls together with compiling where there is any; its seconds are told apart. Then at
    least 3 are timed, and further ones for 5 s, up to 30.
    """
    first, samples = timed(epoch), []
    score = work.score(predict()) if work.epochs == 1 else None
    while score is None or len(samples) < 3 or (sum(samples) < 5 and len(samples) < 30):
        samples.append(timed(epoch))
        if len(samples) + 1 == work.epochs:
            score = work.score(predict())
    emit(peer, version, threads, work.name, "s/epoch", samples, score=round(score, 4), first=first)


def measure_xor(peer: str, version: str, threads: int, train):
    """Times `train()`, all 10,000 epochs from the same start, which gives the last mean squared error."""
    errors: list[float] = []
    samples = [timed(lambda: errors.append(float(train()))) for _ in range(4)]
    emit(peer, version, threads, "T1", "s/10,000 epochs", samples[1:], score=round(errors[-1], 5), first=samples[0])
