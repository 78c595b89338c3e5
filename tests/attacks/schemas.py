#!/usr/bin/env python3
"""Bodies made for every route from the contract's own schemas: longest lists and words, most keys, deepest nesting, sparse
records, plain and packed, each under 1 MB as it is sent; other kinds of bodies filled up; long parameters; every list.

Held: none adds more than it may to resident memory, none is a fault of the server, and `/livez` is never silent.
"""

import gzip
import random

from extremes import Extremes
from service import MIB, filled, wide_csv
from trial import run

#: Most bytes of a body as it is sent.
SENT = 950_000
#: Bodies of each kind for each route where not all are sent: a choice, always the same.
CHOSEN = 8
MODELS = ("good", "penguins", "wide")


def attack(trial):
    with trial.service() as service:
        service.penguins()
        service.table("wide", "y", wide_csv(4_000, 40), hidden_layers=2)
        service.rest = service.memory()
        document = service.get("/openapi.json").json()
        made = Extremes(document)
        counts = {}
        for method, path, operation in operations(document):
            body = made.resolved(operation.get("requestBody", {}))
            count = 0
            for kind, media in body.get("content", {}).items():
                bodies = json_bodies(made, media) if kind == "application/json" else other_bodies(kind)
                bodies = list(bodies)
                if not trial.long:
                    bodies = random.Random(path).sample(bodies, min(len(bodies), CHOSEN))
                for what, parts in bodies:
                    count += ask(trial, service, method, path, kind, what, parts)
            for query in queries(made, operation):
                target = filled_path(path, "penguins") + query
                trial.cost(service, f"{method} {path} {query[:30]}", lambda: service.request(method, target, keep=0, timeout=30))
                count += 1
            counts[f"{method} {path}"] = count
        trial.figures.append(f"{sum(counts.values())} requests to {len(counts)} routes")
        trial.check(min(counts.values()) > 0, f"routes that nothing was sent to: {[key for key, n in counts.items() if not n]}")
        trial.most("after them: +", service.memory() - service.rest, 300, "MiB")


def operations(document: dict):
    """Method, path and operation; what takes the fixed models away comes with no body and is left out."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch"):
                yield method.upper(), path, operation


def filled_path(path: str, model: str) -> str:
    values = {"{model}": model, "{version}": "1", "{dataset}": "penguins", "{alias}": "canary", "{job}": "01890000-0000-7000-8000-000000000000"}
    for name, value in values.items():
        path = path.replace(name, value)
    return path


def json_bodies(made: Extremes, media: dict):
    """What is made of the schema, upon each example and upon nothing."""
    examples = [example["value"] for example in media.get("examples", {}).values() if "value" in example]
    examples = [example for example in examples if isinstance(example, dict)][:1] or [made.least(media["schema"])]
    for name, *parts in made.bodies(media["schema"], examples[0]):
        yield name, parts


def other_bodies(kind: str):
    """Begin, repeated part and end of bodies that are not JSON."""
    yield "zeros", (b"", bytes(4096), b"")
    yield "lines", (b"a,b\n", b"1,2\n", b"")
    yield "cells", (b"a,b\n", b",", b"\n")
    yield "rows", (b"[", b"{},", b"{}]")
    yield "objects", (b"", b'{"a":1}\n', b"")
    yield "Parquet", (b"PAR1", b"\x15\x04\x15\x80", b"\xff\xff\x0f\x00PAR1")
    yield "Arrow", (b"\xff\xff\xff\xff\x00\x00\xf0\x0f", b"\x10\0\0\0", b"")
    tensor = b'"t":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},'
    for what, unit in (("tensors", tensor), ("blanks", b" "), ("a shape", b"1,")):
        begin = b'{"a":{"dtype":"F32","shape":[' if what == "a shape" else b"{"
        yield what, ((SENT - 100).to_bytes(8, "little") + begin, unit, b"}")
    if "multipart" in kind:
        yield "parts", (b"", b'--XX\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n', b"--XX--\r\n")


def ask(trial, service, method: str, path: str, kind: str, what: str, parts) -> int:
    """Sends the body plain and, some of them, packed, to a model of each kind; how many were sent."""
    draw = random.Random(f"{path} {what}")
    models = MODELS if "{model}" in path and trial.long else draw.sample(MODELS, 1)
    count = 0
    for model in models:
        target = filled_path(path, model) + ("?target=a&epochs=1" if path == "/train" else f"?model={model}" if path == "/predict" else "")
        forms = [(filled(*parts, SENT), {})]
        if trial.long or draw.random() < 0.1:
            packed = gzip.compress(filled(*parts, (200 if trial.long else 16) * MIB), 6)
            forms.append((packed, {"Content_Encoding": "gzip"}))
        for body, more in forms:
            if len(body) > 1_000_000:
                continue
            kind_sent = kind + ("; boundary=XX" if "multipart" in kind else "")
            send = lambda: service.request(method, target, body, kind_sent, 15, keep=MIB, **more)
            tidy(service, trial.cost(service, f"{method} {target} {kind} {what}{', packed' if more else ''}", send))
            count += 1
    return count


def tidy(service, reply):
    """What was made is taken away, so that each request is held by itself."""
    location = reply.headers.get("location")
    if reply.status == 202:
        service.request("POST", f"{location}/cancel")
        service.ended(location.rsplit("/", 1)[1], 10)
    elif reply.status == 201 and location:
        service.request("DELETE", location)


def queries(made: Extremes, operation: dict):
    """Parameters that are long, many or at their greatest."""
    parameters = map(made.resolved, operation.get("parameters", []))
    yield ""
    for name in [parameter["name"] for parameter in parameters if parameter["in"] == "query"]:
        yield f"?{name}={'x' * 30_000}"
        yield f"?{name}=1000"
    yield "?" + "&".join(f"x{number}=1" for number in range(5000))


run(attack, __doc__)
