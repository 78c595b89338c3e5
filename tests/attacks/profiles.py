#!/usr/bin/env python3
"""A data set of 8,000 columns of long words, and clients that ask for it and read nothing.

Held: the upload, one reply, many replies and lists of such data sets stay within bounds, and what is held for clients that
do not read is given back in a bounded time. The service has a budget of 2 GB, of which clients that do not read may fill the share
of requests.
"""

import time

from service import CSV
from trial import run


def fat(columns: int) -> bytes:
    """Ten words of 255 bytes a column."""
    line = lambda row: ",".join(f"{column}_{row % 10}_" + "x" * 245 for column in range(columns))
    return (",".join(f"c{column}" for column in range(columns)) + "\n" + "\n".join(map(line, range(20))) + "\n").encode()


def attack(trial):
    readers = 40
    with trial.service(*trial.known("--memory", "2GB")) as service:
        csv = fat(16_000 if trial.long else 8_000)
        for number in range(3 if trial.long else 1):
            reply = trial.cost(service, "upload", lambda: service.packed(f"/datasets?name=fat{number}", csv, CSV), bound=600)
        trial.check(reply.status in (201, 400, 413, 422), f"upload: {reply.status} {reply.body[:100]}")
        trial.cost(service, "one reply", lambda: service.get("/datasets/fat0"))
        trial.cost(service, "the list", lambda: service.get("/datasets?limit=1000"))
        trial.cost(service, "rows", lambda: service.get("/datasets/fat0/rows?limit=1000"))
        service.post("/models", {"name": "fat", "dataset": "fat0", "target": "c0", "recipe": "plain", "features": ["c1"]})
        held = []
        for path in ("/datasets/fat0", "/datasets?limit=1000", "/datasets/fat0/rows?limit=20"):
            ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            held += [service.connect(ask, window=4096) for _ in range(readers)]
            time.sleep(2)
        service.forget_peak()
        time.sleep(6)
        trial.most(f"{len(held)} clients that do not read: +", service.peak() - service.rest, 800, "MiB")
        for connection in held:
            connection.close()
        time.sleep(3)
        trial.most("after they left: +", service.memory() - service.rest, 300, "MiB")


run(attack, __doc__)
