"""Checking files and folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.flow.check import READERS, check_paths, find_files, kind_of

GOOD = 'flow: A flow\ndial: "1"\n'
BAD = 'flow: A flow\ndail: "1"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good flow, a bad one, a library and files of others."""
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "sub" / "bad.yml").write_text(BAD)
    (tmp_path / "sub" / "lib.yaml").write_text("blocks_of: lib\nblocks:\n  a:\n    - wait: 1s\n")
    (tmp_path / ".hidden" / "bad.yaml").write_text(BAD)
    (tmp_path / "compose.yaml").write_text("services: {web: 1}\n")
    (tmp_path / "broken.yaml").write_text("services: [\n")
    (tmp_path / "list.yaml").write_text("- flow: x\n")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "notes.txt").write_text("flow: x\n")
    return tmp_path


def test_a_folder(folder: Path) -> None:
    """A folder is searched; files whose first key is not ours are passed over."""
    report = check_paths([folder])
    assert [issue.message for issue in report.errors] == ["there is no top-level key `dail`"]
    assert [flow.file for flow in report.flows] == [str(folder / "good.yaml")]
    assert [library.name for library in report.libraries] == ["lib"]
    assert report.status == 2


@pytest.mark.parametrize("name", ["compose.yaml", "broken.yaml", "list.yaml", "empty.yaml", "notes.txt", "none.yaml"])
def test_a_named_file(folder: Path, name: str) -> None:
    """A file that is named and is not ours, cannot be read or is not there is an error."""
    if name == "notes.txt":
        (folder / name).write_text("hello: world\n")
    assert len(check_paths([folder / name]).errors) == 1


def test_a_broken_flow_in_a_folder(tmp_path: Path) -> None:
    """A file that cannot be parsed is still ours by the key it begins with."""
    (tmp_path / "f.yaml").write_text("# a comment\nflow: A\ndial: [\n")
    assert kind_of(tmp_path / "f.yaml") == "flow"
    assert len(check_paths([tmp_path]).errors) == 1


def test_each_file_once(folder: Path) -> None:
    """A file that is named twice, or lies in a folder that is named too, is read once."""
    paths = [folder / "good.yaml", folder, folder / "sub" / ".." / "good.yaml"]
    assert [path.name for path, _ in find_files(paths)].count("good.yaml") == 1


def test_warnings_do_not_fail(tmp_path: Path) -> None:
    """Warnings are reported, and the status stays 0."""
    (tmp_path / "f.yaml").write_text(f"{GOOD}on:\n  answered:\n    - play: no.wav\n")
    report = check_paths([tmp_path])
    assert (len(report.warnings), len(report.errors), report.status) == (1, 0, 0)
    assert len(report.flows) == 1


def test_other_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who enters a reader for a first key is asked for its files; without one they are left unread."""
    path = tmp_path / "s.yaml"
    path.write_text("scenario: A\n")
    monkeypatch.delitem(READERS, "scenario", raising=False)
    assert check_paths([path]).unread == [path]
    monkeypatch.setitem(READERS, "scenario", lambda path: ("read", ()))
    assert check_paths([path]).documents == {path: "read"}


def test_one_error_of_a_library_is_reported_once(tmp_path: Path) -> None:
    """A library that two flows use has its errors once in the report."""
    (tmp_path / "lib.yaml").write_text("blocks_of: lib\nblocks:\n  a:\n    - wait: soon\n")
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(f"{GOOD}on:\n  answered:\n    - run: lib.yaml#a\n")
    assert len(check_paths([tmp_path]).errors) == 1
