#!/usr/bin/env python3
"""What trainings on all cores take from saturated one-row predictions, and these from the trainings.

    benches/beside_trainings.py [--rounds N] [--load BINARY] target/release/epochd [OTHER…]

As many trainings as there are cores, and four times as many connections of a closed loop, the service and the load on all cores.
Binaries take turns; in each turn the same service is asked while nothing trains and while all trainings run. Prints medians over
the rounds. Makes the load by `benches/load.rs`, which is compiled where `--load` does not name it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/attacks"))
from service import Service

CORES = len(os.sched_getaffinity(0))
CONNECTIONS = 4 * CORES
SECONDS = 3
BODY = '{"inputs": [[5.1, 3.5, 1.4, 0.2]]}'
LAYERS = [50, 256, 256, 1]


def asked(load: str, service: Service, body: str) -> dict:
    call = [load, f"127.0.0.1:{service.port}", "/models/small/predict", body, str(CONNECTIONS), "0", str(SECONDS)]
    seen = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    if set(seen["statuses"]) != {"200"} or seen["failures"]:
        sys.exit(f"not all were answered: {seen}")
    p50, _, p99, _ = seen["accepted"]
    return {"requests/s": seen["statuses"]["200"] / SECONDS, "p50 µs": p50, "p99 µs": p99}


def epochs(service: Service, jobs: list[str]) -> int:
    return sum(service.get(f"/jobs/{job}").json()["epoch"] for job in jobs)


def turn(binary: str, load: str, body: str) -> dict:
    """Figures of one service by name."""
    with Service(binary, "--concurrent-jobs", str(CORES)) as service:
        service.layers("small", [4, 16, 3])
        asked(load, service, body)
        idle = asked(load, service, body)
        rows = {"inputs": [[0.1] * LAYERS[0]] * 2000, "targets": [0.5] * 2000, "epochs": 1_000_000}
        jobs = []
        for number in range(CORES):
            service.post("/models", {"name": f"busy{number}", "layers": LAYERS})
            reply = service.post(f"/models/busy{number}/train", rows)
            assert reply.status == 202, reply
            jobs.append(reply.json()["id"])
        time.sleep(1)
        before = epochs(service, jobs)
        time.sleep(SECONDS)
        between = epochs(service, jobs)
        busy = asked(load, service, body)
        after = epochs(service, jobs)
        seen = {f"{when} {name}": told[name] for name in idle for when, told in (("idle", idle), ("busy", busy))}
        ratios = {f"busy / idle {name}": busy[name] / idle[name] for name in idle}
        return seen | ratios | {"epochs, of those without requests": (after - between) / max(between - before, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        load, body = given.load or f"{folder}/load", f"{folder}/body.json"
        Path(body).write_text(BODY)
        if not given.load:
            source = Path(__file__).parent / "load.rs"
            subprocess.run(["rustc", "--edition", "2024", "-O", "-o", load, source], check=True)
        rounds = [[turn(binary, load, body) for binary in given.binaries] for _ in range(given.rounds)]
    print(f"{CORES} cores, {CORES} trainings, {CONNECTIONS} connections, medians of {given.rounds} rounds")
    print("| | " + " | ".join(Path(binary).name for binary in given.binaries) + " |")
    print("|---|" + "---:|" * len(given.binaries))
    for name in rounds[0][0]:
        medians = [statistics.median(turns[index][name] for turns in rounds) for index in range(len(given.binaries))]
        print(f"| {name} | " + " | ".join(f"{value:,.2f}" if value < 30 else f"{value:,.0f}" for value in medians) + " |")


main()
