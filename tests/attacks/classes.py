#!/usr/bin/env python3
"""Names of classes that make replies long: 40 KB of rows, answered with a long name for each class and row.

Held: no request of under 1 MB adds more than it may; names that cannot be kept are refused where they come in.
"""

from service import CSV, JSON
from trial import run


def rows(length: int) -> bytes:
    """Two classes with names of so many bytes."""
    return ("a,y\n" + "".join(f"{row % 7},{'pq'[row % 2]}{'x' * length}\n" for row in range(60))).encode()


def many_classes(count: int, length: int) -> bytes:
    lines = (f"{row % 7},{row % count}_{'x' * length}" for row in range(6 * count))
    return ("a,y\n" + "\n".join(lines) + "\n").encode()


def attack(trial):
    with trial.service() as service:
        tables = {f"two{length}": rows(length) for length in (200, 1_000, 10_000, 200_000)}
        tables |= {"many": many_classes(500, 100), "long": many_classes(100, 1_000)}
        trained = 0
        for name, csv in tables.items():
            path = f"/train?name={name}&target=y&epochs=1&recipe=plain"
            reply = trial.cost(service, f"training {name}", lambda: service.packed(path, csv, CSV))
            if reply.status != 202:
                trial.check(reply.status in (400, 413, 422), f"{name}: {reply.status} {reply.body[:100]}")
                continue
            trained += 1
            service.ended(reply.json()["id"])
            predict(trial, service, name)
            trial.cost(service, f"importance of {name}", lambda: service.get(f"/models/{name}/versions/1/importance"))
            trial.cost(service, f"schema of {name}", lambda: service.get(f"/models/{name}/schema"))
        trial.check(trained > 1, "no table with honest names was taken")


def predict(trial, service, name: str):
    """Rows in each form, answered in each form."""
    csv = b"a\n" + b"1\n" * 20_000
    records = b'{"records":[' + b'{"a":1},' * 20_000 + b'{"a":1}]}'
    for kind, body in ((CSV, csv), (JSON, records)):
        for accept in (JSON, CSV):
            ask = lambda: service.request("POST", f"/models/{name}/predict", body, kind, 100, keep=1000, Accept=accept)
            trial.cost(service, f"{kind} to {accept}, {name}", ask)


run(attack, __doc__)
