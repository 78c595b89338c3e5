#!/usr/bin/env python3
"""Joins the lines of epochd's benches with those of its peers: a Markdown table on standard output, and
figures: of ratios, and of what grows with rows and with models.

    benches/report.py FILE… [--figure benches/figure.svg] [--growth benches/growth.svg] [--by best|median]

A ratio is the peer's time over epochd's (epochd's rate over the peer's), so above 1 epochd is the faster. It is taken
against epochd's line of the same number of threads, or else against epochd's best.
"""

import argparse
import json
import math
import sys
from html import escape

TITLES = {
    "T1": "T1 XOR, 2-2-1, 10,000 epochs of 4 rows",
    "T2": "T2 60,000 × 784, 784-256-128-10, batch 128",
    "T3": "T3 50,000 × 20, 20-64-32-1, batch 64",
    "T4": "T4 200,000 × 50, 50-256-256-1, batch 512",
    "T5": "T5 20,000 × 1,024, 1,024-2,048-2,048-100, batch 256",
    "P1": "P1 predict one row, 4-16-3",
    "P2": "P2 predict 10,000 rows of 20, JSON",
    "P3": "P3 predict 10,000 rows of 20, f32 octets",
    "P4 idle": "P4 one row, nothing trains",
    "P4 training": "P4 one row while a model trains",
    "P4 no requests": "P4 training without requests",
    "C1": "C1 CSV of 1,000,000 × 20 into memory",
    "C2": "C2 CSV of 1,000,000 × 20 uploaded",
}
OURS = "epochd"
WIDTH, LABELS, BAR, GAP = 760, 190, 16, 30  # pixels: figure, space for names, height of a bar, height of a group's title
STYLE = """text{font:12px system-ui,sans-serif;fill:#1f2328}.t{font-weight:600}.g{fill:#2f6f4f}.l{fill:#b35a1f}
.a{stroke:#8c959f;stroke-dasharray:2 3}.o{stroke:#1f2328}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.g{fill:#4fa97b}.l{fill:#e08a4c}.a{stroke:#6e7681}.o{stroke:#e6edf3}}"""


def read(paths: list[str]) -> list[dict]:
    """All lines; of several runs of one measurement, the one with the best time or rate."""
    best: dict[tuple, dict] = {}
    for path in paths:
        for text in open(path):
            if text.startswith("{"):
                line = json.loads(text)
                key = (line["work"], line["unit"], line["peer"], line.get("threads"), line.get("rows"), line.get("models"))
                if key not in best or factor(line, best[key], "best") < 1:
                    best[key] = line
    order = list(TITLES)
    return sorted(best.values(), key=lambda l: (order.index(l["work"]) if l["work"] in order else len(order), l["work"], l["unit"]))


def factor(peer: dict, ours: dict, by: str) -> float:
    """How many times slower the peer is."""
    return ours[by] / peer[by] if peer["unit"].endswith("/s") else peer[by] / ours[by]


def baseline(line: dict, lines: list[dict], by: str) -> dict | None:
    own = [l for l in lines if l["peer"] == OURS and (l["work"], l["unit"]) == (line["work"], line["unit"])]
    same = [l for l in own if l.get("threads") == line.get("threads")]
    return min(same or own, key=lambda l: factor(l, own[0], by), default=None)


def ratio(line: dict, lines: list[dict], by: str) -> float | None:
    ours = baseline(line, lines, by)
    return factor(line, ours, by) if ours and line["peer"] != OURS else None


def number(value) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 1e-4 else f"{value:.1e}"


def further(line: dict) -> str:
    known = {"peer", "version", "threads", "work", "unit", "best", "median", "score"}
    return ", ".join(f"{name} {number(value)}" for name, value in line.items() if name not in known)


def table(lines: list[dict], by: str):
    previous = None
    for line in lines:
        group = (line["work"], line["unit"])
        if group != previous:
            print(f"\n**{TITLES.get(line['work'], line['work'])}** ({line['unit']})\n")
            print("| | version | threads | best | median | score | ratio | |\n|---|---|---:|---:|---:|---:|---:|---|")
            previous = group
        times = ratio(line, lines, by)
        cells = [line["peer"], line["version"], line.get("threads") or "", number(line["best"]), number(line["median"])]
        cells += [number(line.get("score")), f"{times:.2f}" if times else "", further(line)]
        print("|", " | ".join(map(str, cells)), "|")


def name(line: dict) -> str:
    threads = line.get("threads")
    return line["peer"] + (f", {threads} thread{'s' if threads > 1 else ''}" if threads else "")


