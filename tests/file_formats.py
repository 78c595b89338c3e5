#!/usr/bin/env python3
"""Reads the files of a data folder by nothing but docs/file-formats.md: those of tests/fixtures, or of the folder named.

    tests/file_formats.py [DATA_FOLDER]
"""

import hashlib
import json
import math
import sqlite3
import struct
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

SIZES = {"F32": 4, "U32": 4, "F64": 8}


def tensors(path):
    """The header and the tensors (type, shape, bytes) of a tensor file, whose checksum is checked."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    index, data = json.loads(data[8 : 8 + length]), data[8 + length :]
    assert length % 8 == 0, "the index is filled up to eight bytes"
    metadata = index.pop("__metadata__")
    total = hashlib.sha256()

    def add(part):
        total.update(struct.pack("<Q", len(part)) + part)

    add(metadata["epochd"].encode())
    read = {}
    for name, entry in sorted(index.items()):
        begin, end = entry["data_offsets"]
        shape = "[" + ", ".join(map(str, entry["shape"])) + "]"
        add(f"{name} {entry['dtype']} {shape}".encode())
        add(data[begin:end])
        assert end - begin == math.prod(entry["shape"]) * SIZES[entry["dtype"]], name
        read[name] = (entry["dtype"], entry["shape"], data[begin:end])
    assert metadata["checksum"] == "sha256:" + total.hexdigest(), path
    return json.loads(metadata["epochd"]), read


def parameters_of(model, prefix):
    """The shapes of a network's tensors by their names."""
    widths = [layer if isinstance(layer, int) else layer["units"] for layer in model["layers"]]
    tables = enumerate(model.get("embeddings", []))
    shapes = {f"{prefix}embeddings.{i}.weights": [table["values"], table["dimensions"]] for i, table in tables}
    if waves := model.get("waves"):
        of_column = 2 * waves["frequencies"] + (waves["frequencies"] + 1) * waves["values"]
        shapes[f"{prefix}waves"] = [len(waves["columns"]), of_column]
    if model.get("scale"):
        shapes[f"{prefix}scale"] = [widths[0]]
    for i, (inputs, units) in enumerate(zip(widths, widths[1:])):
        shapes |= {f"{prefix}layers.{i}.weights": [inputs, units], f"{prefix}layers.{i}.biases": [units]}
    return shapes


def check_version(path):
    header, read = tensors(path)
    members = header.get("members", [])
    assert {"model", "encoder", "training"} <= header.keys()
    expected = {} if members else parameters_of(header["model"], "")
    for i, member in enumerate(members):
        expected |= parameters_of(member["model"], f"members.{i}.")
    histograms = {name: values for name, values in read.items() if name.startswith("histograms.")}
    beside = {"scores", "background", *histograms}
    found = {name: shape for name, (_, shape, _) in read.items() if name not in beside}
    assert found == expected, (path, found, expected)
    if "background" in read:
        model = header["model"]
        waves, tables = model.get("waves", {"columns": [], "values": 0}), model.get("embeddings", [])
        # Codes come in, vectors and values of waves are made of what does.
        made = len(waves["columns"]) * waves["values"] + sum(table["dimensions"] - 1 for table in tables)
        rows, inputs = read["background"][1]
        assert 1 <= rows <= 32 and inputs == model["layers"][0] - made, path
    has_front = any("waves" in member["model"] or "scale" in member["model"] for member in members or [header])
    has_parts = "conformal" in header
    is_straight = any("unclipped" in member["model"] for member in members)
    form = 4 if has_parts or is_straight or {"log1p", "rate"} & (header["encoder"] or {}).get("target", {}).keys() else 3 if "background" in read or has_front else 2 if members or histograms else 1
    assert header["format"] == form, (path, header["format"])
    assert ("table" in header) == bool(header["encoder"])
    if "scores" in read:
        scores = struct.unpack(f"<{read['scores'][1][0]}f", read["scores"][2])
        parts = header.get("conformal", {"bounds": [], "rows": [header["held_out"]], "kept": [len(scores)]})
        assert len(parts["bounds"]) + 1 == len(parts["rows"]) == len(parts["kept"]) <= 4
        assert sum(parts["rows"]) == header["held_out"] and sum(parts["kept"]) == len(scores)
        assert parts["bounds"] == sorted(set(parts["bounds"]))
        for rows, kept in zip(parts["rows"], parts["kept"]):
            own, scores = scores[:kept], scores[kept:]
            assert list(own) == sorted(own) and len(own) <= rows
        if has_parts and header["encoder"]["target"]["task"] == "regression":
            size = parts["error_size"]
            assert size["answers"] == sorted(set(size["answers"])) and len(size["sizes"]) == len(size["answers"])
            assert all(one > 0 for one in size["sizes"])
    if histograms:
        features = len(header["encoder"]["features"])
        bins = [bins for (bins,) in struct.iter_unpack("<I", histograms["histograms.bins"][2])]
        assert len(bins) in (features, features + 1), "one more is of what was answered"
        assert histograms["histograms.counts"][1] == [sum(bins) + len(bins)]
        assert histograms["histograms.bounds"][0] == "F64"


