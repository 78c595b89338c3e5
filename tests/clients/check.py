"""Holds what generators of clients said, and what they made, against the documents: `check.py WORK`.

WORK holds `documents/NAME.json`, `logs/GENERATOR-NAME.log` and `made/GENERATOR/NAME/`. Fails with every warning that is
not known to be harmless, and with every operation that a client lacks.
"""

import json
import re
import sys
from pathlib import Path

# What a generator may say: the generator, the message, and why no client lacks anything for it.
HARMLESS = [
    (".*", "OpenAPI 3.1 support is still in beta", "said of every document of version 3.1"),
    (".*", "Failed to get the schema name: null", "a schema without a name, of which there is no need"),
    ("rust|go", "cannot be used as .*Renamed to", "a word of the language, which gets another name there"),
    ("rust|go", r"\(reserved word\) cannot be used", "likewise"),
    ("python", "Codegen property is null .*Default to typing.Any", "a value of any kind, as the document means it"),
    ("java", "Ignoring complex example on request body", "examples are for readers"),
    ("openapi-python-client", "Unsupported content type (text/csv|application/x-ndjson|application/vnd.(apache|openxmlformats).*)$",
     "it sends JSON, forms and octets; the operation takes these too"),
    ("openapi-python-client", "type array must have items or prefixItems defined",
     "the rows of a data file as JSON: it sends the file as a form"),
    ("openapi-python-client", r"Unsupported content_type application/yaml\), response will be omitted",
     "/openapi.json says the same"),
    ("openapi-python-client", r"Unsupported content_type image/svg\+xml\), response will be omitted",
     "a picture is nothing to parse: the detailed calls have its bytes"),
]

# How a client names the operation `createModel`, as regular expressions over its sources.
SOURCES = {
    "python": r"^    def {snake}\(",
    "openapi-python-client": r"^# api/\w+/{snake}\.py$",
    "typescript-axios": r"^    public {camel}\(",
    "typescript-fetch": r"^    async {camel}\(",
    "openapi-typescript": r"^    {camel}: \{{",
    "rust": r"^pub async fn {snake}\(",
    "go": r"\) {pascal}Execute\(",
    "java": r"^ +public \S+ {camel}\(",
}


def warnings(generator, log):
    """The warnings in a log, one text each."""
    if generator == "openapi-python-client":
        # A line says where, the next one that is not empty says what.
        lines = [line for line in log.splitlines() if line.strip()]
        heads = [index for index, line in enumerate(lines) if re.match("(WARNING|ERROR)", line)]
        return [f"{lines[index]} {lines[index + 1]}" for index in heads]
    if generator == "openapi-typescript":
        return [line for line in log.splitlines() if re.search("warn|error|⚠", line, re.IGNORECASE)]
    return [line for line in log.splitlines() if re.search(r"\] (WARN|ERROR) |^(Exception|Caused by)", line)]


def harmless(generator, warning):
    return any(re.fullmatch(who, generator) and re.search(what, warning) for who, what, _ in HARMLESS)


def operations(document):
    methods = ("get", "put", "post", "delete", "patch")
    items = json.loads(document.read_text())["paths"].values()
    return [item[method]["operationId"] for item in items for method in methods if method in item]


def lacking(generator, folder, wanted):
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".ts", ".rs", ".go", ".java")]
    sources = "\n".join(f"# {path.relative_to(folder)}\n{path.read_text()}" for path in files)
    for camel in wanted:
        snake = re.sub("([A-Z])", lambda capital: "_" + capital[0].lower(), camel)
        pattern = SOURCES[generator].format(camel=camel, snake=snake, pascal=camel[0].upper() + camel[1:])
        if not re.search(pattern, sources, re.MULTILINE):
            yield camel


def main(work):
    faults = []
    for document in sorted((work / "documents").glob("*.json")):
        wanted = operations(document)
        assert wanted, f"{document} describes no operation"
        for generator in SOURCES:
            log = (work / "logs" / f"{generator}-{document.stem}.log").read_text()
            what = f"{generator} from the document of the {document.stem}"
            faults += {f"{what}: {warning}" for warning in warnings(generator, log) if not harmless(generator, warning)}
            made = work / "made" / generator / document.stem
            faults += [f"{what}: the operation {name} is missing" for name in lacking(generator, made, wanted)]
    print("\n".join(sorted(faults)))
    sys.exit(bool(faults))


main(Path(sys.argv[1]))
