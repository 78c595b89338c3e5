#!/usr/bin/env python3
"""Small files that stand for very much: a word of a megabyte in a million rows, a part that thousands of sheets name, a word for
missing values that each of thousands of columns is to have.

Held: each is refused within `SECONDS`; work whose client has left ends; while hostile uploads wait, another address is served, and the
attackers' own gets an answer at once.
"""

import gzip
import http.client
import io
import time
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
from service import CSV, MIB, PARQUET, head
from trial import run

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: For one of these files, on a machine that does other things as well.
SECONDS = 60
#: For a service whose last client has left.
IDLE = 3
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"


def workbook(sheets: int, cells: str, texts: str = "") -> bytes:
    """So many sheets that all name one part, which has these cells."""
    named = "".join(f'<sheet name="a{at}" sheetId="{at + 1}" r:id="r1"/>' for at in range(sheets))
    relation = lambda name, kind, target: f'<Relationship Id="{name}" Type="{OFFICE}/{kind}" Target="{target}"/>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{relation("r1", "officeDocument", "xl/workbook.xml")}</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{SHEETS}" xmlns:r="{OFFICE}"><sheets>{named}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'{relation("r1", "worksheet", "worksheets/sheet1.xml")}{relation("r2", "sharedStrings", "sharedStrings.xml")}</Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{SHEETS}">{texts}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{SHEETS}"><sheetData>{cells}</sheetData></worksheet>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0"?>' + text)
    return file.getvalue()


def one_text(rows: int) -> bytes:
    header = "<row>" + "".join(f'<c t="s"><v>{at + 1}</v></c>' for at in range(7)) + "</row>"
    texts = f"<si><t>{'x' * 1_000_000}</t></si>" + "".join(f"<si><t>h{at}</t></si>" for at in range(7))
    return workbook(1, header + ("<row>" + '<c t="s"><v>0</v></c>' * 7 + "</row>") * rows, texts)


def one_word(rows: int) -> bytes:
    word = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 1_000_000]))
    file = io.BytesIO()
    table = pa.table({"a": word, "y": pa.array([0.0] * rows)})
    pq.write_table(table, file, compression="zstd", dictionary_pagesize_limit=1 << 24, row_group_size=rows)
    return file.getvalue()


def attack(trial):
    scale = 1 if trial.long else 4
    empty = workbook(3000, ("<row>" + "<c/>" * 16_000 + "</row>") * (2400 // scale))
    text, word = one_text(1_000_000 // scale), one_word(1_000_000 // scale)
    columns = ",".join(f"c{at}" for at in range(3000))
    rows = gzip.compress((columns + "\n" + ("1," * 2999 + "1\n") * 3).encode())
    with trial.service() as service:
        longest = 0.0
        for what, path, body, kind, packed in (
            (f"{len(word)} bytes of Parquet, one word", "/datasets", word, PARQUET, {}),
            (f"{len(text)} bytes of a workbook, one text", "/datasets", text, WORKBOOK, {}),
            (f"{len(rows)} bytes, a long word for missing values", "/datasets?missing=" + "m" * 60_000, rows, CSV, {"Content_Encoding": "gzip"}),
        ):
            begin = time.monotonic()
            reply = trial.cost(service, what, lambda: service.request("POST", path, body, kind, SECONDS + 30, **packed))
            longest = max(longest, time.monotonic() - begin)
            trial.check(reply.status in (413, 422), f"{what}: {reply.status} {reply.body[:200]!r}")
        trial.most("longest", longest, SECONDS, "s")
        for number in range(3):
            connection = service.connect(head(f"/datasets?name=v{number}", len(empty), WORKBOOK) + empty)
            time.sleep(0.5)
            connection.close()
        time.sleep(IDLE)
        busy = processor_seconds(service)
        time.sleep(1)
        trial.most("processor a second after the clients left", processor_seconds(service) - busy, 0.3, "s")
        beside(trial, service, text)


def processor_seconds(service) -> float:
    with open(f"/proc/{service.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def beside(trial, service, hostile: bytes):
    """Small uploads of another address and of the attackers' own, while fourteen files wait that take seconds each."""
    connections = [service.connect(head(f"/datasets?name=w{at}", len(hostile), WORKBOOK) + hostile, timeout=60) for at in range(14)]
    time.sleep(6)
    for address, allowed in (("127.0.0.2", [201]), ("127.0.0.1", [201, 429])):
        begin = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60, source_address=(address, 0))
        client.request("POST", f"/datasets?name=of-{address[-1]}", b"a,b\n1,2\n3,4\n", {"Content-Type": CSV})
        status = client.getresponse().status
        client.close()
        trial.check(status in allowed, f"an upload from {address}: {status}")
        trial.most(f"an upload from {address}, {status},", time.monotonic() - begin, SECONDS / 2, "s")
    for connection in connections:
        connection.close()


run(attack, __doc__)
