"""docs/platform.md names tests as proofs: they are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "platform.md").read_text(encoding="utf-8")


def test_the_proofs_that_it_names_exist() -> None:
    """Each file, and each test in it."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) > 100
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / file).is_file() or f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_every_row_has_a_proof() -> None:
    """A rule says where it is proved, or plainly that it is not built."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and line != "| rule | proved by |"]
    assert len(rows) > 60
    assert [row for row in rows if "`tests/" not in row and "| not built: " not in row] == []
