#!/usr/bin/env python3
"""How long a client's short question waits beside another client who asks for very much of the catalog.

    benches/turns.py [--cores SERVICE,LOAD] [--seconds N] [--models N] BINARY…

Each binary in turn serves models of its own on one core. From 127.0.0.1 wrk asks for long lists over many connections, from
127.0.0.9 one connection asks for the versions of a model, again and again. Prints the medians and 99th percentiles of what the
latter waits, alone and beside the former. Needs wrk and taskset.
"""

import argparse
import http.client
import json
import socket
import statistics
import subprocess
import tempfile
import time

QUESTION = "/models/m3/versions"
FLOODS = [("/models?limit=200", 50), ("/models?limit=200", 500), ("/jobs?limit=200", 500)]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def waits(port, seconds):
    """Milliseconds that each question of the other client took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, source_address=("127.0.0.9", 0))
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        since = time.perf_counter()
        connection.request("GET", QUESTION)
        reply = connection.getresponse()
        reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{QUESTION}: {reply.status}")
        taken.append((time.perf_counter() - since) * 1000)
        time.sleep(0.01)
    return taken


def row(name, taken):
    worst = statistics.quantiles(taken, n=100)[98] if len(taken) > 1 else taken[0]
    print(f"| {name} | {statistics.median(taken):.1f} | {worst:.1f} | {len(taken)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", nargs="+")
    parser.add_argument("--cores", default="0,1", help="the service's and the load's")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--models", type=int, default=400)
    given = parser.parse_args()
    service_core, load_core = given.cores.split(",")
    for binary in given.binaries:
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            command = ["taskset", "-c", service_core, binary, "--listen", f"127.0.0.1:{port}", "--data-dir", folder]
            service = subprocess.Popen([*command, "--log-level", "error"])
            try:
                time.sleep(2)
                connection = http.client.HTTPConnection("127.0.0.1", port)
                for number in range(given.models):
                    body = json.dumps({"name": f"m{number}", "layers": [4, 16, 3], "loss": "cross_entropy"})
                    connection.request("POST", "/models", body, {"Content-Type": "application/json"})
                    connection.getresponse().read()
                print(f"\n{binary}\n\n| beside | median ms | p99 ms | questions |\n|---|---:|---:|---:|")
                row("nothing", waits(port, given.seconds))
                for path, connections in FLOODS:
                    url = f"http://127.0.0.1:{port}{path}"
                    flood = ["taskset", "-c", load_core, "wrk", "-t1", f"-c{connections}", f"-d{given.seconds + 2}s", url]
                    flood = subprocess.Popen(flood, stdout=subprocess.DEVNULL)
                    time.sleep(1)
                    row(f"{connections} connections, `{path}`", waits(port, given.seconds))
                    flood.wait()
            finally:
                service.terminate()
                service.wait()


main()
