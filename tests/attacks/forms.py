#!/usr/bin/env python3
"""Forms (`multipart/form-data`) whose preamble, part headers or boundaries never end, and forms of many parts.

Held: what is buffered of a part's head is bounded, whatever is announced, and such forms are refused.
"""

import threading
import time

from service import MIB
from trial import run

BEGIN = b"--XX\r\nContent-Disposition: form-data; name=\""
FILE = BEGIN + b'file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n'
FORMS = {
    "a header without end": BEGIN,
    "a preamble without end": b"",
    "header after header": None,
    "a second part without end": FILE + b"a,b\n1,2\n\r\n" + BEGIN,
    "a field without end": BEGIN + b'name"\r\n\r\n',
}


def attack(trial):
    total = (512 if trial.long else 96) * MIB
    with trial.service() as service:
        for what, begin in FORMS.items():
            piece = b"a" * MIB if begin is not None else b"X-Header: value\r\n" * (MIB // 17)
            service.forget_peak()
            taken = []
            pour = lambda: taken.append(poured(service, BEGIN + b'a"\r\n' if begin is None else begin, piece, total))
            threads = [threading.Thread(target=pour) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            time.sleep(0.5)
            trial.most(f"4 of {what}, {max(taken) >> 20} MiB each taken: +", service.peak() - service.rest, 100, "MiB")
        parts = BEGIN + b'x"\r\n\r\n1\r\n'
        for count, body in ((1, FILE + b"a,b\n1,2\n\r\n--XX--\r\n"), (10_000, parts * 10_000 + FILE + b"a\n1\n\r\n--XX--\r\n")):
            ask = lambda: service.request("POST", "/datasets", body, "multipart/form-data; boundary=XX", 20)
            reply = trial.cost(service, f"{count} parts", ask)
            trial.check(reply.status in (201, 400, 413, 415, 422), f"{count} parts: {reply.status} {reply.body[:100]}")


def poured(service, begin: bytes, piece: bytes, total: int) -> int:
    """Bytes that the service took before it refused or ended the connection."""
    head = b"POST /datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
    connection, sent = service.connect(head + b"Content-Length: 17179869184\r\n\r\n" + begin, timeout=20), 0
    try:
        while sent < total:
            connection.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    connection.close()
    return sent


run(attack, __doc__)
