#!/usr/bin/env python3
"""Raw HTTP/1 that is odd, byte by byte: framing, heads, targets, methods, other protocols.

Held: each is answered or its connection ended at once; what is refused has a problem document with a request id and a line in
the log; nothing is read as a second request that is the body of the first; nothing is a fault of the server.
"""

import os
import re
import time

from trial import run

BODY = b'{"inputs":[[0,1]]}'
POST = b"POST /models/good/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CHUNKED = POST + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n"


def get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def lengths():
    """Bodies whose length is in doubt; 200 only where it is not."""
    for value in (b"+18", b"0x12", b"-1", b"18446744073709551616", b"9223372036854775808", b"18, 5", b"1 8", b""):
        yield b"Content-Length: " + value, POST + b"Content-Length: " + value + b"\r\n\r\n" + BODY, {400, 413, 422}
    yield "two lengths", POST + b"Content-Length: 18\r\nContent-Length: 5\r\n\r\n" + BODY, {400}
    yield "one length twice", POST + CLOSE + b"Content-Length: 18\r\nContent-Length: 18\r\n\r\n" + BODY, {200, 400}
    for order in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"):
        data = POST + CLOSE + order + b"\r\n12\r\n" + BODY + b"\r\n0\r\n\r\n" + SMUGGLED
        yield b"both: " + order[:20], data, {200, 400}
    for value in (b"gzip, chunked", b"chunked, identity", b"xchunked", b"identity"):
        data = POST + CLOSE + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n"
        yield b"Transfer-Encoding: " + value, data, {400, 411, 413, 415, 422, 501}
    yield "a space before the colon", POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", {400}
    old = POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n12\r\n" + BODY + b"\r\n0\r\n\r\n"
    yield "chunked on 1.0", old, {200, 400, 422}
    yield "announced too large", POST + b"Content-Length: 99999999999\r\n\r\n", {413}
    yield "the same, asked first", POST + b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n", {413}
    yield "pipelined", (POST + b"Content-Length: 18\r\n\r\n" + BODY) * 50 + GET + b"\r\n", {200}


def chunks():
    end = b"\r\n0\r\n\r\n"
    yield "an extension", CHUNKED + b"12;a=b\r\n" + BODY + end, {200, 400}
    yield "an extension of 1 MB", CHUNKED + b"12;" + b"a" * 1_000_000 + b"\r\n" + BODY + end, {200, 400}
    yield "a chunk too large", CHUNKED + b"FFFFFFFFFFFFFFFF\r\n" + BODY, {400, 408, 413}
    yield "a chunk beyond 64 bits", CHUNKED + b"1FFFFFFFFFFFFFFFF\r\n" + BODY, {400}
    yield "a signed size", CHUNKED + b"+12\r\n" + BODY + end, {400}
    yield "no size", CHUNKED + b"\r\n" + BODY + end, {400}
    yield "bare line feeds", CHUNKED + b"12\n" + BODY + b"\n0\n\n", {400, 408}
    trailers = CHUNKED + b"12\r\n" + BODY + b"\r\n0\r\n"
    yield "a trailer", trailers + b"X-T: 1\r\n\r\n", {200}
    yield "a trailer of 1 MB", trailers + b"X-T: " + b"a" * 1_000_000 + b"\r\n\r\n", {200, 400, 431}
    yield "100,000 trailers", trailers + b"X: 1\r\n" * 100_000 + b"\r\n", {200, 400, 431}
    yield "a byte each", CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n", {200}


def heads():
    yield "2 MB of a header", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 2_000_000 + b"\r\n\r\n", {400, 431}
    many = b"GET /livez HTTP/1.1\r\n" + b"".join(b"A%d: x\r\n" % i for i in range(2000)) + b"\r\n"
    yield "2,000 headers", many, {400, 431}
    for name, line in (("a name with a space", b"A b: c"), ("a value with NUL", b"A: b\0c"), ("no colon", b"Abc")):
        yield name, GET + line + b"\r\n\r\n", {400}
    yield "a value in Latin-1", GET + b"A: \xe9\r\n\r\n", {200, 400}
    yield "a folded line", GET + b"A: b\r\n c\r\n\r\n", {200, 400}
    yield "bare line feeds", b"GET /livez HTTP/1.1\nHost: localhost\nConnection: close\n\n", {200, 400}
    yield "blank lines before", b"\r\n" * 1000 + GET + b"\r\n", {200, 400}
    yield "a body with GET", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello" + GET + b"\r\n", {200}
    for version in (b"HTTP/1.2", b"HTTP/9.9", b"HTTP/0.9", b"http/1.1", b""):
        yield b"version " + version, b"GET /livez " + version + b"\r\nHost: localhost\r\n\r\n", {200, 400, 505}
    yield "HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400, 505}
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), {400}
    yield "noise", os.urandom(4000) + b"\r\n\r\n", {400}
    yield "NUL bytes", bytes(4000), {400}


