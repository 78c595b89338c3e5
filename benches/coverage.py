#!/usr/bin/env python3
"""Measures whether intervals hold: trains on tables of numbers, asks for intervals of rows that no training saw, and counts.

    benches/coverage.py URL FOLDER [TABLE…]

FOLDER has `manifest.json`, a list `datasets` of objects with `name`, `task` and `target`, and for each name a folder of that
name with `train.csv.gz` and `test.csv.gz`. Regressions are taken, and with them one table that is made here. Prints a row for
each: the share of test rows within their intervals, overall and in the quarter of the rows, by what was answered, that is farthest
from the level. Standard library only.
"""

import csv
import gzip
import io
import json
import math
import random
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

LEVELS = (0.8, 0.9, 0.95)


def call(url, body=None, headers=None):
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers or {}), timeout=600) as reply:
        return reply.read()


def as_csv(rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def made():
    """Three numbers whose sum is learned in exponents, with noise that is a share of the value."""
    draw = random.Random(1)
    rows = [["a", "b", "c", "y"]]
    for _ in range(12_000):
        a, b, c = (draw.gauss(0, 1) for _ in range(3))
        rows.append([a, b, c, 10 * math.exp(a - b / 2) * math.exp(0.5 * draw.gauss(0, 1))])
    return rows[:8001], rows[:1] + rows[8001:]


def tables(folder, only):
    for entry in json.loads((folder / "manifest.json").read_text())["datasets"]:
        if entry["task"] == "regression" and (not only or entry["name"] in only):
            files = [folder / entry["name"] / f"{which}.csv.gz" for which in ("train", "test")]
            yield entry["name"], entry["target"], *(list(csv.reader(gzip.open(file, "rt", newline=""))) for file in files)
    if not only or "made" in only:
        yield "made", "y", *made()


def skewness(values):
    mean = sum(values) / len(values)
    moment = lambda power: sum((value - mean) ** power for value in values) / len(values)
    return moment(3) / moment(2) ** 1.5


def measured(url, name, target, train, test):
    query = {"name": f"coverage-{name}-{time.time_ns()}".replace("_", "-"), "target": target, "task": "regression"}
    as_text = {"Content-Type": "text/csv"}
    job = json.loads(call(f"{url}/train?{urllib.parse.urlencode(query)}", as_csv(train), as_text))
    while job["state"] in ("queued", "running"):
        job = json.loads(call(f"{url}/jobs/{job['id']}?wait=30"))
    assert job["state"] == "succeeded", job
    place = test[0].index(target)
    truth = [float(row[place]) for row in test[1:]]
    rows = as_csv([row[:place] + row[place + 1 :] for row in test])
    cells = [f"{skewness([float(row[place]) for row in train[1:]]):.1f}"]
    for level in LEVELS:
        reply = call(f"{url}/models/{job['model_id']}/predict?interval={level}", rows, {**as_text, "Accept": "text/csv"})
        answers = [[float(row[name]) for name in ("prediction", "lower", "upper")] for row in csv.DictReader(io.StringIO(reply.decode()))]
        held = sorted((value, lower <= y <= upper) for (value, lower, upper), y in zip(answers, truth))
        held = [within for _, within in held]
        ends = [len(held) * quarter // 4 for quarter in range(5)]
        quarters = [sum(held[a:b]) / (b - a) for a, b in zip(ends, ends[1:])]
        worst = max(quarters, key=lambda share: abs(share - level))
        cells.append(f"{sum(held) / len(held):.3f}, {worst:.3f}")
    return f"| {name} | {len(train) - 1:,} | {len(test) - 1:,} | {' | '.join(cells)} |"


def main():
    url, folder, *only = sys.argv[1:]
    print("| table | rows | test rows | skewness | " + " | ".join(map(str, LEVELS)) + " |")
    print("|" + "---|" * (4 + len(LEVELS)))
    for table in tables(Path(folder), only):
        print(measured(url, *table), flush=True)


main()
