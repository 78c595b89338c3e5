#!/usr/bin/env python3
"""Mixed work for long: uploads, trainings, predictions of all forms, lists, events, exports, deletions, slow clients, bad input.

Held: resident memory at the end is within a tenth, or 20 MiB, of that after the warm-up; no accepted job is lost; nothing is a
fault of the server. Two minutes, an hour with `--long`. With `SOAK_OUT=FOLDER` in the environment the memory of every five
seconds is written there as `soak.csv`, and drawn as `soak.svg`.
"""

import gzip
import http.client
import os
import random
import statistics
import struct
import threading
import time
from collections import Counter
from pathlib import Path

from service import CSV, EXAMPLES, JSON, NDJSON, OCTETS, head
from trial import run

CLIENTS = 6
#: Of each kind, so many are kept.
KEPT = 12


class Client:
    """One of several that do a bit of everything."""

    def __init__(self, service, number: int, over: threading.Event):
        self.service, self.number, self.over = service, number, over
        self.draw = random.Random(number)
        self.penguins = (EXAMPLES / "penguins.csv").read_bytes()
        self.datasets, self.models, self.jobs = [], [], []
        self.made, self.statuses, self.lost = 0, Counter(), []

    def work(self):
        acts = [self.upload, self.train_file, self.train_rows, self.predict, self.predict, self.predict, self.predict, self.evaluate,
                self.lists, self.events, self.transfer, self.slow, self.wrong, self.settle]
        while not self.over.is_set():
            self.draw.choice(acts)()
            # What waits is bounded, so that from the warm-up on there is as much of everything at any time.
            while len(self.jobs) > KEPT:
                self.settle()
            time.sleep(0.01)
        while self.jobs:
            self.settle()

    def ask(self, method: str, path: str, body=None, kind=None, **more):
        reply = self.service.request(method, path, body, kind, 60, keep=1 << 20, **more)
        self.statuses[reply.status] += 1
        return reply

    def name(self) -> str:
        self.made += 1
        return f"c{self.number}-{self.made}"

    def upload(self):
        name, rows = self.name(), self.draw.randrange(10, 5000)
        csv = "".join(f"{row},{self.draw.random():.4f},w{row % 40}\n" for row in range(rows))
        body, kind = ("a,b,c\n" + csv).encode(), CSV
        if self.draw.random() < 0.3:
            body, kind = b"".join(b'{"a":%d,"b":"x"}\n' % row for row in range(rows)), NDJSON
        packed = self.draw.random() < 0.5
        more = {"Content_Encoding": "gzip"} if packed else {}
        if self.ask("POST", f"/datasets?name={name}", gzip.compress(body) if packed else body, kind, **more).status == 201:
            self.datasets.append(name)
            self.ask("GET", f"/datasets/{name}/rows?limit=100")
        while len(self.datasets) > KEPT:
            self.ask("DELETE", f"/datasets/{self.datasets.pop(0)}")

    def train_file(self):
        name = self.name()
        reply = self.ask("POST", f"/train?name={name}&target=species&epochs={self.draw.randrange(1, 5)}", self.penguins, CSV)
        if reply.status == 202:
            self.jobs.append(reply.json()["id"])
            self.models.append((name, "table"))
            self.datasets.append(name)

    def train_rows(self):
        name = self.name()
        layers = [4, self.draw.choice([8, 64, 256]), 1]
        if self.service.post("/models", {"name": name, "layers": layers}).status == 201:
            rows = self.draw.randrange(10, 2000)
            training = {"inputs": [[self.draw.random() for _ in range(4)] for _ in range(rows)], "targets": [0.5] * rows, "epochs": 3}
            reply = self.service.post(f"/models/{name}/train", training)
            self.statuses[reply.status] += 1
            if reply.status == 202:
                self.jobs.append(reply.json()["id"])
                self.models.append((name, "layers"))

    def predict(self):
        if not self.models:
            return
        (name, kind), rows = self.draw.choice(self.models), self.draw.choice([1, 1, 10, 3000])
        path = f"/models/{name}/predict"
        if kind == "table":
            if self.draw.random() < 0.5:
                self.ask("POST", path, self.penguins, CSV, Accept=self.draw.choice([CSV, JSON]))
            else:
                self.ask("POST", path, b'{"records":[' + b'{"year":2008},' * rows + b"{}]}", JSON)
        elif self.draw.random() < 0.3:
            self.ask("POST", path, struct.pack(f"<{4 * rows}f", *[0.5] * 4 * rows), OCTETS)
        else:
            body = b'{"inputs":[' + b"[0,1,0,1]," * rows + b"[0,0,0,0]]}"
            more = {"Accept_Encoding": "gzip"} if self.draw.random() < 0.3 else {}
            self.ask("POST", path, body, JSON, **more)

    def evaluate(self):
        tables = [name for name, kind in self.models if kind == "table"]
        if tables:
            name = self.draw.choice(tables)
            self.ask("POST", f"/models/{name}/evaluate", f'{{"dataset":"{name}"}}'.encode(), JSON)

    def lists(self):
        for path in ("/models?limit=50", "/jobs?limit=50", "/datasets?limit=50", "/metrics", "/openapi.json", "/readyz"):
            self.ask("GET", path)

    def events(self):
        """An event stream, left after a moment."""
        if self.jobs:
            connection = self.service.connect(f"GET /jobs/{self.jobs[-1]}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connection.settimeout(0.3)
            try:
                connection.recv(4096)
            except OSError:
                pass
            connection.close()

    def transfer(self):
        trained = [name for name, _ in self.models[:-4]]
        if trained:
            path = f"/models/{self.draw.choice(trained)}/versions/1/export"
            exported = self.service.request("GET", path)
            if exported.status == 200:
                name = self.name()
                if self.ask("POST", f"/models/import?name={name}", exported.body, OCTETS).status == 201:
                    self.ask("DELETE", f"/models/{name}")

    def slow(self):
        """A body that does not end, a reply that is not read, half a head."""
        body = b'{"inputs":[' + b"[0,0,0,0]," * 20_000
        for data in (head("/datasets", 100_000, CSV) + b"a,b\n", head("/predict", len(body) + 9) + body, b"GET /jobs HTTP/1.1\r\nHo"):
            connection = self.service.connect(data, window=4096)
            time.sleep(0.2)
            connection.close()

    def wrong(self):
        for body, kind in ((b"{", JSON), (b"a,b\n1\n", CSV), (os.urandom(1000), OCTETS), (b'{"nothing":1}', JSON)):
            self.ask("POST", self.draw.choice(["/models", "/datasets", "/predict?model=good", "/models/import", "/train"]), body, kind)

    def settle(self):
        """The oldest job is waited for, then deleted, and with it what is old of the rest."""
        if self.jobs:
            job = self.jobs.pop(0)
            state = self.service.ended(job, 120)["state"]
            if state != "succeeded":
                self.lost.append(f"{job} {state}")
            self.ask("DELETE", f"/jobs/{job}")
        while len(self.models) > KEPT:
            self.ask("DELETE", f"/models/{self.models.pop(0)[0]}")


def attack(trial):
    seconds, warm = (3600, 300) if trial.long else (110, 40)
    with trial.service() as service:
        over = threading.Event()
        clients = [Client(service, number, over) for number in range(CLIENTS)]
        threads = [threading.Thread(target=guarded, args=(trial, client)) for client in clients]
        for thread in threads:
            thread.start()
        samples = sampled(service, seconds, 5 if trial.long else 2)
        over.set()
        for thread in threads:
            thread.join(180)
        told(samples)
        early = statistics.median(memory for at, memory, _ in samples if warm <= at < warm + seconds / 10)
        late = statistics.median(memory for at, memory, _ in samples if at >= 0.9 * seconds)
        trial.figures.append(f"{sum(sum(client.statuses.values()) for client in clients)} requests")
        trial.most(f"resident memory, {early:.0f} MiB after the warm-up, at the end", late, 1.1 * early if trial.long else max(1.1 * early, early + 20), "MiB")
        lost = [job for client in clients for job in client.lost]
        trial.check(not lost, f"lost jobs: {lost[:5]} and {len(lost)} in all")
        faults = {status: n for client in clients for status, n in client.statuses.items() if status >= 500 or not status}
        trial.check(not faults, f"statuses of faults: {faults}")


def guarded(trial, client: Client):
    """An exception of a client is a fault of the trial, not a thread that is gone."""
    try:
        client.work()
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        trial.check(False, f"client {client.number}: {type(error).__name__} {error}")


def sampled(service, seconds: float, every: float) -> list[tuple[float, float, float]]:
    """Seconds since the begin, resident MiB, MiB charged to the budget."""
    begin, samples = time.monotonic(), []
    while (at := time.monotonic() - begin) < seconds:
        charged = sum(service.metric("epochd_memory_used_bytes").values()) / (1 << 20)
        samples.append((at, service.memory(), charged))
        time.sleep(every)
    return samples


def told(samples):
    """The samples as a file and as a figure."""
    if folder := os.environ.get("SOAK_OUT"):
        lines = ["seconds,resident_mib,charged_mib"] + [f"{at:.0f},{memory:.1f},{charged:.1f}" for at, memory, charged in samples]
        Path(folder, "soak.csv").write_text("\n".join(lines) + "\n")
        Path(folder, "soak.svg").write_text(figure(samples))


def figure(samples) -> str:
    """Two curves over time, 720 × 320."""
    width, height, left, bottom = 720, 320, 56, 36
    most_at, most = samples[-1][0], 1.1 * max(memory for _, memory, _ in samples)
    x = lambda at: left + (width - left - 16) * at / most_at
    y = lambda value: height - bottom - (height - bottom - 24) * value / most
    curve = lambda index: " ".join(f"{x(sample[0]):.1f},{y(sample[index]):.1f}" for sample in samples)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for step in range(6):
        value = most * step / 5
        parts.append(f'<line x1="{left}" x2="{width - 16}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.0f}</text>')
        at = most_at * step / 5
        anchor = "end" if step == 5 else "middle"
        parts.append(f'<text x="{x(at):.1f}" y="{height - 14}" text-anchor="{anchor}">{at / 60:.0f} min</text>')
    for index, color, label in ((1, "#1b6ca8", "resident, MiB"), (2, "#c8553d", "charged to the budget, MiB")):
        parts.append(f'<polyline points="{curve(index)}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        parts.append(f'<text x="{left + 10 + 130 * (index - 1)}" y="16" fill="{color}">{label}</text>')
    return "\n".join([*parts, "</svg>", ""])


run(attack, __doc__)
