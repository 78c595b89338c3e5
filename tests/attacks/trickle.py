#!/usr/bin/env python3
"""520 uploads that drip, more than there are threads in a pool, kept up by a byte now and then.

Held: lists, trainings and large predictions are answered beside them, and a body that comes too slowly is ended.
"""

import threading
import time

from service import CSV, JSON, NDJSON, PARQUET, head
from trial import run


def drip(connections, over: threading.Event):
    """A byte a second on each: no pause that `--body-timeout` would end."""
    while not over.wait(1):
        for connection in connections:
            try:
                connection.send(b"1")
            except OSError:
                pass


def attack(trial):
    flags = () if trial.long else ("--body-timeout", "5")
    with trial.service(*flags) as service:
        service.layers("xor", [2, 2, 1])
        begins = [(CSV, b"a,b\n"), (NDJSON, b'{"a":'), (JSON, b'[{"a":'), (PARQUET, b"PAR1")]
        ask = lambda kind, begin: head("/datasets", 1_000_000, kind) + begin
        held = [service.connect(ask(*begins[number % len(begins)])) for number in range(520)]
        over = threading.Event()
        thread = threading.Thread(target=drip, args=(held, over))
        thread.start()
        time.sleep(2)
        answers(trial, service)
        deadline = 150 if trial.long else 45
        refused, begin = 0, time.monotonic()
        while time.monotonic() < begin + deadline and refused < len(held):
            time.sleep(2)
            refused = sum(ended(connection) for connection in held)
        trial.most("dripping uploads that are still taken", len(held) - refused, 0)
        trial.most("until they were ended", time.monotonic() - begin, deadline, "s")
        over.set()
        thread.join()
        answers(trial, service)


def ended(connection) -> bool:
    """Whether the service has answered or closed it."""
    connection.setblocking(False)
    try:
        connection.recv(1, 2)  # MSG_PEEK
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def answers(trial, service):
    """What other clients need threads for."""
    rows = {"inputs": [[0.5, 0.1]] * 20_000}
    asked = {
        "a training": lambda: service.post("/models/xor/train", {"inputs": [[0, 0]] * 2, "targets": [0, 1], "epochs": 2}, 8),
        "data sets": lambda: service.get("/datasets", 8),
        "a large prediction": lambda: service.post("/models/xor/predict", rows, 8),
        "an export": lambda: service.get("/models/xor/versions/1/export", 8),
        "an upload": lambda: service.request("POST", "/datasets", b"a,b\n1,2\n3,4\n", CSV, 8),
        "a model": lambda: service.post("/models", {"layers": [2, 1]}, 8),
        "readiness": lambda: service.get("/readyz", 8),
    }
    for what, ask in asked.items():
        begin = time.monotonic()
        reply = ask()
        trial.check(reply.status in (200, 201, 202), f"{what} beside drips: {reply.status} {reply.body[:100]}")
        trial.check(time.monotonic() - begin < 3, f"{what} took {time.monotonic() - begin:.1f} s")


run(attack, __doc__)