def targets():
    wrong = {400, 404, 405, 422}
    for target in (b"/models/%ff%fe", b"/models/%00", b"/models/%2e%2e", b"/models/..", b"/models/%2fetc", b"/models/%", b"/models/%zz",
                   b"//models", b"/models/", b"/models/xor/", b"/MODELS", b"/models/" + b"%41" * 5000, b"/datasets/%0a%0dX:%20y",
                   b"/jobs/x?wait=1", b"/jobs?limit=-1", b"/jobs?limit=1&limit=2", b"/jobs?cursor=%ff", b"/jobs?limit=1e9"):
        yield b"target " + target[:30], get(target), wrong
    for target in (b"/models/\xff\xfe", b"models", b"/models/a b", b"/models/\x00", b"http://", b"*"):
        yield b"target " + target, get(target), wrong | {200, 403}
    yield "60 KB of a target", get(b"/" + b"a" * 60_000), {404, 414, 431}
    yield "70 KB of a target", get(b"/" + b"a" * 70_000), {414}
    for method in (b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"PUT", b"FOO", b"get", b"A" * 200, b"PROPFIND"):
        yield b"method " + method[:20], method + get(b"/models")[3:], {200, 204, 400, 404, 405}
    yield "a method with NUL", b"G\x00T" + get(b"/models")[3:], {400}
    yield "a tunnel", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n" + GET + b"\r\n", {200, 400, 403, 404, 405}
    yield "OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {200, 204, 400, 404, 405}


def attack(trial):
    with trial.service("--head-timeout", "2", "--body-timeout", "2") as service:
        asked = [*lengths(), *chunks(), *heads(), *targets()]
        refused = []
        for name, data, allowed in asked:
            name = name if isinstance(name, str) else name.decode("latin1")
            refused.append((name, hold(trial, service, name, data, allowed)))
        trial.figures.insert(0, f"{len(asked)} oddities")
        time.sleep(0.5)
        said = service.said()
        missing = [name for name, identifier in refused if identifier and identifier not in said]
        trial.check(not missing, f"refused without a line in the log: {missing}")
        trial.check("/smuggled" not in service.said(), "a body was read as a request")
        trial.most("after them: +", service.memory() - service.rest, 100, "MiB")


def hold(trial, service, name: str, data: bytes, allowed: set) -> str | None:
    """One oddity: its statuses, and the problem document of the last; the request's id, if it was refused."""
    reply = answer(service, data)
    begins = [found for found in re.finditer(rb"HTTP/1\.[01] (\d{3}) ", reply) if found[1] != b"100"]
    statuses = [int(found[1]) for found in begins] or [0]
    trial.check(set(statuses) <= allowed | {0} if 0 in allowed else set(statuses) <= allowed, f"{name}: {statuses} {reply[-80:]!r}")
    if statuses[-1] < 400 or data.startswith((b"HEAD", b"CONNECT")):
        return None
    head, _, body = reply[begins[-1].start() :].partition(b"\r\n\r\n")
    identifier = re.search(rb"x-request-id: (\S+)", head)
    trial.check(b"application/problem+json" in head and b'"code"' in body, f"{name}: no problem document: {head!r} {body[:80]!r}")
    trial.check(bool(identifier), f"{name}: no request id")
    return identifier and identifier[1].decode()


def answer(service, data: bytes) -> bytes:
    connection, reply = service.connect(timeout=6), b""
    try:
        connection.sendall(data)
    except OSError:
        pass  # Refused before it was taken whole.
    try:
        while piece := connection.recv(65536):
            reply += piece
    except OSError:
        pass
    connection.close()
    return reply


run(attack, __doc__)
