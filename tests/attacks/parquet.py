#!/usr/bin/env python3
"""Parquet and Arrow files of a few KiB that unpack to gigabytes, and uploads of 8,000 columns one after another.

Held: no such file adds more than it may, in a piece or over all columns, and what uploads took is given back. Needs pyarrow.
"""

import io
import os
import random
import sys
import time

try:
    import pyarrow
    import pyarrow.ipc
    import pyarrow.parquet
except ModuleNotFoundError:
    if os.environ.get("CI"):
        sys.exit("pyarrow is not installed")
    print("LEFT OUT: pyarrow is not installed (pip install pyarrow)")
    sys.exit(0)

from service import PARQUET
from trial import run

ARROW = "application/vnd.apache.arrow.stream"


def parquet(columns: dict, **options) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file, **({"compression": "zstd", "write_statistics": False} | options))
    return file.getvalue()


def arrow(columns: dict) -> bytes:
    table, file = pyarrow.table(columns), io.BytesIO()
    options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
    with pyarrow.ipc.new_stream(file, table.schema, options=options) as writer:
        writer.write_table(table)
    return file.getvalue()


def files():
    """Name, bytes, content type."""
    # A dictionary of one word: as plain cells they would take gigabytes here as well.
    turns = lambda rows, some: pyarrow.DictionaryArray.from_arrays(pyarrow.array([row % len(some) for row in range(rows)], pyarrow.int32()), some)
    words = lambda columns, rows, length: {f"w{column}": turns(rows, ["x" * length]) for column in range(columns)}
    for columns, rows, length in ((10, 4_000, 30_000), (60, 4_000, 30_000), (200, 1_000, 30_000), (1_500, 1_000, 3_000)):
        yield f"{columns} columns of a word of {length}", parquet(words(columns, rows, length), store_schema=False), PARQUET
    plain = {"use_dictionary": False, "data_page_size": 1 << 30, "row_group_size": 2000}
    for columns in (1, 3):
        yield f"{columns} columns of a plain word of 900,000", parquet({f"w{c}": ["x" * 900_000] * 300 for c in range(columns)}, **plain), PARQUET
    few = [f"{number}" + "y" * 60_000 for number in range(4)]
    yield "words that take turns", parquet({f"w{c}": turns(2_000, few) for c in range(30)}, store_schema=False), PARQUET
    zeros = {f"n{column}": pyarrow.repeat(0.0, 1_000_000) for column in range(30)}
    yield "30 columns of a million zeros", parquet(zeros), PARQUET
    yield "no cell at all", parquet({f"n{c}": pyarrow.nulls(500_000, pyarrow.float64()) for c in range(50)}), PARQUET
    yield "4,000 columns of a cell", parquet({f"n{column}": [1.0] for column in range(4_000)}), PARQUET
    yield "an Arrow stream of a word", arrow({f"w{c}": ["x" * 30_000] * 500 for c in range(20)}), ARROW
    shared = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 4_000, pyarrow.int8()), ["x" * 30_000])
    yield "an Arrow dictionary", arrow({f"w{column}": shared for column in range(60)}), ARROW


def attack(trial):
    made = list(files())
    with trial.service() as service:
        for what, data, kind in made:
            ask = lambda: service.request("POST", "/datasets", data, kind, 120)
            reply = trial.cost(service, f"{what}, {len(data) >> 10} KiB", ask)
            trial.check(len(data) <= 1_000_000, f"{what} has {len(data)} bytes")
            if reply.status == 201:
                service.request("DELETE", reply.headers["location"])
        for what, data, kind in made:
            reply = trial.cost(service, f"train: {what}", lambda: service.request("POST", "/train?target=w0&recipe=plain", data, kind, 120))
            if reply.status == 202:
                service.request("POST", f"/jobs/{reply.json()['id']}/cancel")
                service.ended(reply.json()["id"])
    with trial.service() as service:
        retention(trial, service)


def retention(trial, service):
    """Wide files, of which half are deleted again."""
    draw = random.Random(1)
    wide = parquet({f"c{column}": [draw.random() for _ in range(50)] for column in range(8_000)})
    for turn in range(24 if trial.long else 8):
        reply = service.request("POST", "/datasets", wide, PARQUET, 60)
        trial.check(reply.status == 201, f"an upload of 8,000 columns: {reply.status} {reply.body[:100]}")
        if turn % 2 and reply.status == 201:
            service.request("DELETE", reply.headers["location"])
    time.sleep(8)
    trial.most("after wide uploads: +", service.memory() - service.rest, 250, "MiB")


run(attack, __doc__)
