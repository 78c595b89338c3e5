#!/usr/bin/env python3
"""What keys, the trace context, the access log and TLS cost a one-row prediction, in turns on one machine.

    benches/costs.py [--rounds N] [--cores SERVER,LOAD] [--baseline BINARY] target/release/epochd

Each way of running the service is a process of its own on one core; wrk asks on another, 32 connections kept, two seconds a turn, the
order of the turns by chance. All send headers of the same length, under names that nothing reads where the service is not to read
them: to receive and parse more bytes takes longer by itself. Prints requests a second and the microseconds of a processor that
one takes the service, as medians, and the medians of their ratios to the plain service of the same round. `--baseline` names a
binary of an earlier commit to hold the plain service, and all together, against. Needs wrk, taskset and openssl.
"""

import argparse
import json
import random
import re
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

KEY = "0123456789abcdef0123456789abcdef"
BODY = '{"inputs": [[5.1, 3.5, 1.4, 0.2]]}'
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
QUIET = ["--log-level", "warn"]
#: What is sent as authorization and as trace context, under names of the same length that nothing reads.
UNREAD = {"x-no-password": f"Bearer {KEY}", "x-no-parent": TRACE}


class Way:
    """One way of running the service."""

    def __init__(self, name, binary, folder, cores, flags=(), headers=(), key=False, tls=False):
        self.load_core, port = cores[1], free_port()
        self.name, self.headers, self.scheme = name, UNREAD | dict(headers), "https" if tls else "http"
        flags = list(flags)
        if tls:
            flags += ["--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem"]
        environment = {"PATH": "/usr/bin:/bin"}
        if key:
            environment["EPOCHD_API_KEYS"] = f"admin:{KEY}"
            self.headers["Authorization"] = self.headers.pop("x-no-password")
        data = tempfile.mkdtemp(dir=folder)
        log = open(f"{data}.log", "w")
        command = ["taskset", "-c", cores[0], binary, "--listen", f"127.0.0.1:{port}", "--data-dir", data, *flags]
        self.process = subprocess.Popen(command, stderr=log, env=environment)
        if "traceparent" in self.headers:
            del self.headers["x-no-parent"]
        self.url = f"{self.scheme}://127.0.0.1:{port}"
        self.script = f"{data}.lua"
        self.listening(port, log.name)
        self.prepare()

    def listening(self, port, log):
        # The log may be at a level that does not tell.
        for _ in range(100):
            time.sleep(0.1)
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    return
        raise RuntimeError(f"{self.name} does not listen: {Path(log).read_text()}")

    def ask(self, path, body=None):
        headers = {"Content-Type": "application/json"} | self.headers
        request = urllib.request.Request(self.url + path, body and json.dumps(body).encode(), headers)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return json.load(urllib.request.urlopen(request, context=context))

    def prepare(self):
        self.ask("/models", {"name": "small", "layers": [4, 16, 3], "loss": "cross_entropy"})
        job = self.ask("/models/small/train", {"inputs": [[1, 2, 3, 4], [2, 3, 4, 5]], "targets": [0, 1], "epochs": 5})
        self.ask(f"/jobs/{job['id']}?wait=30")
        lines = ['wrk.method="POST"', f"wrk.body='{BODY}'", 'wrk.headers["Content-Type"]="application/json"']
        lines += [f'wrk.headers["{name}"]="{value}"' for name, value in self.headers.items()]
        Path(self.script).write_text("\n".join(lines))

    def turn(self):
        command = ["taskset", "-c", self.load_core, "wrk", "-t1", "-c32", "-d2s", "-s", self.script, f"{self.url}/models/small/predict"]
        before = self.nanoseconds()
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in told:
            raise RuntimeError(f"{self.name}: {told}")
        requests = int(re.search(r"(\d+) requests in", told)[1])
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])
        return rate, (self.nanoseconds() - before) / 1000 / requests

    def nanoseconds(self):
        """What all threads of the process have run."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--cores", default="0,1", help="the service's and the load's")
    parser.add_argument("--baseline")
    given = parser.parse_args()
    cores = given.cores.split(",")
    with tempfile.TemporaryDirectory() as folder:
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        make += ["-subj", "/CN=localhost", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
        subprocess.run(make, check=True, capture_output=True)
        traced = {"traceparent": TRACE}
        ways = [
            Way("plain, no access log", given.binary, folder, cores, QUIET),
            Way("access log", given.binary, folder, cores),
            Way("keys", given.binary, folder, cores, QUIET, key=True),
            Way("trace context", given.binary, folder, cores, QUIET, traced),
            Way("access log, keys, trace context", given.binary, folder, cores, (), traced, key=True),
            Way("TLS", given.binary, folder, cores, QUIET, tls=True),
        ]
        if given.baseline:
            ways.append(Way("the baseline, with its log", given.baseline, folder, cores))
        try:
            turns = {way.name: [] for way in ways}
            for round in range(given.rounds + 1):
                for way in random.sample(ways, len(ways)):
                    turn = way.turn()
                    if round:
                        turns[way.name].append(turn)
        finally:
            for way in ways:
                way.process.terminate()
                way.process.wait()
    plain = turns[ways[0].name]
    print("| one row | requests a second | of plain | processor µs | of plain |")
    print("|---|---:|---:|---:|---:|")
    for name, measured in turns.items():
        rates, costs = zip(*measured)
        rate, cost = (statistics.median(of[at] / base[at] for of, base in zip(measured, plain)) for at in (0, 1))
        print(f"| {name} | {statistics.median(rates):,.0f} | {rate:.3f} | {statistics.median(costs):.2f} | {cost:.3f} |")


main()
