"""YAML text to nodes: what is kept, what is refused, and that nothing else comes out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.flow.source import Mapping, Mark, Scalar, Sequence, SourceError, data, plain, read

ODD = st.text(alphabet="ab01:-#*&!|>{}[]'\"\\$%@`~,? \n\t<.x\u2028", max_size=80)


def value(text: str) -> object:
    """What a value reads as, in a mapping of its own."""
    node = read(f"a: {text}", "f.yaml")
    assert isinstance(node, Mapping)
    return data(node.pairs[0][1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1.0", 1.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_canonical_values(text: str, expected: object) -> None:
    """Canonical numbers, true, false and null are values."""
    assert value(text) == expected
    assert type(value(text)) is type(expected)


@pytest.mark.parametrize(
    "text",
    ["0123", "+1555", "12:30", "yes", "no", "on", "1e5", "1_000", "0x1F", "1.50", ".5", "1.", "-0", "True", "1..3"],
)
def test_all_else_is_text_as_written(text: str) -> None:
    """What is not canonical stays text, to the letter."""
    assert value(text) == text


def test_quoted_is_text() -> None:
    """A quoted number is text."""
    assert value("'12'") == "12"
    assert value('"true"') == "true"


def test_surrogates_that_come_in_pairs() -> None:
    """A character beyond U+FFFF may be escaped as JSON does it: as two halves."""
    node = read('a: "\\ud83d\\ude80"', "f.yaml")
    assert data(node) == {"a": "\U0001f680"}


def test_keys_stay_text() -> None:
    """`on` is a key like any other."""
    assert data(read("on: {yes: 1}", "f")) == {"on": {"yes": 1}}


def test_long_digits_are_text() -> None:
    """A number of a thousand digits is text, and takes no time."""
    assert plain("1" * 1000) == "1" * 1000


def test_marks_count_from_one() -> None:
    """A mark is the line and column of the value, in the file's name as given."""
    node = read("flow: x\nlist:\n  - a\n  - 'b'\n", "dir/f.yaml")
    assert isinstance(node, Mapping)
    items = node.get("list")
    assert isinstance(items, Sequence)
    assert items.items[1].mark == Mark("dir/f.yaml", 4, 5)
    assert str(items.items[1].mark) == "dir/f.yaml:4:5"


def test_aliases_are_expanded() -> None:
    """An alias stands for a copy of what it names."""
    assert data(read("a: &x [1, {b: 2}]\nc: *x", "f")) == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


@pytest.mark.parametrize("text", ["a: 1\na: 2", "a: {b: 1, 'b': 2}", "a: 1\n'a': 2"])
def test_a_key_given_twice(text: str) -> None:
    """A key given twice is an error, quoted or not."""
    with pytest.raises(SourceError, match="is given twice"):
        read(text, "f")


def test_the_error_carries_its_line() -> None:
    """An error has the text of its line, for the caret."""
    with pytest.raises(SourceError) as caught:
        read("flow: x\ndial: *98\n", "f")
    assert caught.value.issue.text == "dial: *98"
    assert caught.value.issue.mark == Mark("f", 2, 7)


def test_a_comment_after_an_expression() -> None:
    """`# so` after `${x}` is a comment; `#so` is refused, since it may be a digit."""
    assert value("${x} # so") == "${x}"
    with pytest.raises(SourceError, match="a comment starts here"):
        value("${x} #so")


def test_a_trap_is_remembered() -> None:
    """An empty value before a comment remembers that it may have been digits."""
    node = read("a: #31#", "f")
    assert isinstance(node, Mapping)
    scalar = node.pairs[0][1]
    assert isinstance(scalar, Scalar)
    assert scalar.is_null
    assert scalar.trap == "`#` starts a comment: write '#31#'"


def _chained(links: int, each: int) -> str:
    """Aliases in aliases: a list that is nested `links` times `each` levels deep, and one."""
    lines = ["a0: &a0 [1]"]
    lines += [f"a{n}: &a{n} {'[' * each}*a{n - 1}{']' * each}" for n in range(1, links + 1)]
    return "\n".join(lines)


def test_depth_counts_through_aliases() -> None:
    """What is nested too deep by aliases is refused where it is written."""
    assert read(_chained(3, 12), "f")
    with pytest.raises(SourceError, match="nested more than 40 levels deep") as caught:
        read(_chained(26, 30), "f")
    assert caught.value.issue.mark == Mark("f", 3, 39)
    with pytest.raises(SourceError, match="nested more than 40"):
        read("a: &a {b: &b [1]}\nc: " + "[" * 38 + "*a" + "]" * 38, "f")
    assert read("a: &a {b: &b [1]}\nc: " + "[" * 37 + "*b" + "]" * 37, "f")


@settings(max_examples=300, deadline=None)
@given(ODD | st.text(max_size=60))
def test_only_source_errors_come_out(text: str) -> None:
    """Whatever the text, there is a node or a `SourceError`."""
    with suppress(SourceError):
        read(text, "f")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789.-+eE", max_size=12))
def test_numbers_are_written_as_read(text: str) -> None:
    """What is read as a number is written the same again."""
    number = plain(text)
    if isinstance(number, int | float):
        assert str(number) == text
