#!/usr/bin/env python3
"""What clients write gets into the log: forged lines, escapes of a terminal, text that runs backwards, secrets; and a reader of
the log that sleeps or leaves.

Held: every line is one of the service's own, JSON lines are JSON, nothing that a client keeps secret is in it, and no reader
of the log can stop the service.
"""

import json
import os
import re
import subprocess
import time

from service import CSV
from trial import run

SECRETS = ("hunter2", "hunter3", "hunter4", "hunter5")


def attack(trial):
    for form in ("text", "json"):
        with trial.service("--log-format", form, watched=False) as service:
            forge(service)
            time.sleep(0.3)
            said = service.said()
            lines = said.splitlines()
            trial.check(all(re.match(r"20\d\d-|\{", line) for line in lines), f"{form}: a line that is not the service's own")
            trial.check("\x1b" not in said and "\u202e" not in said and "\u2066" not in said, f"{form}: escapes or bidi characters")
            found = [secret for secret in SECRETS if secret in said]
            trial.check(not found, f"{form}: secrets in the log: {found}")
            if form == "json":
                trial.check(all(is_json(line) for line in lines), "a line that is no JSON")
            trial.figures.append(f"{len(lines)} lines as {form}")
    passwords(trial)
    reader(trial)


def forge(service):
    """Names, headers and columns that try to write the log."""
    end = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    asked = [
        b"GET /models/%0a2026-01-01T00:00:00Z%20%20INFO%20forged%1b[31m" + end,
        b"GET /models/\x1b[31mred" + end,
        "GET /models/\u202egnp".encode() + end,
        "GET /models/%E2%80%AEgnp%E2%81%A6".encode() + end,
        b"GET /models/x" + end + b'X-Request-Id: a"b\\status=200\\\r\n',
        b"GET /models/x" + end + b"X-Request-Id: " + b"a" * 129 + b"\r\n",
        b"GET /models/x?token=hunter2" + end + b"Authorization: Bearer hunter3\r\nCookie: s=hunter4\r\nIdempotency-Key: hunter5\r\n",
        b"GET /models/x?token=hunter2 HTTP/9.9\r\nAuthorization: Bearer hunter3\r\n",
    ]
    for data in asked:
        connection = service.connect(data + b"\r\n", timeout=5)
        while connection.recv(65536):
            pass
        connection.close()
    rows = "".join(f"{row % 7},{'' if row else 'x'},{row % 3}\n" for row in range(50))
    csv = 'a,"y\x1b[31m\nforged line\u202e",b\n' + rows
    service.request("POST", "/train?target=y%1b[31m%0aforged%20line%E2%80%AE&epochs=1", csv.encode(), CSV)


def is_json(line: str) -> bool:
    try:
        json.loads(line)
        return True
    except ValueError:
        return False


def passwords(trial):
    """A database that cannot be reached, or a URL that is wrong, is named without its password."""
    for url in ("postgres://nobody:hunter2@127.0.0.1:1/db", "mysql://nobody:hunter2@127.0.0.1:1/db", "postgres:nobody:hunter2@"):
        command = [trial.binary, "--listen", "127.0.0.1:0", "--data-dir", "/nonexistent/epochd", "--database-url", url]
        env = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHD_")}
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
        except subprocess.TimeoutExpired:
            trial.check(False, f"{url.split(':')[0]}: does not end")
            continue
        trial.check("hunter2" not in said.stdout + said.stderr, f"a password is told: {(said.stdout + said.stderr)[-200:]}")


def reader(trial):
    """A pipe as the log: nobody reads it, then it is closed."""
    with trial.service(watched=False) as service:
        receive, send = os.pipe()
        command = [service.binary, "--listen", f"127.0.0.1:{service.port + 1}", "--data-dir", str(service.work / "piped")]
        process = subprocess.Popen(command, stderr=send, stdout=send, env=service.env)
        os.close(send)
        port, service.port = service.port, service.port + 1
        try:
            time.sleep(1)
            statuses = {service.get("/models", 5).status for _ in range(3000)}
            trial.check(statuses == {200}, f"while nobody reads the log: {statuses}")
            os.close(receive)
            trial.check(service.get("/models", 5).status == 200, "the log's reader left, and with it the service")
            trial.check(process.poll() is None, "the process ended with the log's reader")
            process.terminate()
            trial.check(process.wait(20) == 0, "no clean end")
        finally:
            process.kill()
            service.port = port


run(attack, __doc__)
