#!/usr/bin/env python3
"""How long epochd and RealMLP in PyTorch take for the same epochs of about the same network, on public tables.

    benches/realmlp.py URL PID FOLDER [--tables TABLE,…] [--epochs N] [--threads N]

URL is that of an epochd service on this machine that does nothing else, and PID its process. FOLDER has `manifest.json`, a list `datasets` of objects with `name`, `task`
and `target`, and for each name a folder of that name with `train.csv.gz` and `test.csv.gz`. Both train one network of three layers
of 256 units with waves beside numbers and a factor for each column, on four fifths of the rows in batches of 256, and stop at no
earlier epoch: RealMLP-TD of pytabkit, and the recipe `standard` with one network and without bins, linear model and trials. The processor
seconds are those of the whole fit, from the rows to a model that answers; epochd's from a stored data set. Needs pytabkit and pandas.
"""

import argparse
import gzip
import io
import json
import os
import time
import urllib.request
from pathlib import Path

import pandas
import torch
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

TABLES = "titanic,credit_g,taxis,wine_quality,california"


def call(url, body=None, content_type="application/json"):
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=600) as reply:
        return reply.read()


def post(url, document):
    return json.loads(call(url, json.dumps(document).encode()))


def processor_seconds(pid):
    """User and system time of a process (proc(5): fields 14 and 15, the name of the program may have blanks)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(work, processor):
    since, used = time.perf_counter(), processor()
    work()
    return time.perf_counter() - since, processor() - used


def of_epochd(url, pid, train, entry, epochs):
    name = f"realmlp-{entry['name']}-{time.time_ns()}".replace("_", "-")
    is_regression = entry["task"] == "regression"
    dataset = json.loads(call(f"{url}/datasets?name={name}", train, "text/csv"))["id"]
    model = {"name": name, "dataset": dataset, "target": entry["target"], "without": ["bins", "linear_model"]}
    post(f"{url}/models", model | {"task": "regression" if is_regression else "classification"})
    asked = {"members": 1, "epochs": epochs, "batch_size": 256, "validation_split": 0.2, "early_stopping": None}
    if is_regression:
        asked["target_scale"] = "identity"

    def fit():
        job = post(f"{url}/models/{name}/train", asked)
        while job["state"] in ("queued", "running"):
            job = json.loads(call(f"{url}/jobs/{job['id']}?wait=30"))
        assert job["state"] == "succeeded" and job["epoch"] == epochs, job

    return timed(fit, lambda: processor_seconds(pid))


def of_realmlp(table, entry, epochs, threads):
    kind = RealMLP_TD_Regressor if entry["task"] == "regression" else RealMLP_TD_Classifier
    x, y = table.drop(columns=entry["target"]), table[entry["target"]]
    words = x.columns[[not pandas.api.types.is_numeric_dtype(of) for of in x.dtypes]]
    x[words] = x[words].fillna("").astype("category")
    # Missing numbers are no subject here: RealMLP takes none.
    x = x.fillna(x.median(numeric_only=True))
    model = kind(device="cpu", random_state=0, n_cv=1, n_epochs=epochs, batch_size=256, val_fraction=0.2, n_threads=threads)
    return timed(lambda: model.fit(x, y), time.process_time)


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("url")
    asked.add_argument("pid", type=int)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--tables", default=TABLES)
    asked.add_argument("--epochs", type=int, default=32)
    asked.add_argument("--threads", type=int, default=2)
    asked = asked.parse_args()
    torch.set_num_threads(asked.threads)
    print("| table | rows | RealMLP s | of processors | epochd s | of processors | ratio of processors |\n|---|---|---|---|---|---|---|")
    for entry in json.loads((asked.folder / "manifest.json").read_text())["datasets"]:
        if entry["name"] not in asked.tables.split(","):
            continue
        train = gzip.open(asked.folder / entry["name"] / "train.csv.gz").read()
        table = pandas.read_csv(io.BytesIO(train))
        # The first fit of a process loads libraries.
        of_realmlp(table.head(100), entry, 2, asked.threads)
        peer = of_realmlp(table, entry, asked.epochs, asked.threads)
        ours = of_epochd(asked.url, asked.pid, train, entry, asked.epochs)
        cells = [f"{seconds:.1f}" for seconds in (*peer, *ours)]
        print(f"| {entry['name']} | {len(table):,} | {' | '.join(cells)} | {peer[1] / ours[1]:.1f} |", flush=True)


main()
