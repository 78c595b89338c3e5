#!/usr/bin/env python3
"""Disk that clients take for good: histories of a million epochs, receipts of uploads, scratch of open ones, deleted rows.

Held: each is bounded, counted or given back, and jobs can be deleted.
"""

import gzip
import os
import time
from pathlib import Path

from service import CSV, MIB, head
from trial import run


def used(folder: Path) -> float:
    """MiB that the files below take on the disk."""
    def size(path):
        try:
            return path.stat().st_blocks * 512
        except OSError:
            return 0
    return sum(size(path) for path in folder.rglob("*")) / MIB


def attack(trial):
    with trial.service(*trial.known("--scratch-space", "1GiB")) as service:
        histories(trial, service)
        receipts(trial, service)
        scratch(trial, service)


def histories(trial, service):
    """A job of a million epochs of four rows."""
    before = used(service.folder)
    rows = {"inputs": [[0, 0]] * 4, "targets": [0] * 4, "epochs": 1_000_000, "batch_size": "full"}
    jobs = [service.post("/models/good/train", rows).json()["id"] for _ in range(2)]
    ended = [service.ended(job, 60)["state"] for job in jobs]
    trial.check(ended == ["succeeded"] * 2, f"jobs ended as {ended}")
    trial.most("a job of a million epochs", (used(service.folder) - before) / 2, 2, "MiB on disk")
    page = service.get(f"/jobs/{jobs[0]}/epochs?limit=1000&every=2000").json()["data"]
    trial.check(page[0]["epoch"] <= 5000 and len(page) >= 50, f"a thinned history of {len(page)} entries from {page[0]}")
    statuses = [service.request("DELETE", f"/jobs/{job}").status for job in jobs]
    trial.check(statuses == [204] * 2, f"deleting jobs: {statuses}")
    trial.check(service.get(f"/jobs/{jobs[0]}").status == 404, "a deleted job is still there")


def receipts(trial, service):
    """Uploads under a key each, of data sets with much to say, that are deleted again."""
    columns = 4_000
    line = lambda row: ",".join(f"{column}_{row}_" + "x" * 245 for column in range(columns))
    csv = gzip.compress((",".join(f"c{c}" for c in range(columns)) + "\n" + "\n".join(map(line, range(10))) + "\n").encode(), 6)
    before, made = used(service.folder), []
    for key in range(6):
        reply = service.request("POST", "/datasets", csv, CSV, Content_Encoding="gzip", Idempotency_Key=f"k{key}")
        made.append(reply.headers.get("location"))
    trial.check(None not in made, f"uploads: {made}")
    again = service.request("POST", "/datasets", csv, CSV, Content_Encoding="gzip", Idempotency_Key="k0")
    trial.check(again.headers.get("location") == made[0], "the same key did not give the first reply again")
    for location in filter(None, made):
        service.request("DELETE", location)
    end = time.monotonic() + 20
    while (left := used(service.folder) - before) > 10 and time.monotonic() < end:
        time.sleep(1)
    trial.most("after six uploads that were deleted", left, 10, "MiB on disk")


def scratch(trial, service):
    """Uploads of half a MiB that unpack to 512 MiB, held open just before their end."""
    csv = gzip.compress(b"a,b\n" + b"1,2\n" * (512 << 18), 1)
    before = os.statvfs(service.folder)
    held = []
    for _ in range(4):
        connection = service.connect(timeout=60)
        try:
            connection.sendall(head("/datasets", len(csv) + 10, CSV, "Content-Encoding: gzip") + csv)
        except OSError:
            pass
        held.append(connection)
    taken, end = 0.0, time.monotonic() + 12
    while time.monotonic() < end:
        taken = max(taken, used(service.folder), (before.f_bavail - os.statvfs(service.folder).f_bavail) * before.f_frsize / MIB)
        time.sleep(0.3)
    # A file without a name counts only where the disk is this service's own.
    trial.most(f"open uploads of {4 * len(csv) >> 20} MiB with room for 1 GiB", taken, 1200, "MiB on disk")
    for connection in held:
        connection.close()
    time.sleep(2)
    trial.most("after they left", used(service.folder), 60, "MiB on disk")


run(attack, __doc__)
