"""`make bench`: what a leg costs, beside what it would cost otherwise, all in one run.

Ways are measured in turn, each in a process of its own, and each figure is the median of its
repeats: machines are noisy, so only ratios within one run mean anything. A ratio is the median of
those of each round, whose ways were measured within seconds of each other.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FLOOR_NEEDS = "a C compiler and libsrtp (Debian, Ubuntu: apt-get install gcc libc6-dev libsrtp2-dev)"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"

Row = dict[str, Any]


def build_floor(folder: str) -> Path | None:
    """The C floor, compiled; None where there is no compiler or no libsrtp."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    binary = Path(folder) / "floor"
    built = subprocess.run(
        [compiler, "-O2", str(HERE / "floor.c"), "-lsrtp2", "-o", str(binary)], capture_output=True, check=False
    )
    return binary if built.returncode == 0 else None


def measure(command: list[str]) -> Row:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    row: Row = json.loads(done.stdout.strip().splitlines()[-1])
    return row


IN_PYTHON = "botkit_in_python"
"""botkit without its compiled part: no row of the file, which knows three ways."""

OPUS_LEGS = 50
"""A wideband codec without a table costs more: so many legs are measured."""


def plan(floor: Path | None, seconds: float, sizes: list[int], stock_legs: int) -> list[tuple[Row, list[str]]]:
    """What to measure: the row's name, and the command."""
    python = [sys.executable, "-m", "tests.load.ways"]
    todo: list[tuple[Row, list[str]]] = []
    for legs in sizes:
        if floor is not None:
            todo.append((_row("floor", legs), [str(floor), str(legs), str(seconds)]))
        todo.append((_row("botkit", legs), [*python, "botkit", str(legs), str(seconds)]))
        todo.append((_row("botkit", legs, listening=True), [*python, "listening", str(legs), str(seconds)]))
    ways = (("botkit", False), ("listening", True))
    for way, listening in ways:
        row = _row(IN_PYTHON, sizes[0], listening=listening)
        todo.append((row, ["env", "BOTKIT_NATIVE=off", *python, way, str(sizes[0]), str(seconds)]))
    for way, listening in ways:
        row = _row("botkit", OPUS_LEGS, listening=listening, codec="opus")
        todo.append((row, [*python, way, str(OPUS_LEGS), str(seconds), "opus"]))
    todo.append((_row("stock_aiortc", stock_legs), [*python, "stock_aiortc", str(stock_legs), str(seconds)]))
    return todo


def _row(what: str, legs: int, *, listening: bool = False, codec: str = "PCMU") -> Row:
    return {"what": what, "legs": legs, "codec": codec, "listening": listening}


def medians(name: Row, samples: list[Row]) -> Row:
    def median(key: str) -> float:
        return float(statistics.median(sample.get(key, 0.0) for sample in samples))

    return {
        **name,
        "ms_per_leg_s": round(median("ms_per_leg_s"), 3),
        "late": int(median("late")),
        "lost": int(median("lost")),
        "setup_ms": round(median("setup_ms"), 2),
        "received": round(median("received"), 4),
        "kb_per_leg": round(median("kb_per_leg")),
        "digits": round(median("digits"), 3),
        "prompts": round(median("prompts"), 3),
        "repeats": len(samples),
        "rounds": [round(sample["ms_per_leg_s"], 4) for sample in samples],
    }


def ratio_of(rows: list[Row], one: Row, other: Row) -> float | None:
    """What one way costs of what another costs; None where either was not measured. Ways by what a row of them has."""
    found = [next((row for row in rows if wanted.items() <= row.items()), None) for wanted in (one, other)]
    if found[0] is None or found[1] is None:
        return None
    return float(statistics.median(a / b for a, b in zip(found[0]["rounds"], found[1]["rounds"], strict=True)))


