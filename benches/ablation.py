#!/usr/bin/env python3
"""What each part of the recipe `standard` brings: trains with all of them, and with each turned off or put back to what is plain;
and with labels smoothed, as RealMLP has them.

    benches/ablation.py URL FOLDER [--seeds 1,2] [--only TABLE,…] [--parts PART,…] [--out FILE]

FOLDER has `manifest.json`, a list `datasets` of objects with `name`, `task` and `target`, and for each name a folder of that
name with `train.csv.gz` and `test.csv.gz`. Every run is scored on the test rows, and written to FILE, from which a run that was cut
off goes on. Prints for each part the change of the geometric mean, over tables and seeds, of classification error, log-loss and
RMSE without it: above 0 is what the part brings. Standard library only.
"""

import argparse
import csv
import gzip
import io
import json
import math
import statistics
import time
import urllib.request
from pathlib import Path

# What a model and a training are asked for beside the table.
PARTS = {
    "all": ({}, {}),
    "folds": ({}, {"members": 1}),
    "parts of RealMLP": ({"recipe": "plain"}, {}),
    "waves": ({"without": ["waves"]}, {}),
    "bins": ({"without": ["bins"]}, {}),
    "factors of columns": ({"without": ["scale"]}, {}),
    "NTK and parameters by the rows": ({"without": ["ntk"]}, {}),
    "Mish": ({"activation": "relu"}, {}),
    "linear share": ({"without": ["linear_model"]}, {}),
    "early stopping": ({}, {"early_stopping": None}),
    "dropout": ({"dropout": 0}, {}),
    "weight decay": ({}, {"weight_decay": 0}),
    "coslog4": ({}, {"learning_rate_schedule": "cosine"}),
    "scale of the target": ({}, {"target_scale": "identity"}),
    "smoothed labels": ({}, {"label_smoothing": 0.1}),
}
# Parts of which one kind of target knows nothing.
OF_NUMBERS, OF_CLASSES = "target_scale", "label_smoothing"


def call(url, body=None, content_type="application/json", accept="application/json"):
    headers = {"Content-Type": content_type, "Accept": accept}
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=600) as reply:
        return reply.read()


def post(url, document):
    return json.loads(call(url, json.dumps(document).encode()))


def scores(task, target, test, reply):
    """The measures of which less is better."""
    rows = list(csv.DictReader(io.StringIO(reply.decode())))
    truth = [row[target] for row in test]
    if task == "regression":
        squares = [(float(row["prediction"]) - float(y)) ** 2 for row, y in zip(rows, truth)]
        return {"rmse": math.sqrt(statistics.fmean(squares))}
    error = statistics.fmean(row["prediction"] != y for row, y in zip(rows, truth))
    losses = [-math.log(max(1e-15, float(row[f"probability_{y}"]))) for row, y in zip(rows, truth)]
    # Half a row wrong, so that a table without an error has a logarithm.
    return {"error": error + 0.5 / len(rows), "log_loss": statistics.fmean(losses)}


def run(url, folder, entry, part, seed):
    model_settings, training = PARTS[part]
    name = f"ablation-{entry['name']}-{time.time_ns()}".replace("_", "-")
    train, test = (gzip.open(folder / entry["name"] / f"{which}.csv.gz").read() for which in ("train", "test"))
    dataset = json.loads(call(f"{url}/datasets?name={name}", train, "text/csv"))["id"]
    task = "regression" if entry["task"] == "regression" else "classification"
    model = {"name": name, "dataset": dataset, "target": entry["target"], "task": task, "seed": seed, **model_settings}
    post(f"{url}/models", model)
    foreign = OF_CLASSES if task == "regression" else OF_NUMBERS
    training = {key: value for key, value in training.items() if key != foreign}
    job = post(f"{url}/models/{name}/train", training)
    while job["state"] in ("queued", "running"):
        job = json.loads(call(f"{url}/jobs/{job['id']}?wait=30"))
    assert job["state"] == "succeeded", job
    reply = call(f"{url}/models/{name}/predict?unknown=ignore", test, "text/csv", "text/csv")
    return scores(task, entry["target"], list(csv.DictReader(io.StringIO(test.decode()))), reply)


def table(results, parts):
    print("| without | error | log-loss | RMSE | tables |\n|---|---|---|---|---|")
    for part in parts:
        changes, tables = {"error": [], "log_loss": [], "rmse": []}, set()
        for (name, one, seed), found in results.items():
            base = results.get((name, "all", seed))
            if one == part and base:
                tables.add(name)
                for measure, value in found.items():
                    changes[measure].append(math.log(value / base[measure]))
        cells = [f"{100 * math.expm1(statistics.fmean(of)):+.1f} %" if of else "–" for of in changes.values()]
        if part != "all":
            print(f"| {part} | {' | '.join(cells)} | {len(tables)} |")


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("url")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--seeds", default="1,2")
    asked.add_argument("--only")
    asked.add_argument("--parts", default=",".join(PARTS))
    asked.add_argument("--out", type=Path, default=Path("ablation.jsonl"))
    asked = asked.parse_args()
    parts = asked.parts.split(",")
    results = {}
    if asked.out.exists():
        for line in asked.out.read_text().splitlines():
            entry = json.loads(line)
            results[entry["table"], entry["part"], entry["seed"]] = entry["scores"]
    entries = json.loads((asked.folder / "manifest.json").read_text())["datasets"]
    chosen = [entry for entry in entries if not asked.only or entry["name"] in asked.only.split(",")]
    for entry in chosen:
        for seed in map(int, asked.seeds.split(",")):
            for part in parts:
                key = entry["name"], part, seed
                if key in results:
                    continue
                results[key] = run(asked.url, asked.folder, entry, part, seed)
                with asked.out.open("a") as out:
                    out.write(json.dumps(dict(zip(("table", "part", "seed"), key), scores=results[key])) + "\n")
    table(results, parts)


main()
