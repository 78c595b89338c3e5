#!/usr/bin/env python3
"""HTTP/2 frames by hand: streams that are reset as soon as they are opened, heads without end, pings and settings without end,
bodies that never come, replies that nobody takes, and short ones that are taken byte by byte.

Held: the client's connection ends or is answered, its memory is bounded, and others are served all the while.
"""

import http.client
import socket
import struct
import time

from trial import run

DATA, HEADERS, RESET, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: By the static table of HPACK: the method, and the scheme http.
GET, POST, HTTP = b"\x82", b"\x83", b"\x86"


def frame(kind: int, flags: int, stream: int, payload=b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(index: int, value: bytes) -> bytes:
    """A header whose name is in the static table, not to be kept; its value has under 127 bytes."""
    return (bytes([index]) if index < 15 else bytes([15, index - 15])) + bytes([len(value)]) + value


def head(method: bytes, path: bytes) -> bytes:
    return method + HTTP + literal(4, path) + literal(1, b"localhost")


def opened(service, window: int | None = None) -> socket.socket:
    connection = service.connect(timeout=5)
    settings = b"" if window is None else struct.pack(">HI", 4, window)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(SETTINGS, 1, 0))
    return connection


def asked(path: bytes) -> bytes:
    """A hundred requests of a new connection."""
    return b"".join(frame(HEADERS, END_STREAM | END_HEADERS, stream, head(GET, path)) for stream in range(1, 200, 2))


def pour(connection: socket.socket, data: bytes, seconds: float) -> int:
    """Sends it again and again without reading, until the service has had enough; how many bytes went."""
    sent, end = 0, time.monotonic() + seconds
    connection.settimeout(1)
    try:
        while time.monotonic() < end:
            connection.sendall(data)
            sent += len(data)
    except OSError:
        pass
    return sent


def resets(service, seconds: float) -> int:
    """Streams that are opened and reset in one breath; how many."""
    connection, opened_streams, end = opened(service), 0, time.monotonic() + seconds
    connection.settimeout(1)
    block = head(GET, b"/models")
    try:
        while time.monotonic() < end:
            some = range(opened_streams * 2 + 1, opened_streams * 2 + 2001, 2)
            connection.sendall(b"".join(
                frame(HEADERS, END_STREAM | END_HEADERS, stream, block) + frame(RESET, 0, stream, struct.pack(">I", 8))
                for stream in some))
            opened_streams += 1000
    except OSError:
        pass
    return opened_streams


def gauge(asker: http.client.HTTPConnection, name: str) -> float:
    """A gauge of the metrics, without labels, by a connection that was there before all places were taken."""
    asker.request("GET", "/metrics")
    lines = asker.getresponse().read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def attack(trial):
    seconds = 20 if trial.long else 4
    # What connections hold is no part of the budget.
    with trial.service("--body-timeout", "3", "--reply-timeout", "3", accounted=False) as service:
        room = lambda what, most: trial.most(f"{what}: +", service.memory() - service.rest, most, "MiB")
        trial.figures.append(f"{resets(service, seconds):,} resets were taken")
        room("after resets", 100)
        pings = pour(opened(service), frame(PING, 0, 0, bytes(8)) * 2000, seconds)
        settings = pour(opened(service), frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1)) * 2000, seconds)
        room(f"after {pings >> 20} MiB of pings and {settings >> 20} of settings", 100)
        endless = opened(service)
        endless.sendall(frame(HEADERS, END_STREAM, 1, head(GET, b"/models")))
        taken = pour(endless, frame(CONTINUATION, 0, 1, literal(58, b"x" * 100) * 80), seconds)
        trial.most("a head without end, taken", taken / 1e6, 8, "MB")
        room("after heads", 100)

        bodies = [opened(service) for _ in range(20)]
        uploads = b"".join(
            frame(HEADERS, END_HEADERS, stream, head(POST, b"/datasets") + literal(31, b"text/csv")) + frame(DATA, 0, stream, b"a,b\n")
            for stream in range(1, 200, 2))
        for connection in bodies:
            connection.sendall(uploads)
        time.sleep(1)
        room("2,000 bodies that never come", 200)
        takers = [opened(service, window=0) for _ in range(20)]
        for connection in takers:
            connection.sendall(asked(b"/openapi.yaml"))
        time.sleep(1)
        room("and 2,000 replies that nobody takes", 300)
        time.sleep(8)
        trial.check(service.get("/livez").status == 200, "no place is free after the time of bodies and replies")
        asker = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        gauge(asker, "epochd_connections")
        # Of a short reply all is handed on at once, which no part of the service waits for any more.
        sippers = [opened(service, window=1) for _ in range(40)]
        for connection in sippers:
            connection.sendall(asked(b"/models/good/schema"))
        time.sleep(1)
        room("and 4,000 short replies that are taken byte by byte", 300)
        trial.most("connections and streams that they have", gauge(asker, "epochd_connections"), 2_048, "")
        time.sleep(8)
        trial.most("left of them after the time of replies", gauge(asker, "epochd_connections"), 50, "")
        for connection in bodies + takers + sippers:
            connection.close()
        time.sleep(2)
        room("at the end", 100)


run(attack, __doc__)
