#!/usr/bin/env python3
"""Trainings that take more than they say: 1,000 classes and 400,000 rows to measure, on which SIGTERM and a cancel fall.

Held: what a training takes is within what was reserved for it, a cancel is answered at once, and the process ends within
`--shutdown-timeout` while a job is measured.
"""

import random
import time

from service import CSV
from trial import run

SHUTDOWN = 5


def rows(count: int, classes: int) -> bytes:
    draw = random.Random(1)
    lines = (f"{draw.gauss(0, 1):.3f},{draw.gauss(0, 1):.3f},k{draw.randrange(classes)}" for _ in range(count))
    return ("a,b,y\n" + "\n".join(lines) + "\n").encode()


def started(service, epochs=1) -> str:
    """A training that is measured for long after its only epoch. Of one network: three take what is reserved for them at the end
    alone, which the rule on gauges would find too much before."""
    training = {"epochs": epochs, "members": 1, "validation": {"dataset": "cls"}, "batch_size": 8192}
    return service.post("/models/cls/train", training).json()["id"]


def measured(service, job: str, seconds=120) -> dict:
    """The job once its epoch is over and it is being measured, or has ended."""
    end = time.monotonic() + seconds
    while (found := service.get(f"/jobs/{job}").json())["state"] in ("queued", "running") and not found["epoch"]:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    time.sleep(0.5)
    return found


def attack(trial):
    data = rows(400_000 if trial.long else 150_000, 1_000)
    with trial.service("--concurrent-jobs", "1", "--shutdown-timeout", str(SHUTDOWN)) as service:
        reply = service.packed("/datasets?name=cls", data, CSV)
        assert reply.status == 201, reply
        service.post("/models", {"name": "cls", "dataset": "cls", "target": "y", "hidden_layers": [8]})
        time.sleep(3)
        service.forget_peak()
        before = service.memory()
        job = started(service)
        measured(service, job)
        time.sleep(5 if not trial.long else 30)
        charged = sum(service.metric("epochd_memory_used_bytes").values()) / (1 << 20)
        added = service.peak() - before
        trial.most("a training that is measured: +", added, max(1.2 * charged, charged + 50), f"MiB of {charged:.0f} reserved")
        begin = time.monotonic()
        reply = service.request("POST", f"/jobs/{job}/cancel", timeout=60)
        trial.check(reply.status in (200, 409), f"cancel while it is measured: {reply.status} {reply.body[:100]}")
        trial.most("a cancel while it is measured", time.monotonic() - begin, 3, "s")
        state = service.ended(job, 5)["state"]
        trial.check(state in ("cancelled", "succeeded"), f"5 s after the cancel the job is {state}")
    # The same with SIGTERM, of a service that nobody watches: it goes away.
    with trial.service("--shutdown-timeout", str(SHUTDOWN), watched=False) as service:
        service.packed("/datasets?name=cls", data, CSV)
        service.post("/models", {"name": "cls", "dataset": "cls", "target": "y", "hidden_layers": [8]})
        measured(service, started(service))
        trial.most("SIGTERM while a job is measured", service.terminate(60), SHUTDOWN + 2, "s")
        trial.check(service.process.returncode == 0, f"exit status {service.process.returncode}")
        service.start()
        trial.check(service.get("/readyz").status == 200, "not ready after the restart")


run(attack, __doc__)