def figure(lines: list[dict], by: str) -> str:
    """Horizontal bars from the line of 1 on a logarithmic scale, grouped by work; colours follow the reader's scheme."""
    bars = [(line, times) for line in lines if (times := ratio(line, lines, by))]
    if not bars:
        sys.exit("no figure: no line of a peer has one of epochd to be compared with")
    low = math.floor(min(0, *(math.log10(times) for _, times in bars)))
    high = math.ceil(max(1, *(math.log10(times) for _, times in bars)))
    place = lambda times: LABELS + (WIDTH - LABELS - 60) * (math.log10(times) - low) / (high - low)
    parts, y, previous = [], 24, None
    for line, times in bars:
        if line["work"] != previous:
            y, previous = y + GAP, line["work"]
            parts.append(f'<text class="t" x="8" y="{y - 8}">{escape(TITLES.get(line["work"], line["work"]))}</text>')
        left, right = sorted((place(1), place(times)))
        kind, anchor = ("g", right + 4) if times >= 1 else ("l", place(1) + 4)
        parts.append(f'<text x="{LABELS - 6}" y="{y + 12}" text-anchor="end">{escape(name(line))}</text>')
        parts.append(f'<rect class="{kind}" x="{left:.1f}" y="{y + 2}" width="{right - left:.1f}" height="{BAR - 4}"/>')
        parts.append(f'<text x="{anchor:.1f}" y="{y + 12}">{number(times)}</text>')
        y += BAR
    axis = []
    for power in range(low, high + 1):
        x = place(10**power)
        axis.append(f'<line class="{"o" if power == 0 else "a"}" x1="{x:.1f}" x2="{x:.1f}" y1="28" y2="{y + 4}"/>')
        axis.append(f'<text x="{x:.1f}" y="{y + 20}" text-anchor="middle">{f"{10**power:,}" if power >= 0 else 10.0**power}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 30}" width="{WIDTH}" height="{y + 30}" role="img">'
    title = "Times slower than epochd (right of 1: epochd is faster)"
    return "\n".join([head, f"<title>{title}</title><style>{STYLE}</style>", f'<text class="t" x="8" y="18">{title}</text>', *axis, *parts, "</svg>\n"])


def growth(lines: list[dict]) -> str:
    """Two panels with logarithmic axes: seconds of an epoch over rows, beside a line of slope 1; requests/s over models."""
    panels = [("grow", "rows", "Seconds of an epoch by rows; dashed: in proportion"),
              ("many", "models", "Predictions a second by models")]
    parts, width, height = [], 370, 260
    for index, (work, over, title) in enumerate(panels):
        points = sorted((line[over], line["median"]) for line in lines if line["work"] == work)
        if not points:
            sys.exit(f"no figure: no lines of {work}")
        left, right, bottom, top = index * 380 + 60, index * 380 + width - 20, height - 40, 44
        xs, ys = [math.log10(x) for x, _ in points], [math.log10(y) for _, y in points]
        low, high = math.floor(min(ys)), math.ceil(max(ys))
        x_of = lambda x: left + (right - left) * (x - xs[0]) / (xs[-1] - xs[0])
        y_of = lambda y: bottom - (bottom - top) * (y - low) / (high - low)
        way = lambda ys: " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in zip(xs, ys))
        parts.append(f'<text class="t" x="{left - 48}" y="24">{escape(title)}</text>')
        for x in xs:
            parts.append(f'<text x="{x_of(x):.1f}" y="{bottom + 18}" text-anchor="middle">{10**x:,.0f}</text>')
        for y in range(low, high + 1):
            parts.append(f'<line class="a" x1="{left}" x2="{right}" y1="{y_of(y):.1f}" y2="{y_of(y):.1f}"/>')
            parts.append(f'<text x="{left - 6}" y="{y_of(y) + 4:.1f}" text-anchor="end">{number(10.0**y)}</text>')
        if work == "grow":
            parts.append(f'<polyline class="a" fill="none" points="{way([ys[-1] + x - xs[-1] for x in xs])}"/>')
        parts.append(f'<polyline class="o" fill="none" points="{way(ys)}"/>')
        parts += [f'<circle class="g" cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="4"/>' for x, y in zip(xs, ys)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
    return "\n".join([head, f"<title>Cost as work grows</title><style>{STYLE}</style>", *parts, "</svg>\n"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--figure", help="the SVG file to write")
    parser.add_argument("--growth", help="the SVG file to write of `--grow` of the training bench and `many` of http")
    parser.add_argument("--by", choices=["best", "median"], default="median")
    given = parser.parse_args()
    lines = read(given.files)
    table(lines, given.by)
    if given.figure:
        with open(given.figure, "w") as file:
            file.write(figure(lines, given.by))
    if given.growth:
        with open(given.growth, "w") as file:
            file.write(growth(lines))


if __name__ == "__main__":
    main()