def check_checkpoint(path):
    header, read = tensors(path)
    others = header.pop("others", [])
    assert header["format"] == 1 and header.keys() == {"format", "warnings", "elapsed_seconds", "trainer"}
    prefixes = ["", *(f"members.{number}." for number in range(1, len(others) + 1))]
    own = {"parameters", "optimizer.first", "optimizer.second", "complete_parameters", "order"}
    names = {prefix + name for prefix in prefixes for name in own} | {"history"}
    assert names <= read.keys() <= names | {prefix + "best_parameters" for prefix in prefixes}
    assert read["history"][1] == [4 * header["trainer"]["epoch"]] and read["order"][0] == "U32"


def check_rows(path):
    header, read = tensors(path)
    assert header == {"format": 1}
    assert {"train.inputs", "train.targets"} <= read.keys()
    assert read["train.inputs"][1][0] == read["train.targets"][1][0]


def check_parquet(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[-8:-4])
    footer = data[-8 - length : -8]
    assert data[:4] == data[-4:] == b"PAR1" and b"epochd" in footer and b'{"format":1}' in footer


def check_checksums(blobs, catalog):
    """Reads the table of checksums, if the release had one, and holds the blobs against it; how many there are."""
    if not catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'checksums'").fetchone():
        return 0
    rows = catalog.execute("SELECT blob, bytes, blocks FROM checksums").fetchall()
    for blob, size, blocks in rows:
        data = blobs.joinpath(blob).read_bytes()
        sums = [f"{zlib.crc32(data[at : at + 65536]):08x}" for at in range(0, len(data), 65536)]
        assert (len(data), "".join(sums)) == (size, blocks), blob
    identity = json.loads(blobs.joinpath("state.json").read_text())
    assert identity["format"] == 1 and catalog.execute("SELECT one, id FROM state").fetchall() == [(1, identity["id"])]
    return len(rows)


def check_drift(blobs, catalog):
    """Holds the counts of what was asked against the histograms of the version, if the release had any; how many there are."""
    if not catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'drift'").fetchone():
        return 0
    rows = catalog.execute(
        "SELECT counts, worst, drift.rows_count, blob FROM drift JOIN versions ON versions.model_id = drift.model_id AND number = version"
    ).fetchall()
    for counts, worst, count, blob in rows:
        header, read = tensors(blobs / blob)
        bins = [bins for (bins,) in struct.iter_unpack("<I", read["histograms.bins"][2])]
        of_words = sum(feature["type"] == "categorical" for feature in header["encoder"]["features"])
        counts = json.loads(counts)
        assert len(bins) > 256 or len(counts) == sum(bins) + len(bins) + of_words, blob
        assert len(bins) > 256 or sum(counts) == count * len(bins), blob
        assert all(far >= 0 for _, far in json.loads(worst))
    for sums, count in catalog.execute("SELECT sums, rows_count FROM feedback").fetchall():
        sums = json.loads(sums)
        if sums["task"] == "classification":
            assert sum(part["rows"] for part in sums["bins"]) == count
        else:
            assert sums.keys() == {"task", "squared", "absolute", "mean", "spread"}
    return len(rows)


def check(folder):
    blobs = Path(folder, "blobs")
    counts = {}
    for kind, read in {"versions": check_version, "initial": check_version, "checkpoints": check_checkpoint, "rows": check_rows,
                       "datasets": check_parquet}.items():
        files = list(blobs.joinpath(kind).glob("*"))
        for path in files:
            read(path)
        counts[kind] = len(files)
    catalog = sqlite3.connect(Path(folder, "catalog.sqlite"))
    ended = catalog.execute("SELECT id, outcome FROM jobs WHERE outcome IS NOT NULL").fetchall()
    counts["histories"] = 0
    for job, outcome in ended:
        history = blobs / "histories" / job
        if history.exists():
            entries = [struct.unpack("<4d", entry) for entry in batches(history.read_bytes(), 32)]
            histories, rest = divmod(len(entries), json.loads(outcome)["epoch"])
            assert rest == 0 and histories in (1, *range(3, 66)), outcome
            counts["histories"] += 1
    counts["checksums"] = check_checksums(blobs, catalog)
    counts["drift"] = check_drift(blobs, catalog)
    document = Path(__file__).parent.parent.joinpath("docs/file-formats.md").read_text()
    for (table,) in catalog.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = [row[1] for row in catalog.execute(f"PRAGMA table_info({table})")]
        missing = [name for name in [table, *columns] if f"`{name}`" not in document]
        assert table.startswith(("sqlite_", "_sqlx")) or not missing, (table, missing)
    return counts


def batches(data, size):
    assert len(data) % size == 0
    return (data[at : at + size] for at in range(0, len(data), size))


def main():
    if sys.argv[1:]:
        return print(sys.argv[1], check(sys.argv[1]))
    for path in sorted(Path(__file__).parent.glob("fixtures/*.safetensors")):
        check_version(path)
        print(path.name)
    for archive in sorted(Path(__file__).parent.glob("fixtures/state-*/sqlite.tar.gz")):
        with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as packed:
            packed.extractall(folder)
            print(archive.parent.name, check(folder))


main()
