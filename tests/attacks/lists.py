#!/usr/bin/env python3
"""Many small questions at once for what is stored and says much: lists of data sets, of jobs and of versions, a model by its name, the picture
of a training, from clients that take nothing of the replies.

Held: what is read is charged for as long as it is held, whether its request works or waits for its turn; `/livez` answers, as what is
long is read apart from the threads that answer, and once.
"""

import json
import threading
import time

from service import CSV, JSON
from trial import run

#: Data sets of so many columns, whose profiles have some 32 KB each.
DATASETS, COLUMNS = 120, 60
#: Classes, each with a weight of its own, and names of the version that was trained by them.
CLASSES, ALIASES = 60_000, 32
#: Questions at once.
AT_ONCE = 250
#: Seconds that a client of the same address may wait: those for which the service lets it wait for its turn, and some to answer.
TURN = 6.5


def store(service):
    names = ",".join(f"c{number}" for number in range(COLUMNS))
    row = lambda number: ",".join([f"w{number % 12}"] * COLUMNS)
    csv = (names + "\n" + "\n".join(map(row, range(36))) + "\n").encode()
    storing = [threading.Thread(target=lambda: [service.packed("/datasets", csv, CSV) for _ in range(DATASETS // 4)]) for _ in range(4)]
    for thread in storing:
        thread.start()
    for thread in storing:
        thread.join()


def train(service) -> str:
    service.post("/models", {"name": "weighed", "layers": [1, CLASSES], "loss": "cross_entropy"})
    weights = {str(number): 1 for number in range(CLASSES)}
    training = {"inputs": [[0], [1]], "targets": [0, 1], "epochs": 1, "class_weight": weights}
    job = service.packed("/models/weighed/train", json.dumps(training, separators=(",", ":")).encode()).json()["id"]
    assert service.ended(job, 100)["state"] == "succeeded"
    for number in range(ALIASES):
        reply = service.request("PUT", f"/models/weighed/aliases/a{number}", b'{"version": 1}', JSON)
        assert reply.status == 200, reply
    return job


def attack(trial):
    with trial.service(refused=0.05, queued=TURN) as service:
        store(service)
        job = train(service)
        trial.cost(service, "a model that 32 aliases name", lambda: service.get("/models/weighed"))
        for path in ("/datasets?limit=1000", f"/jobs/{job}/plot.svg", "/models/weighed", "/models/weighed/versions", "/jobs?limit=1000"):
            asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            connections = []
            for _ in range(AT_ONCE):
                try:
                    connections.append(service.connect(asked, window=2048, timeout=30))
                except OSError:
                    break
            time.sleep(4)
            for connection in connections:
                connection.close()
            time.sleep(1)
            trial.check(len(connections) > AT_ONCE // 2, f"{path}: {len(connections)} connections")


run(attack, __doc__)
