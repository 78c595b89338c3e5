#!/usr/bin/env python3
"""Single flipped bits in what is stored: a data set's file, a version's, the catalog.

Held: no read answers other numbers with 200, damage is an error of one data set or model, and `check` finds it.
"""

import random
import subprocess

from service import EXAMPLES
from trial import run


def attack(trial):
    draw, flips = random.Random(3), 300 if trial.long else 120
    with trial.service(watched=False) as service:
        service.penguins()
        service.request("POST", "/datasets?name=other", (EXAMPLES / "penguins.csv").read_bytes(), "text/csv")
        path = next((service.folder / "blobs/datasets").iterdir())
        service.kill()
        original = path.read_bytes()
        silent = seen = 0
        service.start()
        names = ("penguins", "other")
        good = {name: service.get(f"/datasets/{name}/rows?limit=1000") for name in names}
        for _ in range(flips):
            damaged = bytearray(original)
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
            path.write_bytes(damaged)
            for name in names:
                reply = service.get(f"/datasets/{name}/rows?limit=1000")
                silent += reply.status == 200 and reply.body != good[name].body
                seen += reply.status != 200
        trial.figures.append(f"{flips} flipped bits in a data set, {seen} seen")
        trial.most("answered as other numbers", silent, 0)
        checked(trial, service)
        path.write_bytes(original)
        trial.check(all(service.get(f"/datasets/{name}/rows?limit=1").status == 200 for name in names), "mended, and not read")
        versions(trial, service, draw)


def checked(trial, service):
    """`epochd check` on the stopped service tells of the damage."""
    service.kill()
    command = [service.binary, "check", "--data-dir", str(service.folder)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, env=service.env)
    trial.check(found.returncode not in (0, 2), f"check: exit status {found.returncode} {found.stdout[-200:]}{found.stderr[-200:]}")
    service.start()


def versions(trial, service, draw):
    """A version's file is damaged while nothing of it is in memory."""
    path = next((service.folder / "blobs/versions").iterdir())
    original, statuses = path.read_bytes(), []
    for _ in range(8):
        service.kill()
        damaged = bytearray(original)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        service.start()
        statuses.append([service.post("/models/good/predict", {"inputs": [0, 1]}).status,
                         service.post("/models/penguins/predict", {"records": {"year": 2008}}).status])
    trial.check(all(200 in pair and pair != [200, 200] for pair in statuses), f"predictions of a damaged version: {statuses}")
    service.kill()
    path.write_bytes(original)
    service.start()
    trial.check(service.post("/models/good/predict", {"inputs": [0, 1]}).status == 200, "mended, and not served")


run(attack, __doc__)
