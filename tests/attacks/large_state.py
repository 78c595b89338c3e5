#!/usr/bin/env python3
"""Small requests to a service that holds large things: a row for a wide data set, a training on one of several row groups that is
cancelled again and again, and rows that are answered with label sets and flags by long names.

Held: no request of under 1 MB adds more than it may, and what a training takes is charged.
"""

import random
import time

from service import CSV, JSON
from trial import run

ARROW = "application/vnd.apache.arrow.stream"
ENDED = ("succeeded", "failed", "cancelled")


def table(columns: int, rows: int, cell, target=None) -> bytes:
    header = [f"c{at}" for at in range(columns)] + (["y"] if target else [])
    lines = (",".join([*(cell(row, at) for at in range(columns)), *([target(row)] if target else [])]) for row in range(rows))
    return "\n".join([",".join(header), *lines, ""]).encode()


def attack(trial):
    rng = random.Random(1)
    word = lambda *_: f"{rng.getrandbits(28):x}"
    number = lambda *_: f"{rng.random():.5f}"
    with trial.service() as service:
        for name, columns, rows, cell in (("words", 12_000, 700, word), ("numbers", 12_000, 1_200, number)):
            trial.check(service.request("POST", f"/datasets?name={name}", table(columns, rows, cell), CSV).status == 201, name)
            row = table(columns, 1, cell)
            trial.cost(service, f"a row for {name}", lambda: service.request("POST", f"/datasets/{name}/append", row, CSV, 120))
        trained(trial, service, table(2_000, 8_000, number, number))
        label_sets(trial, service)
        flags(trial, service)


def trained(trial, service, csv: bytes):
    trial.check(service.request("POST", "/datasets?name=wide", csv, CSV, 120).status == 201, "the wide table is not stored")
    service.post("/models", {"name": "wide", "dataset": "wide", "target": "y", "recipe": "plain", "hidden_layers": [4]})
    begin, slowest = service.memory(), 0.0
    for _ in range(6):
        job = service.post("/models/wide/train", {"epochs": 1}).json()["id"]
        time.sleep(0.7)
        asked = time.monotonic()
        service.request("POST", f"/jobs/{job}/cancel", timeout=60)
        while service.get(f"/jobs/{job}").json()["state"] not in ENDED:
            time.sleep(0.05)
        slowest = max(slowest, time.monotonic() - asked)
    trial.most("the slowest cancel", slowest, 3.0, "s")
    job = service.post("/models/wide/train", {"epochs": 1}).json()["id"]
    trial.check(service.ended(job, 120)["state"] == "succeeded", "an honest job does not run")
    trial.figures.append(f"{begin:.0f} MiB before the trainings, {service.peak():.0f} at most")


def predicted(trial, service, name: str, question: str, body: bytes):
    for accept in (CSV, ARROW, JSON):
        ask = lambda: service.request("POST", f"/models/{name}/predict?{question}", body, CSV, 120, keep=1000, Accept=accept)
        trial.cost(service, f"{question} of {name} as {accept}", ask)


def label_sets(trial, service):
    names = [f"k{at:03d}{'_' * 250}" for at in range(1_000)]
    csv = table(1, 8_000, lambda row, _: str(row * 37 % 101), lambda row: names[row % len(names)])
    service.ended(service.packed("/train?name=classes&target=y&epochs=1&recipe=plain", csv, CSV).json()["id"], 120)
    predicted(trial, service, "classes", "interval=0.99", b"c0\n" + b"7\n" * 1_000)


def flags(trial, service):
    columns = [f"c{at:03d}{'_' * 990}" for at in range(900)]
    lines = [",".join(str((row * 7 + at) % 10) for at in range(len(columns))) + f",{row % 5}" for row in range(40)]
    csv = "\n".join([",".join([*columns, "y"]), *lines, ""]).encode()
    service.ended(service.packed("/train?name=names&target=y&epochs=1&recipe=plain", csv, CSV).json()["id"], 120)
    # Without a header, which would be longer than all rows; every cell is outside of what training saw.
    body = ("\n".join(",".join(["9" * 3] * len(columns)) for _ in range(200)) + "\n").encode()
    ask = lambda accept: service.request(
        "POST", "/models/names/predict?flags=true", body, "text/csv; header=absent", 120, keep=1000, Accept=accept
    )
    for accept in (CSV, ARROW, JSON):
        trial.cost(service, f"flags by long names as {accept}", lambda: ask(accept))


run(attack, __doc__)
