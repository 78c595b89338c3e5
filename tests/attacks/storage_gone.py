#!/usr/bin/env python3
"""PostgreSQL and the object store refuse connections, drop them, or hang; and SIGTERM falls on it. Needs the servers of
`.ci/services`, by the variables that it prints.

Held: models in memory are served all the while, what needs the storage is answered in a bounded time, readiness tells, all is
well once it is back, no job is lost, a second process is not let in, and SIGTERM ends within its time.
"""

import os
import re
import subprocess
import time

from proxy import Proxy
from service import CSV, EXAMPLES, Service
from trial import run

ROWS = {"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]] * 16, "targets": [0, 1, 1, 0] * 16, "batch_size": 1, "epochs": 1_000_000}
#: Seconds in which whatever needs the storage is answered; the deadline of a call on it is set to 5.
ANSWER = 14
#: `--shutdown-timeout`, and what the end may take beyond it.
SHUTDOWN, GRACE = 5, 3
FLAGS = ("--checkpoint-interval", "1", "--shutdown-timeout", str(SHUTDOWN))


def attack(trial):
    flags = FLAGS + trial.known("--storage-timeout", "5")
    database(trial, flags)
    store(trial, flags)


def train(service, seconds: float) -> str:
    return service.post("/models/good/train", ROWS | {"max_seconds": seconds}).json()["id"]


def poke(trial, service, when: str, *, back: bool, needs: dict):
    """A prediction is served; what needs the storage is answered, with success if it is `back`."""
    reply = service.post("/models/good/predict", {"inputs": [0, 1]}, ANSWER)
    trial.check(reply.status == 200, f"{when}: a prediction gives {reply.status} {reply.body[:100]}")
    for what, ask in needs.items():
        begin = time.monotonic()
        reply = ask()
        good = reply.status in (200, 201, 202)
        trial.check(good if back else reply.status in (200, 201, 503, 507, 429), f"{when}: {what} gives {reply.status} {reply.body[:120]}")
        seconds = time.monotonic() - begin
        trial.check(seconds < ANSWER, f"{when}: {what} took {seconds:.0f} s")
    ready = service.get("/readyz", ANSWER)
    trial.check(ready.status == (200 if back else 503), f"{when}: readiness is {ready.status} {ready.body[:200]}")


def gone(trial, service, proxy, name: str, needs: dict):
    """Refused, and hanging, for a while each, with a job under way."""
    for how in ("refuse", "hang"):
        when = f"{name} {how}s"
        job = train(service, 6)
        time.sleep(1)
        getattr(proxy, how)()
        # A store that hangs is known once a call on it has passed its deadline.
        time.sleep(8)
        poke(trial, service, when, back=False, needs=needs)
        proxy.restore()
        time.sleep(8)
        poke(trial, service, f"{name} is back after it {how}s", back=True, needs=needs)
        ended = service.ended(job, 60)
        trial.check(ended["state"] == "succeeded", f"{when}: the job is {ended['state']} {ended['error']}")
    for how in ("refuse", "hang"):
        job = train(service, 60)
        time.sleep(1.5)
        getattr(proxy, how)()
        time.sleep(0.5)
        trial.most(f"SIGTERM while {name} {how}s", service.terminate(60), SHUTDOWN + GRACE, "s")
        proxy.restore()
        service.start()
        state = service.get(f"/jobs/{job}").json()["state"]
        trial.check(state in ("queued", "running"), f"after SIGTERM while {name} {how}s the job is {state}")
        service.request("POST", f"/jobs/{job}/cancel", timeout=30)
        service.ended(job, 30)


def database(trial, flags):
    url = os.environ["TEST_DATABASE_URL"]
    port = int(re.search(r":(\d+)/", url)[1])
    name = f"attack{os.getpid()}"
    proxy = Proxy(port)
    sql(url, f"CREATE DATABASE {name}")
    own, through = re.sub(r"/\w+$", f"/{name}", url), re.sub(r":\d+/\w+$", f":{proxy.port}/{name}", url)
    try:
        with trial.service(*flags, "--database-url", through, watched=False) as service:
            lost_hold(trial, service, own, (*flags, "--database-url", through))
            needs = {
                "a list": lambda: service.get("/jobs", ANSWER + 5),
                "a new model": lambda: service.post("/models", {"layers": [2, 1]}, ANSWER + 5),
            }
            gone(trial, service, proxy, "the database", needs)
    finally:
        proxy.refuse()
        sql(url, f"DROP DATABASE {name} WITH (FORCE)")


def lost_hold(trial, service, url: str, flags):
    """Every connection is ended by the server, the one that holds the database too."""
    for _ in range(5):
        sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        time.sleep(1)
    if service.alive():
        try:
            with Service(service.binary, *flags) as second:
                trial.check(not (service.alive() and second.alive()), "a second process holds the database beside the first")
        except RuntimeError:
            pass  # Refused, as is right.
    if not service.alive():
        # A process that cannot hold on to its database stops before it writes; then it is started again.
        service.start()
    trial.check(service.get("/models", ANSWER).status == 200, "after all connections were ended there are no models")


def sql(url: str, statement: str):
    subprocess.run(["psql", url, "--no-psqlrc", "-qAtc", statement], check=True, capture_output=True, text=True)


def store(trial, flags):
    proxy = Proxy(int(os.environ["AWS_ENDPOINT"].rsplit(":", 1)[1]))
    env = {"AWS_ENDPOINT": f"http://127.0.0.1:{proxy.port}"}
    blobs = f"{os.environ['TEST_BLOB_URL']}/attack{os.getpid()}"
    csv = (EXAMPLES / "penguins.csv").read_bytes()
    try:
        with trial.service(*flags, "--blob-url", blobs, env=env, watched=False) as service:
            service.request("POST", "/datasets?name=penguins", csv, CSV)
            needs = {
                "rows": lambda: service.get("/datasets/penguins/rows?limit=1", ANSWER + 5),
                "an export": lambda: service.get("/models/good/versions/1/export", ANSWER + 5),
                "an upload": lambda: service.request("POST", "/datasets", csv, CSV, ANSWER + 5),
            }
            gone(trial, service, proxy, "the store", needs)
    finally:
        proxy.refuse()


run(attack, __doc__)
