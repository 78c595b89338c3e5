#!/usr/bin/env python3
"""Uploads of 200 MB that their head has refused, by clients as people have them: curl, urllib, requests, Node and Java, as far as they
are installed.

Held: each sees the refusal and its problem document, whether it looks for a reply while it sends or at the end; who sends the head alone
has the reply at once; a hundred clients that go on without an end are ended, and leave no memory behind.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from service import CSV, MIB, head
from trial import run

SIZE = 200 * MIB
#: Seconds that the reply to a head may take, and that a whole client may, its start included.
AT_ONCE, CLIENT = 1.0, 60

NODE = """
const [url, file] = process.argv.slice(2), fs = require('fs');
const headers = {'Content-Type': 'text/csv', 'Content-Length': fs.statSync(file).size};
const request = require('http').request(url, {method: 'POST', headers}, reply => {
  reply.on('data', data => process.stdout.write(data)); reply.on('end', () => process.exit());
});
request.on('error', error => { console.log(error.message); process.exit(1); });
fs.createReadStream(file).pipe(request);
"""
JAVA = """
import java.net.URI; import java.net.http.*; import java.nio.file.Path;
public class Refused { public static void main(String[] given) throws Exception {
  var body = HttpRequest.BodyPublishers.ofFile(Path.of(given[1]));
  var request = HttpRequest.newBuilder(URI.create(given[0])).header("Content-Type", "text/csv").POST(body).build();
  System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
} }
"""
REQUESTS = """
import requests, sys
print(requests.post(sys.argv[1], data=open(sys.argv[2], "rb"), headers={"Content-Type": "text/csv"}).text)
"""


def programs(work, file: str):
    """The command of each client that is installed, without the URL."""
    def source(name: str, text: str) -> str:
        (work / name).write_text(text)
        return str(work / name)

    curl = ["curl", "-sS", "--data-binary", f"@{file}", "-H", f"Content-Type: {CSV}"]
    yield "curl", lambda url: [*curl, url]
    yield "curl that does not ask first", lambda url: [*curl, "-H", "Expect:", url]
    yield "curl with a form", lambda url: ["curl", "-sS", "-F", f"file=@{file}", url]
    if shutil.which("node"):
        yield "Node", lambda url: ["node", source("refused.js", NODE), url, file]
    if shutil.which("java"):
        yield "Java", lambda url: ["java", source("Refused.java", JAVA), url, file]
    if importlib.util.find_spec("requests"):
        yield "requests", lambda url: [sys.executable, source("requests_of.py", REQUESTS), url, file]


def by_urllib(url: str, file: str) -> str:
    """Sends all of a file before it looks for a reply."""
    with open(file, "rb") as data:
        request = urllib.request.Request(url, data.read(), {"Content-Type": CSV})
    try:
        return urllib.request.urlopen(request, timeout=CLIENT).read().decode()
    except urllib.error.HTTPError as refused:
        return refused.read().decode()


def attack(trial):
    with trial.service(accounted=False) as service:
        trial.check(service.request("POST", "/datasets?name=taken", b"a,b\n1,2\n3,4\n", CSV).status == 201, "no data set")
        url, file = f"{service.url}/datasets?name=taken", str(service.work / "large.csv")
        with open(file, "wb") as out:
            out.write(b"a,b\n" + b"1,2\n" * (SIZE // 4))
        begin = time.monotonic()
        with service.connect(head("/datasets?name=taken", SIZE, CSV)) as connection:
            first = connection.recv(4096)
        trial.check(first.startswith(b"HTTP/1.1 409 "), f"head alone: {first!r}")
        trial.most("head alone", time.monotonic() - begin, AT_ONCE, "s")
        seen(trial, "urllib", lambda: by_urllib(url, file))
        for name, command in programs(service.work, file):
            seen(trial, name, lambda: subprocess.run(command(url), capture_output=True, text=True, timeout=CLIENT).stdout)
        endless(trial, service)


def seen(trial, name: str, ask):
    """One client; what it printed is the problem document."""
    begin = time.monotonic()
    try:
        said = ask()
        code = json.loads(said)["code"]
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        code, said = None, repr(error)
    trial.check(code == "name_taken", f"{name} saw {said[:200]!r}")
    trial.figures.append(f"{name} {time.monotonic() - begin:.1f} s")


def endless(trial, service):
    """Clients that drip, and clients that send as fast as they can, for longer than they are heard out."""
    seconds, before = (40 if trial.long else 8), service.memory()
    over = threading.Event()

    def send(pause: float, piece: bytes):
        try:
            with service.connect(head("/datasets?name=taken", 1 << 40, CSV)) as connection:
                while not over.wait(pause):
                    connection.sendall(piece)
        except OSError:
            pass

    fast, drip = (0.001, b"a" * (1 << 16)), (0.5, b"a")
    senders = [threading.Thread(target=send, args=fast if number < 3 else drip) for number in range(100)]
    [sender.start() for sender in senders]
    time.sleep(seconds)
    trial.most("a hundred that go on: +", service.memory() - before, 30, "MiB")
    if trial.long:
        left = sum(sender.is_alive() for sender in senders)
        trial.most("who is heard out after 40 s", left, 0)
    over.set()
    [sender.join() for sender in senders]


run(attack, __doc__)
