#!/usr/bin/env python3
"""Five times the load that the service can take, by `benches/load.rs`, while two jobs train: an open loop at five times the
rate where a request takes long; where refusing costs as much as answering (one row), five times the connections that saturate.

Held: what is accepted has at most three times the idle 99th percentile, the rest is refused at once with 429 and `Retry-After`;
another client, which asks twenty times a second, is refused nothing; memory stays flat, every job ends, and afterwards all is as before. Where there are two cores the service is bound to one and the
load to the other; all figures are ratios of one run.
"""

import http.client
import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

from trial import run

SOURCE = Path(__file__).parents[2] / "benches/load.rs"
#: Parts of capacity: what counts as idle, and as overload.
IDLE, OVER = 0.3, 5
#: Connections that a closed loop takes the capacity with.
SATURATING = 8
#: Seconds of a 99th percentile that are noise of the machine, not of the service.
GRAIN = 0.002


class Load:
    """Runs the generator against one path with one body."""

    def __init__(self, service, path: str, value, cores: tuple):
        self.binary = service.work / "load"
        if not self.binary.exists():
            subprocess.run(["rustc", "--edition", "2024", "-O", "-o", self.binary, SOURCE], check=True)
        self.body = service.work / f"body{path.replace('/', '-')}.json"
        self.body.write_text(json.dumps(value))
        self.command = [*cores, str(self.binary), f"127.0.0.1:{service.port}", path, str(self.body)]

    def run(self, connections: int, rate: float, seconds: float) -> dict:
        call = [*self.command, str(connections), f"{rate:.0f}", str(seconds)]
        seen = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
        seen["rate"] = seen["statuses"].get("200", 0) / seconds
        return seen

    def tail(self, seen: dict, kind="accepted") -> float:
        """Seconds of the 99th percentile."""
        return seen[kind][2] / 1e6 if seen[kind] else 0.0


class Beside:
    """Does something again and again, every so many seconds, beside the work of a `with`."""

    def __init__(self, every: float):
        self.every, self.over = every, threading.Event()
        self.thread = threading.Thread(target=self.go_on)

    def go_on(self):
        while not self.over.wait(self.every):
            self.do()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Guest(Beside):
    """A client of another address that asks now and then on a connection that it keeps."""

    def __init__(self, service):
        super().__init__(0.05)
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30, source_address=("127.0.0.9", 0))
        self.statuses = []

    def do(self):
        self.connection.request("POST", "/models/good/predict", '{"inputs": [0, 1]}', {"Content-Type": "application/json"})
        with self.connection.getresponse() as reply:
            reply.read()
            self.statuses.append(reply.status)


class Level(Beside):
    """Resident memory, looked at twice a second."""

    def __init__(self, service):
        super().__init__(0.5)
        self.service, self.samples = service, []

    def do(self):
        self.samples.append(self.service.memory())

    def growth(self) -> float:
        """MiB from the first quarter on."""
        later = self.samples[len(self.samples) // 4 :]
        return max(later) - later[0]


def attack(trial):
    pinned = len(os.sched_getaffinity(0)) > 1 and shutil.which("taskset")
    core = lambda number: ("taskset", "-c", str(number)) if pinned else ()
    seconds = 60 if trial.long else 10
    with trial.service("--concurrent-jobs", "2", "--training-threads", "2", watched=False, prefix=core(0)) as service:
        service.layers("broad", [64, 512, 512, 1])
        works = (Load(service, "/models/broad/predict", {"inputs": [[0.5] * 64] * 64}, core(1)),
                 Load(service, "/models/good/predict", {"inputs": [0, 1]}, core(1)))
        overload(trial, service, "64 rows of 300,000 parameters", works[0], 256, OVER, seconds)
        # As fast as answers come, from five times as many connections.
        overload(trial, service, "one row", works[1], OVER * SATURATING, 0, seconds)


def trainings(service, seconds: float) -> list[str]:
    """Two jobs that train through the overload and then end by themselves."""
    rows = {"inputs": [[0.1] * 50] * 2000, "targets": [[0] * 10] * 2000, "epochs": 1_000_000, "max_seconds": seconds}
    jobs = []
    for number in range(2):
        service.post("/models", {"name": f"busy{number}", "layers": [50, 512, 512, 10]})
        jobs.append(service.post(f"/models/busy{number}/train", rows).json()["id"])
    return jobs


def overload(trial, service, what: str, load: Load, connections: int, times: float, seconds: float):
    load.run(SATURATING, 0, 1)
    capacity = load.run(SATURATING, 0, 3)["rate"]
    idle = load.run(SATURATING, IDLE * capacity, 4)
    bound = 3 * max(load.tail(idle), GRAIN)
    jobs = trainings(service, seconds + 3)
    time.sleep(1)
    with Level(service) as level, Guest(service) as guest:
        seen = load.run(connections, times * capacity, seconds)
    refused, accepted = seen["statuses"].get("429", 0), seen["statuses"].get("200", 0)
    figure = f"{what}: {capacity:.0f}/s, idle p99 {1e3 * load.tail(idle):.1f} ms; at 5 times {1e3 * load.tail(seen):.1f} ms, {seen['statuses']}"
    trial.figures.append(figure)
    trial.most("accepted p99", load.tail(seen), bound, "s")
    trial.most("refused p99", load.tail(seen, "refused"), max(bound, 0.05), "s")
    trial.check(accepted >= 0.3 * capacity * seconds, f"{what}: of {capacity:.0f}/s only {accepted / seconds:.0f}/s were accepted")
    trial.check(set(seen["statuses"]) <= {"200", "429"} and not seen["failures"], f"{what}: {seen}")
    trial.check(not seen["without_retry_after"], f"{what}: {seen['without_retry_after']} of {refused} without Retry-After")
    others = len(guest.statuses) - guest.statuses.count(200)
    trial.figures.append(f"{what}: a client of another address was refused {others} of {len(guest.statuses)} requests")
    trial.check(not others and len(guest.statuses) > 5 * seconds, f"{what}: another client got {set(guest.statuses)}, {others} refusals")
    trial.most("memory +", level.growth(), 50, "MiB")
    ended = [service.ended(job, seconds + 30)["state"] for job in jobs]
    trial.check(ended == ["succeeded"] * 2, f"{what}: jobs ended as {ended}")
    again = load.run(SATURATING, IDLE * capacity, 3)
    trial.most("p99 afterwards", load.tail(again), bound, "s")
    trial.check(set(again["statuses"]) == {"200"}, f"{what}: afterwards {again['statuses']}")


run(attack, __doc__)
