"""A service under attack: a release binary in a folder of its own, and what is read of its process from outside.

Resident memory is that of `/proc/PID/status`: `VmRSS` now, `VmHWM` at most since `forget_peak`.
"""

import gzip
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

JSON, CSV, NDJSON, OCTETS = "application/json", "text/csv", "application/x-ndjson", "application/octet-stream"
PARQUET = "application/vnd.apache.parquet"
MIB = 1 << 20
EXAMPLES = Path(__file__).parents[2] / "examples/data"
#: Of a process that is attacked: enough for any honest answer, and the machine outlives the rest.
ADDRESS_SPACE = 14 << 30
XOR = {"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0]}


class Reply(NamedTuple):
    """What came back; status 0 where nothing did."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    def code(self) -> str:
        """The code of a problem document, or nothing."""
        try:
            return self.json().get("code", "")
        except (ValueError, AttributeError):
            return ""


class Service:
    """A running service; a context that ends it and removes its folder."""

    def __init__(self, binary: str, *flags: str, env=None, descriptors=20_000, group=None, folder=None, prefix=()):
        self.binary, self.flags, self.group, self.prefix = str(binary), flags, group, prefix
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHD_")} | (env or {})
        self.descriptors = descriptors
        self.work = Path(tempfile.mkdtemp(prefix="attack-"))
        self.folder = Path(folder) if folder else self.work / "data"
        self.log = self.work / "log"
        self.process, self.port = None, 0
        self.start()

    def start(self, seconds=30):
        """Starts the process and waits until it listens."""
        command = [*self.prefix, self.binary, "--listen", "127.0.0.1:0", "--data-dir", str(self.folder), *self.flags]
        begin = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.env, preexec_fn=self.bounds)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            said = self.log.read_bytes()[begin:].decode(errors="replace")
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", said):
                self.port = int(found[1])
                return
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended: {said[-500:]}")
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"the service does not listen: {said[-500:]}")

    def bounds(self):
        """Of the new process, before it is the service."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        if self.group:
            self.group.enter()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.work, ignore_errors=True)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait(20)

    def terminate(self, seconds: float) -> float:
        """Seconds from SIGTERM to the end; kills what has not ended in time."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.monotonic() - begin

    def said(self) -> str:
        """The log."""
        return self.log.read_text(errors="replace")

    def request(self, method, path, body=None, kind=None, timeout=60, keep=4 * MIB, **headers) -> Reply:
        """One request on a connection of its own; of the reply's body as many bytes as `keep`, the rest is read on."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Content-Type": kind} if kind else {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, fields)
            reply = connection.getresponse()
            kept = reply.read(keep)
            while reply.read(1 << 16):
                pass
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, kept)
        except (OSError, http.client.HTTPException) as error:
            return Reply(0, {}, repr(error).encode())
        finally:
            connection.close()

    def post(self, path, value, timeout=60, **headers) -> Reply:
        return self.request("POST", path, json.dumps(value).encode(), JSON, timeout, **headers)

    def get(self, path, timeout=60) -> Reply:
        return self.request("GET", path, timeout=timeout)

    def packed(self, path, body: bytes, kind=JSON, timeout=120) -> Reply:
        """The body as gzip."""
        return self.request("POST", path, gzip.compress(body, 6), kind, timeout, Content_Encoding="gzip")

    def ended(self, job: str, seconds=60) -> dict:
        """The job as it ended, or as it is after so many seconds."""
        end = time.monotonic() + seconds
        while True:
            reply = self.get(f"/jobs/{job}?wait=5", timeout=70)
            if reply.status in (429, 503) and time.monotonic() < end:
                time.sleep(0.2)
                continue
            assert reply.status == 200, reply
            found = reply.json()
            if found["state"] not in ("queued", "running") or time.monotonic() > end:
                return found

    def layers(self, name: str, layers, inputs=None, targets=None, **more):
        """A model by layer sizes, trained for an epoch."""
        self.post("/models", {"name": name, "layers": layers, "seed": 1} | more)
        rows = {"inputs": inputs or [[0.5] * layers[0]] * 2, "targets": targets or [[0.0] * layers[-1]] * 2, "epochs": 1}
        reply = self.post(f"/models/{name}/train", rows)
        assert reply.status == 202, reply
        state = self.ended(reply.json()["id"])["state"]
        assert state == "succeeded", state

    def table(self, name: str, target: str, csv: bytes, **options) -> dict:
        """A model by a data file, trained; the job."""
        query = "&".join(f"{key}={value}" for key, value in ({"epochs": 1} | options).items())
        reply = self.packed(f"/train?name={name}&target={target}&recipe=plain&{query}", csv, CSV)
        assert reply.status == 202, reply
        return self.ended(reply.json()["id"], 200)

    def penguins(self):
        return self.table("penguins", "species", (EXAMPLES / "penguins.csv").read_bytes())

    def connect(self, data=b"", window=None, timeout=10) -> socket.socket:
        """A raw connection that sent these bytes; `window` is the size of its buffer for what comes, if it is to be small."""
        connection = socket.socket()
        if window:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.settimeout(timeout)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(data)
        return connection

    def memory(self, field="VmRSS") -> float:
        """MiB of a field of `/proc/PID/status`; 0 if the process is gone."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0.0
        found = re.search(rf"^{field}:\s+(\d+)", status, re.M)
        return int(found[1]) / 1024 if found else 0.0

    def peak(self) -> float:
        return self.memory("VmHWM")

    def forget_peak(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def descriptors_open(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def metric(self, name: str) -> dict[str, float]:
        """The samples of a metric by their labels as text."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as reply:
            text = reply.read().decode()
        found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.M)
        return {labels: float(value) for labels, value in found}


def head(path: str, length: int, kind=JSON, *more: str, method="POST") -> bytes:
    """The head of a request with a body, for raw connections."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {length}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def filled(begin: bytes, unit: bytes, end: bytes, size: int) -> bytes:
    """`begin`, then as many of `unit` as fit `size` bytes, then `end`."""
    return begin + unit * max(1, (size - len(begin) - len(end)) // len(unit)) + end


def wide_csv(columns: int, rows: int, name="c", target="y") -> bytes:
    """Numbers in columns of names that begin alike, and a target."""
    names = [f"{name}{index}" for index in range(columns)] + [target]
    cells = [",".join(f"0.{(row * 7919 + column * 104729) % 10_000:04}" for column in range(columns + 1)) for row in range(rows)]
    return "\n".join([",".join(names), *cells, ""]).encode()
