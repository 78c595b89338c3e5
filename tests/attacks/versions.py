#!/usr/bin/env python3
"""Version files that say more than a version does, with a checksum that fits, and small requests about what is stored and long.

Held: what a file has beside what is known of files costs nothing, when it is imported and whenever it is read; words for missing
values are bounded; records in memory count what they hold; a name is not looked for among thousands, thousands of times.
"""

import gzip
import hashlib
import json
import struct
import threading
import time

from service import CSV, MIB
from trial import run

OCTETS = "application/octet-stream"
#: Bytes that are added to the index of a file, which has room for 16 MiB.
ADDED = 15_400_000
#: Models whose settings name so many columns.
MODELS, NAMED = 150, 85_000
#: Columns of a wide data set, whose names are long and begin alike.
COLUMNS, NAME = 16_000, "c" * 110


def forged(file: bytes, change) -> bytes:
    """The file with what `change` makes of its header, a text of JSON."""
    length = struct.unpack("<Q", file[:8])[0]
    index = json.loads(file[8 : 8 + length])
    header = change(index.pop("__metadata__")["epochd"])
    digest, tensors, data = hashlib.sha256(), {}, b""

    def part(piece: bytes):
        digest.update(struct.pack("<Q", len(piece)) + piece)

    part(header.encode())
    for name, told in sorted(index.items()):
        begin, end = (8 + length + offset for offset in told["data_offsets"])
        part(f"{name} {told['dtype']} {told['shape']}".encode())
        part(file[begin:end])
        tensors[name] = told | {"data_offsets": [len(data), len(data) + end - begin]}
        data += file[begin:end]
    metadata = {"epochd": header, "checksum": f"sha256:{digest.hexdigest()}"}
    index = json.dumps({"__metadata__": metadata} | tensors, separators=(",", ":")).encode()
    index += b" " * (-len(index) % 8)
    return struct.pack("<Q", len(index)) + index + data


def imported(service, name: str, file: bytes):
    body = gzip.compress(file, 6)
    return service.request("POST", f"/models/import?name={name}", body, OCTETS, 60, Content_Encoding="gzip")


def with_unknown(unit: str):
    """A header whose training has a field that nobody knows, of many small values."""
    values = ",".join([unit] * (ADDED // len(json.dumps(unit))))
    return lambda header: header.replace('"training":{', f'"training":{{"zz":[{values}],', 1)


def attack(trial):
    with trial.service() as service:
        plain = service.request("GET", "/models/good/versions/1/export", keep=64 * MIB).body
        unknown_fields(trial, service, plain)
        missing_words(trial, service)
        records(trial, service, plain)
        wide_names(trial, service)


def unknown_fields(trial, service, plain: bytes):
    for number, unit in enumerate(['{"":0}', "0", "[]"]):
        file = forged(plain, with_unknown(unit))
        reply = trial.cost(service, f"an unknown field of {unit}", lambda: imported(service, f"unknown-{number}", file))
        trial.check(reply.status in (201, 413), f"an unknown field of {unit}: {reply.status} {reply.body[:200]}")
    # Half as much is taken, and read again whenever nothing of it is in memory.
    file = forged(plain, lambda header: header.replace('"training":{', '"training":{"zz":[' + '{"":0},' * 500_000 + '0],', 1))
    reply = trial.cost(service, "half a million unknown values", lambda: imported(service, "unknown", file))
    trial.check(reply.status == 201, f"half a million unknown values: {reply.status} {reply.body[:200]}")


def missing_words(trial, service):
    service.penguins()
    file = service.request("GET", "/models/penguins/versions/1/export", keep=64 * MIB).body

    def change(header: str) -> str:
        told = json.loads(header)
        told["encoder"]["features"][0]["missing_words"] = ["10"] * 1_000_000
        return json.dumps(told, separators=(",", ":"))

    reply = trial.cost(service, "a million words for missing values", lambda: imported(service, "words", forged(file, change)))
    trial.check(reply.status == 400, f"a million words for missing values: {reply.status} {reply.body[:200]}")


def records(trial, service, plain: bytes):
    def change(header: str) -> str:
        told = json.loads(header)
        told["training"]["settings"]["features"] = [""] * NAMED
        return json.dumps(told, separators=(",", ":"))

    file, before = forged(plain, change), service.memory()
    names = [f"named-{number}" for number in range(MODELS)]
    for name in names:
        reply = imported(service, name, file)
        trial.check(reply.status == 201, f"settings that name much: {reply.status} {reply.body[:200]}")
    trial.cost(service, "a list of models whose settings name much", lambda: service.get("/models?limit=1000"))
    for name in names:
        service.get(f"/models/{name}")
    time.sleep(1)
    trial.most("records of models +", service.memory() - before, 150, "MiB")


def wide_names(trial, service):
    head = ",".join(f"{NAME}{number}" for number in range(COLUMNS)) + ",y\n"
    rows = "".join(",".join(["1" if (row + 1) % 3 else "2"] * COLUMNS) + f",{'ab'[row % 2]}\n" for row in range(12))
    reply = service.packed("/datasets?name=wide", (head + rows).encode(), CSV)
    trial.check(reply.status == 201, f"a wide data set: {reply.status} {reply.body[:200]}")
    asking = [
        threading.Thread(target=service.post, args=("/models", {"dataset": "wide", "target": "y"})) for _ in range(4)
    ]
    begin = time.monotonic()
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    trial.most("four models by a wide data set", time.monotonic() - begin, 5, "s")


run(attack, __doc__)
