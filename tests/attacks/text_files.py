#!/usr/bin/env python3
"""Text files built to be slow or to become large: quotes, empty lines, many columns, many keys, long numbers, deep nesting.

Held: each is read or refused at a bounded time a MiB, and one of under 1 MB packed costs no more memory than it may.
"""

import gzip
import time

from service import CSV, JSON, MIB, NDJSON
from trial import run

#: Seconds that a MiB may take, on a machine that does other things as well.
PACE = 0.5


def csv_files(size: int):
    unit = lambda text: text * (size // len(text))
    yield "quotes only", b"a,b\n" + unit(b'"')
    yield "an open quote", b'a,b\n"' + unit(b"x,y\n")
    yield "empty quotes", b"a,b\n" + unit(b'"",""\n')
    yield "doubled quotes", b"a,b\n" + unit(b'"""""""""",1\n')
    yield "empty lines", b"a,b\n" + unit(b"\n")
    yield "carriage returns", b"a,b\r" + unit(b"1,2\r")
    yield "one column", b"a\n" + unit(b"1\n")
    yield "commas in one line", b"a,b\n" + unit(b",")
    yield "16,000 empty columns", b",".join(b"c%d" % i for i in range(16_000)) + b"\n" + unit(b"," * 15_999 + b"\n")
    yield "names of 1 MB", b",".join(b"%d" % i + b"h" * 1_000_000 for i in range(20)) + b"\n" + b",".join([b"1"] * 20) + b"\n"
    yield "16,000 equal names", b",".join([b"a"] * 16_000) + b"\n" + b",".join([b"1"] * 16_000) + b"\n"
    yield "long numbers", b"a,b\n" + unit(b"1" * 1000 + b"," + b"0." + b"3" * 1000 + b"\n")
    yield "dates", b"a,b\n" + unit(b"2024-01-01T00:00:00.123456789+01:00,12/31/2024\n")
    yield "types that change at the end", b"a,b\n" + unit(b"1,2\n") + b"x,y\n"
    yield "words that are all different", b"a,b\n" + b"".join(b"w%d,%d\n" % (i, i) for i in range(size // 16))
    yield "long words, all different", b"a\n" + b"".join(b"%d" % i + b"x" * 60_000 + b"\n" for i in range(size // 60_006))
    yield "NUL bytes", b"a,b\n" + unit(b"\0")


def json_files(size: int):
    unit = lambda text: text * (size // len(text))
    yield NDJSON, "empty rows", unit(b"{}\n")
    yield NDJSON, "a new key each row", b"".join(b'{"k%d":1}\n' % i for i in range(size // 12))
    yield NDJSON, "16,000 keys, then none", b"{" + b",".join(b'"k%d":1' % i for i in range(16_000)) + b"}\n" + unit(b"{}\n")
    yield NDJSON, "escapes", b'{"a":"' + unit(b"\\\\") + b'"}\n'
    yield NDJSON, "escapes of letters", b'{"a":"' + b"\\u0041" * 100_000 + b'"}\n' + b'{"a":"x"}\n' * 100
    yield NDJSON, "one key many times", b"{" + b",".join([b'"k":1'] * (size // 6)) + b"}\n"
    yield JSON, "blanks", b"[" + unit(b" ") + b"]"
    yield JSON, "empty rows in a list", b"[" + unit(b"{},") + b"{}]"
    yield JSON, "deep nesting", b'[{"a":' + unit(b"[") + b"]"
    yield JSON, "commas", b"[" + unit(b",") + b"]"
    yield JSON, "a word without end", b'[{"a":"' + unit(b"x")


def attack(trial):
    size = (64 if trial.long else 12) * MIB
    with trial.service() as service:
        slowest = 0.0
        files = [(CSV, name, data) for name, data in csv_files(size)] + list(json_files(size))
        for kind, name, data in files:
            packed, begin = gzip.compress(data, 6), time.monotonic()
            ask = lambda: service.request("POST", "/datasets", packed, kind, 120, Content_Encoding="gzip")
            # Those of more than 1 MB packed may take more, within the budget.
            reply = trial.cost(service, f"{name}, {len(packed) >> 10} KiB", ask, bound=300 if len(packed) <= 1_000_000 else 600)
            seconds = time.monotonic() - begin
            slowest = max(slowest, seconds)
            trial.check(seconds < 5 + PACE * size / MIB, f"{name} took {seconds:.1f} s")
            if reply.status == 201:
                service.request("DELETE", reply.headers["location"])
        trial.most(f"slowest file of {size >> 20} MiB", slowest, 5 + PACE * size / MIB, "s")


run(attack, __doc__)
