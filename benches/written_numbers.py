#!/usr/bin/env python3
"""How long a data set of numbers takes to be read, however they are written, in turns on one machine.

    benches/written_numbers.py [--rounds N] [--rows N] [--cores LIST] [--baseline BINARY] target/release/epochd

The same numbers, ten columns, are posted to /datasets as a program writes them and as people do: with thousands separators and a
currency, with decimal comma and percent, and dates besides. `--baseline` names a binary of an earlier commit, which is sent the plain
file beside this one: what it makes of the others is words. Prints the median of the times, and of the ratios within a round.
Needs curl, and taskset for `--cores`.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

COLUMNS = 10


def files(folder, rows):
    """The same numbers in several files."""
    chance = random.Random(1)
    numbers = [[chance.uniform(1_000, 999_999) for _ in range(COLUMNS)] for _ in range(rows)]
    days = [(chance.randrange(1, 13), chance.randrange(1, 29), chance.randrange(1990, 2025)) for _ in range(rows)]

    def written(name, cell, separator=",", day=None):
        path = Path(folder) / f"{name}.csv"
        with path.open("w") as out:
            names = [f"c{at}" for at in range(COLUMNS)] + (["day"] if day else [])
            out.write(separator.join(names) + "\n")
            for row, of_day in zip(numbers, days):
                cells = [cell(number) for number in row] + ([day.format(*of_day)] if day else [])
                out.write(separator.join(cells) + "\n")
        return path

    def comma(number):
        return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))

    return {
        "plain": written("plain", lambda number: f"{number:.2f}"),
        "$1,234.56": written("dollars", lambda number: f'"${number:,.2f}"'),
        "1.234,56": written("commas", comma, ";"),
        "1.234,56 %": written("percent", lambda number: comma(number) + " %", ";"),
        "plain, 2019-07-15": written("days", lambda number: f"{number:.2f}", day="{2}-{0:02}-{1:02}"),
        "plain, 7/15/2019": written("written_days", lambda number: f"{number:.2f}", day="{0}/{1}/{2}"),
    }


class Service:
    def __init__(self, binary, folder, cores):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        data = tempfile.mkdtemp(dir=folder)
        command = ["taskset", "-c", cores] if cores else []
        command += [binary, "--listen", self.url.removeprefix("http://"), "--data-dir", data]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                urllib.request.urlopen(self.url + "/livez")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{binary} does not listen")

    def processor_time(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def time(self, path):
        """Seconds, and seconds of processors, from the first byte to the reply."""
        before, start = self.processor_time(), time.perf_counter()
        command = ["curl", "-sS", "-H", "content-type: text/csv", "-H", "expect:", "-T", str(path), "-X", "POST", self.url + "/datasets"]
        reply = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        taken = time.perf_counter() - start, self.processor_time() - before
        types = [column["type"] for column in reply["columns"]][:COLUMNS]
        request = urllib.request.Request(f"{self.url}/datasets/{reply['id']}", method="DELETE")
        urllib.request.urlopen(request)
        return taken, types


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--baseline")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--cores", help="those of the service, as taskset takes them")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made, new = files(folder, asked.rows), Service(asked.binary, folder, asked.cores)
        turns = {name: (new, path) for name, path in made.items()}
        if asked.baseline:
            turns["baseline, plain"] = Service(asked.baseline, folder, asked.cores), made["plain"]
        times = {name: [] for name in turns}
        for at in range(asked.rounds + 1):
            for name in random.sample(list(turns), len(turns)):
                service, path = turns[name]
                taken, types = service.time(path)
                assert set(types) == {"numeric"}, (name, types)
                # The first round warms up.
                times[name] += [taken] if at else []
        for service, _ in turns.values():
            service.process.terminate()
        sizes = {name: path.stat().st_size for name, (_, path) in turns.items()}
        print(f"{asked.rows} rows of {COLUMNS} numbers, {asked.rounds} rounds, cores {asked.cores or 'all'} of {os.cpu_count()}\n")
        print("| file | MB | seconds | of processors | time of plain | processor time of plain |\n|---|---:|---:|---:|---:|---:|")
        for name, taken in times.items():
            ratios = [[one[at] / plain[at] for one, plain in zip(taken, times["plain"])] for at in (0, 1)]
            seconds = [statistics.median(column) for column in zip(*taken)]
            ratio = [statistics.median(column) for column in ratios]
            print(f"| {name} | {sizes[name] / 1e6:.1f} | {seconds[0]:.3f} | {seconds[1]:.3f} | {ratio[0]:.2f} | {ratio[1]:.2f} |")


if __name__ == "__main__":
    main()
