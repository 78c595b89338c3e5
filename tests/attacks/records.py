#!/usr/bin/env python3
"""Small bodies that become much: packed records with a key of many each, lists without end, `{}` for a model of 12,000
columns, to every route that reads them.

Held: no request of under 1 MB adds more than it may to resident memory.
"""

import gzip
import random
import time

from service import JSON, MIB, filled, wide_csv
from trial import run

#: Cases where not all are tried: a choice, always the same.
CHOSEN = 14
KEYS = "abcdefghijklmnop"


def cases():
    """Name, path, and the parts of a body: its begin, what is repeated, its end."""
    sparse = b",".join(b'{"%s":1}' % key.encode() for key in KEYS) + b","
    many = b",".join(b'{"k%d":1}' % key for key in range(1000)) + b","
    features = b",".join(b'"f%d"' % number for number in range(100)) + b","
    for model in ("xor", "penguins", "wide"):
        for verb in ("predict", "evaluate"):
            path = f"/models/{model}/{verb}"
            yield f"a key of 16 each, {model} {verb}", path, b'{"records":[', sparse, b'{"a":1}]}'
            yield f"{{}}, {model} {verb}", path, b'{"records":[', b"{},", b"{}]}"
        yield f"a key of 1,000 each, {model}", path, b'{"records":[', many, b"{}]}"
    yield "one key", "/models/xor/predict", b'{"records":[', b'{"a":1},', b'{"a":1}]}'
    yield "the records of penguins", "/models/penguins/predict", b'{"records":[', b'{"year":2008},', b"{}]}"
    yield "words of penguins", "/models/penguins/predict", b'{"records":[', b'{"island":"x"},', b"{}]}"
    for kind in ("predict", "evaluate", "train"):
        yield f"a long row, {kind}", f"/models/xor/{kind}", b'{"inputs":[', b"0,", b"0]}"
        yield f"empty rows, {kind}", f"/models/xor/{kind}", b'{"inputs":[', b"[],", b"[]]}"
        yield f"rows, {kind}", f"/models/xor/{kind}", b'{"targets":[0],"epochs":1,"inputs":[', b"[0,0],", b"[0,0]]}"
    yield "targets", "/models/xor/train", b'{"epochs":1,"inputs":[[0,0]],"targets":[', b"0,", b"0]}"
    yield "rows of targets", "/models/xor/train", b'{"epochs":1,"inputs":[[0,0]],"targets":[', b"[0],", b"[0]]}"
    yield "names of targets", "/models/xor/train", b'{"targets":[', b'"",', b'""]}'
    yield "names of features", "/models/xor/train", b'{"features":[', b'"",', b'""]}'
    yield "other names of features", "/models/xor/train", b'{"dataset":"wide","features":[', features, b'"a"]}'
    yield "layers", "/models", b'{"layers":[', b"1,", b"1]}"
    yield "layers with settings", "/models", b'{"layers":[1,', b'{"units":1},', b"1]}"
    yield "features of a model", "/models", b'{"dataset":"wide","target":"y","features":[', b'"c1",', b'"c2"]}'
    yield "metadata", "/models", b'{"layers":[1,1],"metadata":{', b'"a":"",', b'"a":""}}'
    yield "weights of classes", "/models/penguins/train", b'{"class_weight":{', b'"a":1,', b'"a":1}}'
    yield "initial parameters", "/models", b'{"layers":[1,1],"initial_parameters":[', b'{"weights":[[0]],"biases":[0]},', b"1]}"
    yield "nested lists", "/models/xor/predict", b'{"inputs":', b"[", b"0}"


def attack(trial):
    with trial.service() as service:
        service.layers("xor", [2, 2, 1])
        service.penguins()
        service.table("wide", "y", wide_csv(12_000, 40), hidden_layers=2)
        time.sleep(0.5)
        service.rest = service.memory()
        unpacked = (255 if trial.long else 32) * MIB
        chosen = list(cases()) if trial.long else random.Random(1).sample(list(cases()), CHOSEN)
        for what, path, *parts in chosen:
            plain = filled(*parts, 900_000)
            packed = gzip.compress(filled(*parts, unpacked), 6)
            for form, body, more in (("", plain, {}), (", packed", packed, {"Content_Encoding": "gzip"})):
                assert len(body) <= 1_000_000, (what, len(body))
                ask = lambda: service.request("POST", path, body, JSON, 100, **more)
                reply = trial.cost(service, f"{what}{form}", ask)
                if reply.status == 202:
                    job = reply.json()["id"]
                    service.request("POST", f"/jobs/{job}/cancel")
                    service.ended(job)
        trial.most("after all of them: +", service.memory() - service.rest, 300, "MiB")


run(attack, __doc__)
