"""Who may import whom, read from the syntax trees: arrows point down, names on one row never import each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "botkit"

ROWS: dict[str, int] = {
    "__main__": 5,
    **dict.fromkeys(("cli", "pytest_plugin"), 4),
    **dict.fromkeys(("runner",), 3),
    **dict.fromkeys(("client", "exchange"), 2),
    **dict.fromkeys(("signalling", "media", "flow", "reports", "testing"), 1),
    **dict.fromkeys(
        (
            "errors",
            "events",
            "states",
            "clock",
            "log",
            "settings",
            "results",
            "metrics",
            "causes",
            "vocabulary",
            "unforeseen",
            "owned",
        ),
        0,
    ),
}
"""The row of each top-level name. `__init__` stands above all: it is the door."""


HOMES: dict[str, tuple[str, ...]] = {
    "websockets": ("signalling/connection.py",),
    "aiortc": ("media/",),
    "aioice": ("media/",),
    "pylibsrtp": ("media/srtp.py",),
    "av": ("media/",),
    "threadpoolctl": ("media/plane.py",),
    "webrtcvad": ("media/vad.py",),
    "yaml": ("flow/source.py",),
    "defusedxml": ("exchange/texml/elements.py",),
    "fastapi": ("exchange/",),
    "starlette": ("exchange/",),
    "jwt": ("exchange/tokens.py",),
    "telnyx": (),
    "uvicorn": ("exchange/server.py",),
    "httpx": ("exchange/",),
    "jinja2": ("flow/", "reports/"),
    "typer": ("cli/",),
    "rich": ("cli/", "reports/"),
    "sounddevice": ("media/card.py",),
    "time": ("clock.py", "testing/clock.py"),
}
"""The few addresses of third parties (and of time)."""

ALSO = {("testing", "flow"): "FakeCall has the shape of flow's CallPort and writes its words"}
"""Neighbours that may meet, each with the reason."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of each import, also those inside functions and for typing only."""
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts
    package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join((*above, base)) if base else ".".join(above)
            yield node.lineno, base
            if base == "botkit":
                for alias in node.names:
                    yield node.lineno, f"botkit.{alias.name}"


def home(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_down(path: Path) -> None:
    """A module imports only what lies on a lower row, its own package, or ground beside it."""
    mine = home(path)
    if mine in ("__init__", "py"):
        return
    assert mine in ROWS, f"{mine} has no row: give it one here"
    for line, name in imports(path):
        parts = name.split(".")
        if parts[0] != "botkit" or len(parts) == 1 or parts[1] == mine:
            continue
        other = parts[1]
        if other not in ROWS or (mine, other) in ALSO:
            continue
        beside = ROWS[mine] == ROWS[other] == 0
        assert beside or ROWS[other] < ROWS[mine], f"{path}:{line}: {mine} (row {ROWS[mine]}) imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_third_parties_have_few_addresses(path: Path) -> None:
    """A third-party library is imported only at its address."""
    where = path.relative_to(PACKAGE).as_posix()
    for line, name in imports(path):
        allowed = HOMES.get(name.split(".")[0])
        if allowed is not None:
            assert any(where.startswith(address) for address in allowed), f"{path}:{line}: {name} is not at home here"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_small(path: Path) -> None:
    """Near 500 lines a second noun has moved in."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
