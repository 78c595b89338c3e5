#!/usr/bin/env python3
"""Many long names: jobs that wait, lists of them, events that nobody reads, documents that many read slowly, and words that no
version's file has room for.

Held: what is told is charged, `/livez` answers meanwhile, and a job that cannot be published gives its place to others.
"""

import gzip
import json
import time
import urllib.parse

from service import CSV, JSON
from trial import run

COLUMNS, LENGTH = 16_000, 125


def names() -> list[str]:
    return [f"c{at:05d}" + "\x01" * (LENGTH - 6) for at in range(COLUMNS)]


def attack(trial):
    count = 120 if trial.long else 20
    with trial.service("--memory", "3GiB") as service:
        unfit(trial, service)
        columns = names()
        lines = [",".join(str((row * 7 + at * 3) % 10) for at in range(COLUMNS)) + f",{'pq'[row % 2]}" for row in range(40)]
        csv = "\n".join([",".join([*columns, "y"]), *lines, ""]).encode()
        trial.check(service.packed("/datasets?name=w", csv, CSV).status == 201, "the data set is not stored")
        reply = service.post("/models", {"name": "m", "dataset": "w", "target": "y", "recipe": "plain"})
        trial.check(reply.status == 201, f"the model is not made: {reply.status}")
        endless = {"epochs": 1_000_000, "batch_size": 1, "early_stopping": None, "features": columns[:10]}
        running = service.post("/models/m/train", endless).json()["id"]
        body = gzip.compress(json.dumps({"epochs": 5, "features": columns}).encode(), 9)
        jobs = []
        for _ in range(count):
            reply = service.request("POST", "/models/m/train", body, JSON, 60, Content_Encoding="gzip")
            if reply.status != 202:
                trial.check(reply.status == 429, f"a job that waits: {reply.status} {reply.body[:200]!r}")
                break
            jobs.append(reply.headers["location"].rsplit("/", 1)[-1])
        trial.figures.append(f"{len(jobs)} of {count} jobs wait")
        trial.check(len(jobs) > 0, "no job waits")
        listed = service.get("/jobs?state=queued&limit=1000", timeout=120)
        trial.check(listed.status in (200, 429, 503), f"a list of jobs: {listed.status}")
        paths = [f"/jobs/{jobs[0]}/events"] * (count * 2) + ["/models/m", f"/jobs/{running}", "/datasets/w"] * count
        readers = [service.connect(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), window=4096) for path in paths]
        time.sleep(10)
        for reader in readers:
            reader.close()
        time.sleep(2)
        for job in [running, *jobs]:
            service.request("POST", f"/jobs/{job}/cancel", timeout=60)


def unfit(trial, service):
    """Jobs of words that are too long for a version, as many as may run at once and one more; then an honest one."""
    columns, rows = 500, 240
    line = lambda row: ",".join([f"{row % 60:03d}" + "\x01" * 997] * columns) + f",{'pq'[row * 7 // 3 % 2]}"
    csv = "\n".join([",".join([*(f"c{at}" for at in range(columns)), "y"]), *map(line, range(rows)), ""]).encode()
    types = urllib.parse.quote(json.dumps({f"c{at}": "categorical" for at in range(columns)}, separators=(",", ":")))
    trial.check(service.packed(f"/datasets?name=words&types={types}", csv, CSV).status == 201, "the words are not stored")
    for number in range(3):
        made = {"name": f"words{number}", "dataset": "words", "target": "y", "recipe": "plain", "hidden_layers": [1]}
        service.post("/models", made)
        job = service.post(f"/models/words{number}/train", {"epochs": 1}).json()["id"]
        state = service.ended(job, 60)["state"]
        trial.check(state == "failed", f"a job of too long words: {state}")
    job = service.post("/models/good/train", {"inputs": [[0, 1]], "targets": [1], "epochs": 1}).json()["id"]
    trial.check(service.ended(job, 30)["state"] == "succeeded", "an honest job does not run")


run(attack, __doc__)