def ratios(rows: list[Row]) -> list[str]:
    """What the figures come to, in words: the targets of the design beside them."""

    def ratio(one: Row, other: Row) -> float | None:
        return ratio_of(rows, one, other)

    said = []
    for legs in sorted({row["legs"] for row in rows if row["what"] == "botkit" and row["codec"] == "PCMU"}):
        ours, hearing, floor = _row("botkit", legs), _row("botkit", legs, listening=True), _row("floor", legs)
        for one, other, words in (
            ({"what": "stock_aiortc"}, ours, "stock aiortc / botkit = {:.1f} (target: at least 30)"),
            (ours, floor, "botkit / C floor = {:.2f} (target: at most 2.2)"),
            (hearing, ours, "listening / not listening = {:.2f} (target: at most 1.6)"),
            (hearing, floor, "listening / C floor = {:.2f} (target: at most 3)"),
        ):
            if (found := ratio(one, other)) is not None:
                said.append(f"{legs} legs: {words.format(found)}")
    for listening, words in ((False, "not listening"), (True, "listening")):
        without = {"what": IN_PYTHON, "listening": listening}
        compiled = {"what": "botkit", "listening": listening, "codec": "PCMU"}
        if (found := ratio(without, compiled)) is not None:
            said.append(f"without the compiled part, {words}: {found:.2f} times as much")
    if found := ratio(_row("botkit", OPUS_LEGS, listening=True, codec="opus"), _row("botkit", OPUS_LEGS, codec="opus")):
        said.append(f"Opus, {OPUS_LEGS} legs: listening / not listening = {found:.2f}")
    setups = [row["setup_ms"] for row in rows if row["what"] == "botkit" and not row["listening"]]
    said.append(f"set-up: {max(setups):.2f} ms CPU per leg (target: at most 4)")
    for listening, words in ((False, "not listening"), (True, "listening")):
        kept = [row["kb_per_leg"] for row in rows if row["what"] == "botkit" and row["listening"] == listening]
        said.append(f"memory: {max(kept)} kB per leg, {words}")
    heard = [row for row in rows if row["listening"]]
    if heard:
        said.append(
            f"heard meanwhile: {min(row['digits'] for row in heard):.1%} of the digits, and "
            f"{min(row['prompts'] for row in heard):.2f} prompts per leg and second"
        )
    return said


NAMES = {
    ("floor", False): "C, libsrtp and sockets alone",
    ("botkit", False): "**botkit**",
    ("botkit", True): "**botkit**, every leg listening",
    (IN_PYTHON, False): "botkit, nothing compiled",
    (IN_PYTHON, True): "botkit, nothing compiled, every leg listening",
    ("stock_aiortc", False): "aiortc's RTCPeerConnection",
}


def markdown(rows: list[Row]) -> str:
    """The table of the README."""
    lines = [
        "| way | codec | legs | CPU per leg and second | memory per leg | set-up per leg | late beats | lost beats |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name, kept = NAMES[row["what"], row["listening"]], f"{row['kb_per_leg']} kB" if row["kb_per_leg"] else "–"
        lines.append(
            f"| {name} | {row['codec']} | {row['legs']} | {row['ms_per_leg_s']:.2f} ms | {kept} "
            f"| {row['setup_ms']:.1f} ms | {row['late']} | {row['lost']} |"
        )
    return "\n".join([*lines, "", *(f"- {said}" for said in ratios(rows))])


def write_readme(rows: list[Row]) -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}\n{markdown(rows)}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"))
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--legs", type=int, nargs="*", default=[200, 400])
    parser.add_argument("--stock-legs", type=int, default=8, help="for aiortc's own path: what it can hold")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        floor = build_floor(folder)
        if floor is None:
            if os.environ.get("BOTKIT_REQUIRE") == "all":
                sys.exit(f"the C floor needs {FLOOR_NEEDS}")
            print(f"without the C floor: it needs {FLOOR_NEEDS}", file=sys.stderr)
        todo = plan(floor, given.seconds, given.legs, given.stock_legs)
        samples: list[list[Row]] = [[] for _ in todo]
        rounds = [(index, command) for _ in range(given.repeats) for index, (_, command) in enumerate(todo)]
        for index, command in track(rounds, "measuring", console=Console(stderr=True), transient=True):
            samples[index].append(measure(command))
    rows = [medians(name, taken) for (name, _), taken in zip(todo, samples, strict=True)]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    kept = [row for row in rows if row["what"] != IN_PYTHON]
    given.out.write_text(json.dumps(kept, indent=2) + "\n")
    table = Table(title="CPU of one process, both ends included; medians of interleaved repeats")
    for column in ("way", "legs", "codec", "listening", "ms per leg and s", "set-up ms", "kB", "late", "lost"):
        table.add_column(column)
    for row in rows:
        listening = "yes" if row["listening"] else "no"
        table.add_row(
            row["what"], str(row["legs"]), row["codec"], listening, f"{row['ms_per_leg_s']:.3f}",
            f"{row['setup_ms']:.2f}", str(row["kb_per_leg"]), str(row["late"]), str(row["lost"]),
        )  # fmt: skip
    Console(width=110).print(table)
    for said in ratios(rows):
        print(said)
    print(f"written: {given.out}")
    if given.readme:
        write_readme(rows)


if __name__ == "__main__":
    main()
