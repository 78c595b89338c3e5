#!/usr/bin/env python3
"""Thousands of connections: idle ones, half heads, fat half heads, and more than there are descriptors.

Held: a kept connection is served all the while, half heads are ended with 408, a connection too many is answered (429 or 503
with `Retry-After`) or closed at once, memory a connection is bounded, and all goes on when they leave.
"""

import resource
import select
import time

from service import JSON, head
from trial import run


def attack(trial):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    many = 8_000 if trial.long else 3_000
    # So that this attack need not wait for the default.
    # Connections are no part of the budget: they have a limit of their own.
    with trial.service("--head-timeout", "5", accounted=False) as service:
        idle = opened(service, many)
        time.sleep(1)
        trial.most(f"{many} idle: +", service.memory() - service.rest, 20 + many / 16, "MiB")
        half(trial, service, idle)
        fat(trial, service)
    few_descriptors(trial)


def opened(service, count: int) -> list:
    """As many connections; those that the service does not take count as well."""
    held, failed = [], 0
    while len(held) < count and failed < 20:
        try:
            held.append(service.connect(timeout=1))
        except OSError:
            failed += 1
    return held


def half(trial, service, held: list):
    """Heads that never end are ended."""
    for connection in held:
        try:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        except OSError:
            pass
    time.sleep(1)
    trial.check(len(held) > 1000, f"only {len(held)} connections were taken")
    trial.most(f"{len(held)} half heads: +", service.memory() - service.rest, 20 + len(held) / 16, "MiB")
    end = time.monotonic() + 12
    while (open_yet := still_open(held)) and time.monotonic() < end:
        time.sleep(0.5)
    trial.most("half heads that are still open", open_yet, 0)
    for connection in held:
        connection.close()
    time.sleep(1)


def still_open(held: list) -> int:
    """Connections at which nothing came and which have not ended."""
    poll = select.poll()
    for connection in held:
        poll.register(connection, select.POLLIN)
    return len(held) - len(poll.poll(0))


def fat(trial, service):
    """Heads of 400 KB without an end."""
    data, held = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 400_000, []
    service.forget_peak()
    for _ in range(1000):
        connection = service.connect(timeout=2)
        connection.setblocking(False)
        try:
            connection.send(data)
        except OSError:
            pass
        held.append(connection)
    time.sleep(2)
    trial.most("1,000 half heads of 400 KB: +", service.peak() - service.rest, 300, "MiB")
    for connection in held:
        connection.close()


def few_descriptors(trial):
    """More clients than the process has descriptors."""
    with trial.service("--head-timeout", "5", descriptors=256) as service:
        held = opened(service, 400)
        time.sleep(1)
        begin = time.monotonic()
        reply = service.request("GET", "/livez", timeout=6)
        trial.most("a client too many waits", time.monotonic() - begin, 2, "s")
        # Nothing but an end of the connection may stand for an answer.
        trial.check(reply.status in (0, 200, 429, 503) and b"timed out" not in reply.body, f"a client too many: {reply}")
        trial.check(reply.status not in (429, 503) or "retry-after" in reply.headers, f"no Retry-After: {reply}")
        body = b'{"inputs":[[0,1]]}'
        csv = b"a,b\n1,2\n2,3\n"
        asked = [head("/models/good/predict", len(body), JSON) + body, head("/datasets", len(csv), "text/csv") + csv]
        for what, data in zip(("a prediction", "an upload"), asked):
            trial.check(any(answered(connection, data) for connection in held[:40]), f"no kept connection was given {what}")
        used = processor_seconds(service)
        time.sleep(3)
        trial.most("processor time of 3 s without a descriptor", processor_seconds(service) - used, 1.5, "s")
        for connection in held:
            connection.close()
        time.sleep(1.5)
        trial.check(service.get("/readyz", 5).status == 200, "not ready after they left")
        trial.check("escriptor" in service.said() or "onnections" in service.said(), "the log does not tell of it")


def answered(connection, data: bytes) -> bool:
    """Whether a request on a kept connection is answered with success."""
    try:
        connection.settimeout(5)
        connection.sendall(data)
        return connection.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 201")
    except OSError:
        return False


def processor_seconds(service) -> float:
    fields = open(f"/proc/{service.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


run(attack, __doc__)
