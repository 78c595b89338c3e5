#!/usr/bin/env python3
"""Places and turns that one client could keep from others: small bodies of long work that is given up, measurements on data sets, and
long lists over many connections.

Held: places are free within seconds of the end of the requests, whatever work they had begun; another client's long prediction is
answered beside all of it, and its question about a model waits for no more than a few turns.
"""

import gzip
import http.client
import json
import threading
import time

from service import CSV, JSON
from trial import run

#: Records of 2 KB packed, whose answers take a network of 67 million parameters minutes.
RECORDS = 60_000
#: Seconds until a request is given up.
GIVEN_UP = 2


def ask(service, source, method, path, body=None, kind=JSON, timeout=60, **headers):
    """The status of one request from an address, and the seconds that it took; 0 where nothing came back."""
    begin = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=timeout, source_address=(source, 0))
    try:
        fields = {"Content-Type": kind} if body is not None else {}
        connection.request(method, path, body, fields | {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        reply.read()
        return reply.status, time.monotonic() - begin
    except (OSError, http.client.HTTPException):
        return 0, time.monotonic() - begin
    finally:
        connection.close()


def until_free(service, seconds=60):
    """Seconds until no place of long work is taken."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if service.metric("epochd_places_taken").get('pool="long_work"') == 0:
            break
        time.sleep(0.05)
    return time.monotonic() - begin


def together(calls):
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def attack(trial):
    # What such work may take is charged before it is done.
    with trial.service("--request-timeout", str(GIVEN_UP), accounted=False, refused=0.1) as service:
        rows = "".join(f"{row},{'pq'[row % 2]}\n" for row in range(60))
        service.table("large", "y", b"x,y\n" + rows.encode(), hidden_layers="8192,8192", members=1)
        many = "".join(f"{row},{'pq'[row % 2]}\n" for row in range(100_000))
        assert service.request("POST", "/datasets?name=many", ("x,y\n" + many).encode(), CSV).status == 201
        for number in range(300):
            service.post("/models", {"name": f"m{number}", "layers": [2, 2, 1]})
        service.rest = service.memory()
        given_up(trial, service)
        measurements(trial, service)
        lists(trial, service)


def given_up(trial, service):
    body = gzip.compress(b'{"records":[' + b",".join([b'{"x":1,"y":"p"}'] * RECORDS) + b"]}")
    for what in ("evaluate", "feedback"):
        calls = [
            lambda source=f"127.0.0.{20 + at}": ask(
                service, source, "POST", f"/models/large/{what}", body, Content_Encoding="gzip"
            )
            for at in range(4)
        ]
        for thread in together(calls):
            thread.join()
        trial.most(f"places free after {what}", until_free(service), 3, "s")
        inputs = json.dumps({"inputs": [[1, 2]] * 20_000}).encode()
        status, took = ask(service, "127.0.0.77", "POST", "/models/good/predict", inputs)
        trial.check(status == 200, f"a long prediction after {what}: {status}")
        trial.most(f"a long prediction after {what}", took, 3, "s")


def measurements(trial, service):
    body = json.dumps({"dataset": "many"}).encode()
    calls = [lambda: ask(service, "127.0.0.66", "POST", "/models/large/evaluate", body) for _ in range(60)]
    threads = together(calls)
    time.sleep(1)
    waited = []
    while any(thread.is_alive() for thread in threads):
        status, took = ask(service, "127.0.0.77", "POST", "/models/good/predict", b'{"inputs": [[1, 2]]}')
        trial.check(status == 200, f"a prediction beside 60 measurements: {status}")
        waited.append(took)
        time.sleep(0.05)
    trial.most("predictions beside 60 measurements", max(waited, default=0), 1, "s")
    trial.most("places free after measurements", until_free(service), 3, "s")


def lists(trial, service):
    end = time.monotonic() + 6

    def flood():
        while time.monotonic() < end:
            ask(service, "127.0.0.30", "GET", "/models?limit=200")

    threads = together([flood] * 200)
    time.sleep(1)
    waited = []
    while time.monotonic() < end:
        status, took = ask(service, "127.0.0.77", "GET", "/models/m3/versions")
        trial.check(status == 200, f"a question beside lists: {status}")
        waited.append(took)
    for thread in threads:
        thread.join()
    trial.most("questions beside lists", max(waited), 1, "s")


run(attack, __doc__)
