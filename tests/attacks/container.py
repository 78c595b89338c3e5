#!/usr/bin/env python3
"""A mix of attacks at once on a service with default settings inside 2 GiB: clients that do not read, bodies that do not end,
packed records, wide evaluations, long replies, uploads and trainings.

Held: the process lives and serves; of the requests of a good client that comes from the attackers' address one in a hundred may be
refused, those of others never. The bound is a control group's; where none can be made, the service is told of its memory and
its resident memory is held against 2 GiB.
"""

import gzip
import itertools
import threading
import time

from cgroup import Group
from service import CSV, JSON, MIB, OCTETS, filled, head, wide_csv
from trial import run

BOUND = 2 << 30


def attack(trial):
    group = Group.new(BOUND)
    flags = () if group else trial.known("--memory", "1600MiB")
    trial.figures.append("a control group of 2 GiB" if group else "told of 1,600 MiB")
    try:
        with trial.service(*flags, group=group, refused=0.01) as service:
            service.table("wide", "y", wide_csv(8_000, 40), hidden_layers=2)
            service.layers("broad", [1, 100], targets=[[0] * 100] * 2)
            service.packed("/datasets?name=fat", fat(4_000), CSV)
            mix(trial, service, 90 if trial.long else 25)
            trial.most("resident at most", service.peak(), BOUND / MIB, "MiB")
            time.sleep(5)
            trial.most("after the mix: +", service.memory() - service.rest, 400, "MiB")
            trial.check(service.get("/readyz").status == 200, "not ready after the mix")
    finally:
        if group:
            trial.figures.append(f"the group's peak {group.peak():.0f} MiB")
            group.remove()


def fat(columns: int) -> bytes:
    line = lambda row: ",".join(f"{column}_{row % 10}_" + "x" * 245 for column in range(columns))
    return (",".join(f"c{column}" for column in range(columns)) + "\n" + "\n".join(map(line, range(20))) + "\n").encode()


def attackers(service):
    """What each thread does again and again."""
    broad = b'{"inputs":[' + b"[0]," * 98_999 + b"[0]]}"
    sparse = b",".join(b'{"%s":1}' % key.encode() for key in "abcdefghijklmnop") + b","
    packed = gzip.compress(filled(b'{"records":[', sparse, b"{}]}", 200 * MIB), 6)
    empty = b'{"records":[' + b"{}," * 20_000 + b"{}]}"
    words = gzip.compress(b"a,b\n" + b"".join(b"w%d,%d\n" % (i, i) for i in range(1_500_000)), 1)
    rows = {"inputs": [[0.1] * 2] * 50_000, "targets": [1.0] * 50_000, "epochs": 3}
    octets = head("/models/good/predict", 200 * MIB, OCTETS) + bytes(180 * MIB)
    ask = service.request
    yield lambda: held(service, head("/models/broad/predict", len(broad)) + broad)
    yield lambda: held(service, b"GET /datasets/fat HTTP/1.1\r\nHost: localhost\r\n\r\n")
    yield lambda: held(service, octets)
    yield lambda: ask("POST", "/models/good/predict", packed, JSON, 30, Content_Encoding="gzip")
    yield lambda: ask("POST", "/models/wide/evaluate", empty, JSON, 30, keep=0)
    yield lambda: ask("POST", "/models/wide/predict", empty, JSON, 30, keep=0)
    yield lambda: ask("POST", "/datasets", words, CSV, 60, keep=0, Content_Encoding="gzip")
    yield lambda: service.post("/models/good/train", rows, 30)
    yield lambda: service.post("/models", {"layers": [1000, 3000, 1000]}, 30)
    yield lambda: service.packed(f"/train?name=t{next(numbers)}&target=c1", fat(500), CSV, 60)


numbers = itertools.count()


def held(service, data: bytes):
    """A client that sends and reads nothing for a while."""
    try:
        connection = service.connect(window=4096)
        connection.settimeout(20)
        connection.sendall(data)
        time.sleep(5)
        connection.close()
    except OSError:
        pass


def mix(trial, service, seconds: float):
    """Each of them from two threads at once."""
    end, counts = time.monotonic() + seconds, {}

    def again(number: int, act):
        while time.monotonic() < end and service.alive():
            act()
            counts[number] = counts.get(number, 0) + 1

    acts = [*attackers(service), *attackers(service)]
    threads = [threading.Thread(target=again, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 120)
    trial.figures.append(f"{sum(counts.values())} attacks in {seconds} s")


run(attack, __doc__)
