"""Watches a service from a process of its own while it is attacked: is it silent, are good clients served, and does its
account of memory agree with the kernel's? `Watch` starts it; as a program it takes URL and process id and prints JSON when
its standard input ends.

Of two good clients one has an address of its own; the other, the neighbour, has that of the attackers, as behind a proxy: the
service cannot tell it from them.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from pathlib import Path

PROBE = 0.05
SAMPLE = 0.1
#: Samples that must all show a difference of memory before it counts: what is allocated a moment after it is charged, or
#: given back a moment after it is freed, is no difference. A binary that is not optimised takes longer for both.
LASTING = 30 * int(os.environ.get("ATTACKED_SLOWNESS", "1"))
SMALL = json.dumps({"inputs": [[0, 1], [1, 1]]})
LARGE = json.dumps({"inputs": [[0.5, 0.1]] * 6000})
#: Of the good clients, by what their figures are called.
ADDRESSES = {"good client": "127.0.0.2", "neighbour": "127.0.0.1"}


class Watch:
    """A context; `seen` has what the program printed, once it is left."""

    def __init__(self, service):
        command = [sys.executable, __file__, str(service.port), str(service.pid)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()
        time.sleep(0.5)  # Until it has its connections.
        self.seen = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        printed, _ = self.process.communicate()
        self.seen = json.loads(printed)


class Caller:
    """A connection that is kept, and made again when it breaks."""

    def __init__(self, port: int, timeout: float, address="127.0.0.1"):
        self.port, self.timeout, self.address, self.connection = port, timeout, address, None

    def status(self, method: str, path: str, body=None) -> int:
        """Of the reply, whose body is read; 0 if there is none."""
        for again in (True, False):
            fresh = self.connection is None
            self.connection = self.connection or http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=self.timeout, source_address=(self.address, 0))
            try:
                self.connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
                reply = self.connection.getresponse()
                reply.read()
                return reply.status
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()
                self.connection = None
                # A kept connection may have ended between two requests; one that was just made may not.
                if fresh or isinstance(error, TimeoutError) or not again:
                    return 0
        return 0


class GoodClient:
    """Small predictions, and now and then a larger one and a list: what other clients do."""

    def __init__(self, port: int, address: str):
        self.caller = Caller(port, 20, address)
        self.slowest, self.slowest_of = 0.0, ""
        self.served, self.failed = 0, Counter()

    def ask(self, over: threading.Event):
        turn = 0
        while not over.wait(SAMPLE):
            turn += 1
            if turn % 10 == 3:
                asked = ("POST", "/models/good/predict", LARGE)
            elif turn % 10 == 6:
                asked = ("GET", "/datasets?limit=10", None)
            else:
                asked = ("POST", "/models/good/predict", SMALL)
            begin = time.monotonic()
            status = self.caller.status(*asked)
            seconds = time.monotonic() - begin
            if seconds > self.slowest:
                self.slowest, self.slowest_of = seconds, f"{asked[0]} {asked[1]}"
            if status == 200:
                self.served += 1
            else:
                self.failed[f"{status} {asked[1]} of {len(asked[2] or str())} bytes"] += 1

    def seen(self) -> dict:
        return {field: getattr(self, field) for field in ("slowest", "slowest_of", "served", "failed")}


class Watcher:
    """Threads that look at the service until `over` is set."""

    def __init__(self, port: int, pid: int):
        self.port, self.pid, self.over = port, pid, threading.Event()
        self.silence = 0.0
        self.clients = {name: GoodClient(port, address) for name, address in ADDRESSES.items()}
        self.rest = self.made()
        self.missing, self.excess = deque([0.0] * LASTING, LASTING), deque([0.0] * LASTING, LASTING)
        self.unaccounted = self.overstated = 0.0
        self.gauges, self.when = 0, ""

    def probe(self):
        """Longest time from asking `/livez` to its 200, over failures."""
        caller, asked = Caller(self.port, 10), None
        while not self.over.wait(PROBE):
            asked = asked or time.monotonic()
            if caller.status("GET", "/livez") == 200:
                self.silence, asked = max(self.silence, time.monotonic() - asked), None
            else:
                self.silence = max(self.silence, time.monotonic() - asked)

    def made(self) -> float:
        """MiB of resident memory that the process has made. Pages of files, most of them the program's own, are left out:
        what a request touches of them first is no memory that it takes, and the kernel has it back when it needs it.
        """
        try:
            _, resident, of_files, *_ = Path(f"/proc/{self.pid}/statm").read_text().split()
            return (int(resident) - int(of_files)) / 256
        except OSError:
            return 0.0

    def account(self):
        """The memory made above that at the beginning, beside what the gauges of the budget say above theirs."""
        caller, first = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10), None
        while not self.over.wait(SAMPLE):
            try:
                caller.request("GET", "/metrics")
                text = caller.getresponse().read().decode()
            except (OSError, http.client.HTTPException):
                caller.close()
                continue
            made = self.made()
            gauges = re.findall(r"^epochd_memory_used_bytes{.*} (\S+)$", text, re.M)
            self.gauges = len(gauges)
            charged = sum(map(float, gauges)) / (1 << 20)
            first = charged if first is None else first
            taken, charged = made - self.rest, charged - first
            bound = max(50.0, max(taken, charged) / 5)
            self.missing.append(taken - charged - bound)
            self.excess.append(charged - taken - bound)
            if min(self.missing) > self.unaccounted:
                self.unaccounted, self.when = min(self.missing), f"{taken:.0f} MiB resident, {charged:.0f} charged"
            self.overstated = max(self.overstated, min(self.excess))

    def seen(self) -> dict:
        fields = ("silence", "gauges", "when", "unaccounted", "overstated")
        clients = {name: client.seen() for name, client in self.clients.items()}
        return {field: getattr(self, field) for field in fields} | {"clients": clients}


def main():
    watcher = Watcher(int(sys.argv[1]), int(sys.argv[2]))
    asking = [lambda client=client: client.ask(watcher.over) for client in watcher.clients.values()]
    threads = [threading.Thread(target=work, daemon=True) for work in (watcher.probe, watcher.account, *asking)]
    for thread in threads:
        thread.start()
    print("watching", flush=True)
    sys.stdin.read()
    watcher.over.set()
    for thread in threads:
        thread.join(25)
    print(json.dumps(watcher.seen()))


if __name__ == "__main__":
    main()
