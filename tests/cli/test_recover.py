"""`botkit recover`: words and statuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from botkit.cli import outputs
from botkit.media.spool import Spool
from tests.runner.test_recover import keep


@pytest.fixture
def out(tmp_path: Path) -> Path:
    spool = Spool(tmp_path / "out" / "spool.botkit")
    keep(spool, "a")
    spool.close()
    return tmp_path / "out"


def test_recovered(botkit: Callable[..., Result], out: Path) -> None:
    """0: how long each call is and where it lies, what is lost, and what to do; then there is nothing to do."""
    done = botkit("recover", out)
    assert done.exit_code == 0, done.output
    for words in ("2.00 s", f"{out}/calls/a/{{rx,tx,both}}.wav", "recovered: 1 call, 2.00 s", "lost: ", "next: "):
        assert words in done.output
    again = botkit("recover", out)
    assert again.exit_code == 0
    assert f"nothing to recover in {out}" in again.output


def test_kept(botkit: Callable[..., Result], out: Path) -> None:
    """With --keep the spool stays, and the words say so."""
    done = botkit("recover", out, "--keep")
    assert f"kept: {out}/spool.botkit (--keep)" in done.output
    assert (out / "spool.botkit").exists()
    assert "there already" in botkit("recover", out).output


def test_json(botkit: Callable[..., Result], out: Path) -> None:
    """With --json standard output is one object."""
    done = botkit("recover", out, "--json")
    told = json.loads(done.stdout)
    (spool,) = told["spools"]
    assert (spool["kept"], spool["skipped_bytes"], spool["torn_bytes"]) == (None, 0, 0)
    assert [(call["call"], call["seconds"], call["written"]) for call in spool["calls"]] == [("a", 2.0, True)]
    assert json.loads(botkit("recover", out, "--json").stdout)["nothing"] is True


def test_losses(botkit: Callable[..., Result], out: Path) -> None:
    """Bytes that were skipped and torn are counted, and the damaged spool's new name is told."""
    path = out / "spool.botkit"
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data[:-10])
    events = out / "calls" / "b" / "events.jsonl"
    events.parent.mkdir(parents=True)
    events.write_text('{"call": "b"}\n{')
    done = botkit("recover", out)
    assert done.exit_code == 0
    assert "damaged bytes in spool.botkit" in done.output
    assert "the torn end of spool.botkit" in done.output
    assert f"kept: {path}.damaged (it is damaged)" in done.output
    assert f"half a line at the end of {events}, 1 bytes" in done.output
    assert "without sound: b" in done.output


def test_a_wav_that_cannot_be_written(botkit: Callable[..., Result], out: Path) -> None:
    """2, the reason and what to do; the spool stays."""
    (out / "calls").mkdir()
    (out / "calls" / "a").write_text("")
    done = botkit("recover", out)
    assert done.exit_code == 2
    assert "not written" in done.output
    assert f"then again: botkit recover {out}" in done.output
    assert (out / "spool.botkit").exists()


def test_faults(botkit: Callable[..., Result], tmp_path: Path) -> None:
    """2 for a folder that is not there; the one above an output folder leads to it."""
    missing = botkit("recover", tmp_path / "nowhere")
    assert missing.exit_code == 2
    assert "there is no folder" in missing.output


def test_the_folder_above(botkit: Callable[..., Result], out: Path) -> None:
    """Naming the folder above is no fault; the words lead to the one that is meant."""
    done = botkit("recover", out.parent)
    assert done.exit_code == 0
    assert f"botkit recover {out}" in done.output


def test_a_folder_in_use(botkit: Callable[..., Result], out: Path, tmp_path: Path) -> None:
    """A run that has the folder is not disturbed, whether it writes its spool yet or not."""
    folder = outputs.prepare(tmp_path / "fresh")
    (tmp_path / "link").symlink_to(folder)
    with (folder / outputs.MARKER).open("rb") as marker:
        assert int(marker.read()) > 0
    outputs.release(folder)
    spool = Spool(out / "spool.botkit")
    done = botkit("recover", out)
    spool.close()
    assert done.exit_code == 2
    assert "is being written by" in done.output
