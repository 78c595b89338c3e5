#!/usr/bin/env python3
"""Long names where the service looks for the nearest one it knows: keys of records, fields of bodies, columns, targets.

Held: `/livez` answers meanwhile, nothing costs more than a request may, and every such request is answered within seconds.
"""

import json
import threading
import time
from urllib.parse import quote

from service import CSV, JSON, NDJSON, wide_csv
from trial import run

COLUMNS = 12_000


def requests(size: int):
    """What is asked, as path, body and kind, each with a name of so many bytes."""
    name = "column_number_" + "c" * size
    record = json.dumps({"records": {name: 1}}).encode()
    yield "a key of a record", "/models/wide/predict", record, JSON
    yield "a key of a record to evaluate", "/models/wide/evaluate", record, JSON
    yield "a column to predict by", "/models/wide/predict", f"{name}\n1\n".encode(), CSV
    yield "a field of a model", "/models", json.dumps({name: 1}).encode(), JSON
    yield "a field of a training", "/models/wide/train", json.dumps({name: 1}).encode(), JSON
    yield "a target", "/models", json.dumps({"dataset": "wide", "target": name}).encode(), JSON
    yield "a feature", "/models", json.dumps({"dataset": "wide", "target": "y", "features": [name]}).encode(), JSON
    yield "a class to weigh", "/models/wide/train", json.dumps({"class_weight": {name: 1}}).encode(), JSON
    yield "a column of a data set", "/datasets", f"{name},b\n1,2\n".encode(), CSV
    yield "a key of a row", "/datasets", json.dumps({name: 1}).encode(), NDJSON
    yield "many keys", "/models/wide/predict", many_keys(size), JSON


def many_keys(size: int) -> bytes:
    """Keys that are each nearly a column."""
    keys = (size // 30) or 1
    return json.dumps({"records": {f"column_numbr_{index}": 1 for index in range(keys)}}).encode()


def attack(trial):
    with trial.service() as service:
        service.table("wide", "y", wide_csv(COLUMNS, 40, "column_number_"), hidden_layers=2)
        service.rest = service.memory()
        slowest = 0.0
        for size in (2_000, 100_000, 900_000):
            for what, path, body, kind in requests(size):
                begin = time.monotonic()
                reply = trial.cost(service, f"{what} of {size} bytes", lambda: service.request("POST", path, body, kind, 20))
                slowest = max(slowest, time.monotonic() - begin)
                # A new data set may have names that are merely long.
                taken = reply.status == 201 and path == "/datasets" and size < 10_000
                trial.check(taken or 400 <= reply.status < 500, f"{what} of {size} bytes: {reply.status} {reply.body[:100]}")
        for path in (f"/train?target={quote('t' * 8000)}", f"/train?{'x' * 8000}=1", f"/jobs?state={'q' * 8000}"):
            method = "GET" if path.startswith("/jobs") else "POST"
            reply = service.request(method, path, b"a,b\n1,2\n" if method == "POST" else None, CSV, 20)
            trial.check(400 <= reply.status < 500, f"{path[:20]}…: {reply.status} {reply.body[:100]}")
        trial.most("slowest answer", slowest, 5, "s")
        together(service)


def together(service):
    """As many at once as there are threads, and more."""
    _, path, body, kind = next(requests(400_000))
    asking = [threading.Thread(target=service.request, args=("POST", path, body, kind, 20)) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()


run(attack, __doc__)
