"""report.html: what it holds, and that nothing in a result can break out of it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from botkit.reports.html_page import to_html
from botkit.results import RunResult
from tests.reports import samples

VOID = {"meta", "br", "line", "rect", "link"}


class Page(HTMLParser):
    """Collects tags and attributes, and checks that every tag is closed."""

    def __init__(self, result: RunResult) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(to_html(result))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("result", [samples.PASSED, samples.FAILED, samples.FAULT, samples.run()])
def test_needs_nothing_from_elsewhere(result: RunResult) -> None:
    """The page is one file: no address in it leads out of the output folder."""
    page = Page(result)
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe")
        for name in ("src", "href"):
            address = attributes.get(name) or ""
            assert "//" not in address
            assert not address.startswith("/")


def test_players() -> None:
    """Each call has a player for both sides, for what was heard and what was sent."""
    sources = [attributes["src"] for tag, attributes in Page(samples.run(samples.caller())).tags if tag == "audio"]
    assert sources == [f"calls/caller-1/{name}.wav" for name in ("both", "rx", "tx")]


def test_codec() -> None:
    """The page says which codec a call had, and nothing of one where it had no media."""
    assert "codec PCMU" in " ".join(Page(samples.run(samples.caller())).text.split())
    assert "codec" not in Page(samples.run(replace(samples.caller(), codec=None))).text


def test_failure_is_shown_with_its_line() -> None:
    """The failing line of YAML stands there with a caret under its column."""
    text = Page(samples.FAILED).text
    assert "23 │     - expect_tone: {hz: 1000, within: 5s}\n   │       ^" in text
    assert "speech from 6.91 s to 8.80 s, and no tone" in text


def test_texts_are_escaped() -> None:
    """What comes from outside cannot become markup, in text, attribute or address."""
    evil = '"><script>alert(1)</script>'
    call = replace(samples.caller(met=False), remote=evil, id=evil, bot=evil, events=f"calls/{evil}.jsonl")
    problem = replace(samples.UNMET, message=evil, heard=evil, hint=evil, label=evil)
    step = replace(call.steps[0], summary=evil, fields={evil: evil})
    call = replace(call, steps=(step,), problems=(problem,), recordings=replace(call.recordings, rx=f"{evil}.wav"))
    page = Page(samples.run(call, problems=(problem,)))
    assert [tag for tag, _ in page.tags].count("script") == 1


def test_javascript_addresses_are_no_links() -> None:
    """A path that looks like a scheme stays a path."""
    call = replace(samples.caller(), events="javascript:alert(1)")
    hrefs = [attributes.get("href") for tag, attributes in Page(samples.run(call)).tags if tag == "a"]
    assert all(not (href or "").startswith("javascript:") for href in hrefs)


def test_steps_stand_in_the_order_of_reading() -> None:
    """A step that holds others stands before them, though it ended after them."""
    inner, outer = samples.step("a/do/0", "inner", 1.0, 2.0), samples.step("a", "outer", 1.0, 3.0)
    text = Page(samples.run(replace(samples.caller(), steps=(inner, outer)))).text
    assert text.index("outer") < text.index("inner")


def test_recordings_of_steps_are_beside_the_page(tmp_path: Path) -> None:
    """What a `record` step wrote is shown and linked from where the page lies, wherever the folder is taken."""
    out = tmp_path / "ein Örtchen"
    wav = out / "calls" / "ivr-1" / "a b.wav"
    step = samples.step("on.answered/0", "record", 0.0, 1.0, fields={"path": str(wav), "duration": 2.4})
    page = Page(replace(samples.run(replace(samples.caller(), steps=(step,))), out=str(out)))
    assert str(tmp_path) not in page.text
    assert "calls/ivr-1/a b.wav, duration 2.4" in page.text
    assert "calls/ivr-1/a%20b.wav" in [attributes.get("href") for tag, attributes in page.tags if tag == "a"]


def test_link_with_half_a_character() -> None:
    """Half a character in a path, which the other party may have sent, breaks no page."""
    page = Page(samples.run(replace(samples.caller(), events="calls/a\ud83d/events.jsonl")))
    assert "calls/a%3F/events.jsonl" in [attributes.get("href") for tag, attributes in page.tags if tag == "a"]
