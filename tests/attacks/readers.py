#!/usr/bin/env python3
"""Clients that read nothing or send slowly, to pin memory that all share: of requests, and of models.

Held: another client's larger request is served within seconds, as memory is shared fairly and replies and bodies have a
least rate; another model than the one that is read slowly is served.
"""

import time

from service import JSON, MIB, OCTETS, head
from trial import run


def attack(trial):
    with trial.service() as service:
        service.layers("wide", [1, 100], targets=[[0] * 100] * 2)
        body = b'{"inputs":[' + b"[0]," * 98_999 + b"[0]]}"
        pins = [service.connect(head("/models/wide/predict", len(body)) + body, window=4096) for _ in range(7)]
        served(trial, service, "beside 7 clients that read nothing", 12 if not trial.long else 60)
        leave(pins)
        pins = [withheld(service) for _ in range(4)]
        for _ in range(3):
            for pin in pins:
                drop_in(pin)
            served(trial, service, "beside 4 bodies whose end is withheld", 4)
        leave(pins)
        served(trial, service, "after they left", 3)
        trial.most("after they left: +", service.memory() - service.rest, 300, "MiB")
    models(trial)


def leave(pins: list):
    for pin in pins:
        pin.close()
    time.sleep(2)


def withheld(service):
    """255 MiB of a body of which the last byte does not come."""
    size = 255 * MIB
    connection = service.connect(head("/models/good/predict", size, OCTETS), timeout=20)
    try:
        for _ in range(254):
            connection.sendall(bytes(MIB))
    except OSError:
        pass  # Refused, as is right.
    return connection


def drop_in(connection):
    try:
        connection.send(b"\0")
    except OSError:
        pass


def served(trial, service, when: str, seconds: int):
    """A prediction for 6,000 rows (96 KB), asked for again each second."""
    rows = {"inputs": [[0.5, 0.1]] * 6000}
    statuses = []
    for _ in range(seconds):
        statuses.append(service.post("/models/good/predict", rows, 10).status)
        time.sleep(1)
    trial.check(set(statuses) == {200}, f"{when}: a prediction of 96 KB was answered {statuses}")


def models(trial):
    """A client that reads one model's parameters slowly, where there is room for few models."""
    with trial.service("--model-memory", "64MiB", watched=False) as service:
        for number in range(3):
            service.layers(f"big{number}", [1500, 3500, 1000])
        row = {"inputs": [0] * 1500}
        service.post("/models/big0/predict", row)
        pin = service.connect(b"GET /models/big0/versions/1/parameters HTTP/1.1\r\nHost: localhost\r\n\r\n", window=4096)
        time.sleep(1)
        begin = time.monotonic()
        statuses = []
        while time.monotonic() < begin + (60 if trial.long else 12):
            statuses.append((service.post("/models/big1/predict", row).status, service.post("/models/big2/predict", row).status))
            time.sleep(2)
        trial.check(statuses[-1] == (200, 200), f"other models beside a slow reader of parameters: {statuses}")
        pin.close()


run(attack, __doc__)
