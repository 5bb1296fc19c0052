"""Field types: what their values may be, what stays open, and what `resolve` makes of it."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from botkit.flow.expression import ExpressionFault, Template
from botkit.flow.kinds import FieldError
from botkit.flow.registry import Step
from botkit.flow.schema import (
    AudioFiles,
    Choice,
    Choices,
    Codecs,
    Condition,
    Count,
    Digits,
    Duration,
    Flag,
    Headers,
    Hz,
    Integer,
    Names,
    Number,
    OutputPath,
    Pattern,
    Range,
    Share,
    Span,
    Text,
    Texts,
    Value,
    Values,
    kinds_of,
    resolve,
)
from botkit.flow.source import Mapping, Scalar, read


class Everything(Step):
    """One field of each type."""

    text: Text | None = None
    digits: Digits | None = None
    number: Number | None = None
    integer: Integer | None = None
    count: Count | None = None
    duration: Duration = 0.1
    length: Duration | None = Field(default=None, alias="for")
    share: Share | None = None
    flag: Flag = False
    pattern: Pattern | None = None
    condition: Condition | None = None
    value: Value = None
    values: Values = Field(default_factory=dict)
    headers: Headers = Field(default_factory=dict)
    audio: AudioFiles | None = None
    output: OutputPath | None = None
    hz: Hz | None = None
    choice: Choice[Literal["info", "rtp"]] = "info"
    maybe: Choice[Literal["info", "rtp"]] | None = None
    choices: Choices[Literal["dtmf", "speech"]] = frozenset()
    texts: Texts = ()
    names: Names = ()
    codecs: Codecs = ()
    range: Range | None = None


NAMES = {"pin": "0123", "n": 3, "half": 0.5, "yes": True, "word": "rtp", "list": ["dtmf", "speech"], "nothing": None}


def made(text: str) -> Everything:
    """The step from a mapping of fields in YAML."""
    node = read(text, "dir/flow.yaml")
    assert isinstance(node, Mapping)
    return Everything.model_validate({key.text: value for key, value in node.pairs})


def filled(text: str) -> Everything:
    """The step, its templates filled in."""
    return resolve(made(text), NAMES, random.Random(1))


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("text: 0123", "text", "0123"),
        ("text: 1.50", "text", "1.50"),
        ("text: true", "text", "true"),
        ("text: $${x}", "text", "${x}"),
        ("text: '${n}'", "text", "3"),
        ("text: '${pin}#'", "text", "0123#"),
        ("text: '${yes}'", "text", "true"),
        ("digits: 0123", "digits", "0123"),
        ("digits: 1", "digits", "1"),
        ("digits: ab*#w", "digits", "AB*#w"),
        ("digits: '${n}'", "digits", "3"),
        ("digits: '${pin}#'", "digits", "0123#"),
        ("number: '1.5'", "number", 1.5),
        ("number: ${n}", "number", 3),
        ("integer: -2", "integer", -2),
        ("integer: ${pin}", "integer", 123),
        ("count: 1", "count", 1),
        ("duration: 5s", "duration", 5.0),
        ("duration: 800ms", "duration", 0.8),
        ("duration: 2m", "duration", 120.0),
        ("duration: 1.5", "duration", 1.5),
        ("duration: ${half}", "duration", 0.5),
        ("duration: ${n}s", "duration", 3.0),
        ("for: 1s", "length", 1.0),
        ("share: 2%", "share", 0.02),
        ("share: 0.7", "share", 0.7),
        ("flag: true", "flag", True),
        ("flag: 'false'", "flag", False),
        ("flag: ${yes}", "flag", True),
        (r"pattern: '\d{4}'", "pattern", r"\d{4}"),
        ("value: [1, 01, {a: '${n}'}]", "value", [1, "01", {"a": 3}]),
        ("value: null", "value", None),
        ("values: {a: 01, b: '${n}'}", "values", {"a": "01", "b": 3}),
        ("headers: {X-Pin: 0123, X-N: '${n}'}", "headers", {"X-Pin": "0123", "X-N": "3"}),
        ("audio: a.wav", "audio", (Path("dir/a.wav"),)),
        ("audio: [a.wav, '${word}.wav']", "audio", (Path("dir/a.wav"), Path("dir/rtp.wav"))),
        ("audio: /a.wav", "audio", (Path("/a.wav"),)),
        ("output: sub/a.wav", "output", Path("sub/a.wav")),
        ("hz: 440", "hz", (440.0,)),
        ("hz: [350, 440]", "hz", (350.0, 440.0)),
        ("hz: dial", "hz", "dial"),
        ("hz: ['${n * 100}', 440]", "hz", (300.0, 440.0)),
        ("choice: rtp", "choice", "rtp"),
        ("choice: ${word}", "choice", "rtp"),
        ("maybe: ${word}", "maybe", "rtp"),
        ("choices: dtmf", "choices", frozenset({"dtmf"})),
        ("choices: [dtmf, speech]", "choices", frozenset({"dtmf", "speech"})),
        ("choices: ${list}", "choices", frozenset({"dtmf", "speech"})),
        ("texts: smoke", "texts", ("smoke",)),
        ("texts: [a, 01, '${n}']", "texts", ("a", "01", "3")),
        ("names: [a, b]", "names", ("a", "b")),
        ("codecs: [opus, PCMU]", "codecs", ("opus", "PCMU")),
        ("range: 3", "range", (3, 3)),
        ("range: 1..", "range", (1, None)),
        ("range: 2..5", "range", (2, 5)),
    ],
)
def test_values(text: str, field: str, expected: object) -> None:
    """A value means what the flow language says, written out or from an expression."""
    assert getattr(filled(text), field) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("text: [a]", "is not a text"),
        ("text:", "a value is missing"),
        ("digits: 12-34", "is not digits"),
        ("digits: ''", "is not digits"),
        ("number: abc", "is not a number"),
        ("integer: 1.5", "is not a whole number"),
        ("count: 0", "at least 1"),
        ("duration: 5 s", "is not a duration"),
        ("duration: -1", "is not a duration"),
        ("duration: 3..1", "runs backwards"),
        ("share: 2", "is not a share"),
        ("share: 120%", "is not a share"),
        ("flag: yes", "is not true or false"),
        ("pattern: '('", "is no regular expression"),
        ("condition: 1 +", "something is missing"),
        ("condition:", "an expression is missing"),
        ("values: [a]", "is not a mapping"),
        ("values: {call: 1}", "is reserved"),
        ("values: {2a: 1}", "is no name"),
        ("values: {not: 1}", "means something else"),
        ("audio: []", "is empty"),
        ("output: ../a.wav", "must stay below"),
        ("output: 'C:\\a.wav'", "must stay below"),
        ("output: events.jsonl", "botkit itself writes"),
        ("output: ./RX.wav", "botkit itself writes"),
        ("hz: 5000", "is not one frequency"),
        ("hz: [1, 2, 3]", "is not one frequency"),
        ("choice: sip", "is not one of info, rtp"),
        ("choices: [dtmf, x]", "is not one of dtmf, speech"),
        ("choices: [dtmf, '${word}']", "the whole list"),
        ("names: ${n}", "takes no"),
        ("range: 5..2", "runs backwards"),
        ("text: ${", "never closed"),
    ],
)
def test_refused(text: str, says: str) -> None:
    """What a field does not take is an error of the field, whose mark and words are kept."""
    with pytest.raises(ValidationError) as caught:
        made(text)
    (detail,) = caught.value.errors()
    error = detail["ctx"]["error"]
    assert isinstance(error, FieldError)
    assert says in str(error)
    assert error.mark is not None
    assert error.mark.file == "dir/flow.yaml"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("digits: ${word}", "`Everything.digits`: 'rtp' is not digits"),
        ("duration: ${word}", "`Everything.duration`: 'rtp' is not a duration"),
        ("for: ${missing}", "`Everything.for`: `missing` is not defined"),
        ("choice: ${pin}", "is not one of info, rtp"),
        ("audio: ${n}", "is not the path"),
        ("hz: ['${word}', 1]", "is not one frequency"),
        ("value: {a: ['${missing}']}", "`missing` is not defined"),
        ("digits: ${nothing}", "null is not digits"),
    ],
)
def test_faults_of_templates(text: str, says: str) -> None:
    """A template whose value does not fit is a fault that names the step, the field and the place."""
    step = made(text)
    with pytest.raises(ExpressionFault) as caught:
        resolve(step, NAMES, random.Random(1))
    assert says in str(caught.value)
    assert str(caught.value).startswith("dir/flow.yaml:1:")


def test_templates_stay() -> None:
    """Until it is resolved, a template stays in the model; the step that is resolved is another one."""
    step = made("digits: ${pin}")
    assert isinstance(step.digits, Template)
    assert resolve(step, NAMES, random.Random(1)).digits == "0123"
    assert isinstance(step.digits, Template)


def test_nothing_to_resolve() -> None:
    """A step without templates is resolved to itself."""
    step = made("digits: 1")
    assert resolve(step, {}, random.Random(1)) is step


def test_spans_are_drawn() -> None:
    """A span is drawn anew each time, within its bounds, by the generator given."""
    step = made("duration: 1s..3s")
    assert isinstance(step.duration, Span)  # whatever its static type says
    drawn = [resolve(step, {}, random.Random(seed)).duration for seed in range(20)]
    assert len(set(drawn)) == 20
    assert all(1 <= each <= 3 for each in drawn)
    assert resolve(step, {}, random.Random(5)) == resolve(step, {}, random.Random(5))


def test_conditions_are_not_resolved() -> None:
    """A condition stays an expression: its step decides when to ask."""
    step = filled("condition: ${n == 3}")
    assert step.condition is not None
    assert step.condition.evaluate(NAMES) is True


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\d+)+#",
        r"(\d*)*#",
        r"((1|2)*3)*",
        r"(1{1,30}){1,30}#",
        r"(?:1+2?)*#",
        r"(1?1)+#",
        r"(12|1|2)+#",
        r"(1\d|\d2)+#",
        "1?" * 30 + "1" * 30,
        r"\d*" * 8 + "#",
        r"\d*" * 3 + "#",
    ],
)
def test_patterns_that_may_take_forever(pattern: str) -> None:
    """What may have to be tried in too many ways is refused."""
    with pytest.raises(ValidationError, match=r"forever"):
        Everything(pattern=pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{4}",
        r"[0-9*#]+",
        r"(12|34)+",
        r"1.*",
        r"(\d{3}){2}",
        r"(1{3})+",
        r"\d+#?",
        r"(\d+)\*(\d+)#",
        r"1(0|2)?\d{1,3}",
    ],
)
def test_patterns_that_are_fine(pattern: str) -> None:
    """Ordinary patterns are taken."""
    assert Everything(pattern=pattern).pattern == pattern


@pytest.mark.parametrize(
    "pattern", ["[0-9]*[0-9]*#", r"\d*\d*1?#", "(1?){13}#", r"(\d{1,2}){12}#", r"\d{0,19}" * 3 + "#"]
)
def test_the_worst_patterns_that_are_fine_are_quick(pattern: str) -> None:
    """A pattern is tried at each digit, so a long entry must not take long."""
    assert Everything(pattern=pattern).pattern == pattern
    took = []
    for _ in range(5):
        begun = time.thread_time()  # what others do meanwhile is not counted
        assert not re.fullmatch(pattern, "1" * 64)
        took.append(time.thread_time() - begun)
    assert min(took) < 0.005  # a tenth of that where nothing else runs


def test_steps_made_in_python() -> None:
    """A step may be made from plain values."""
    step = Everything(digits="1", duration=2, choices=["dtmf"], audio="a.wav", hz=[350, 440])
    assert (step.digits, step.duration, step.choices) == ("1", 2.0, frozenset({"dtmf"}))
    assert step.audio == (Path("a.wav"),)
    assert step.hz == (350.0, 440.0)


def test_every_field_has_its_kind() -> None:
    """Kinds are found under `| None` and behind aliases."""
    assert set(kinds_of(Everything)) == set(Everything.model_fields)


def test_json_schema() -> None:
    """A model with these fields has a JSON Schema; choices are listed."""
    schema: dict[str, Any] = Everything.model_json_schema()
    assert schema["properties"]["choice"]["anyOf"][0] == {"enum": ["info", "rtp"]}
    assert "for" in schema["properties"]


def test_python_marks() -> None:
    """A scalar keeps its mark in the error of its field."""
    node = read("digits: [1]", "f.yaml")
    assert isinstance(node, Mapping)
    assert not isinstance(node.pairs[0][1], Scalar)
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate({"digits": node.pairs[0][1]})
    assert str(caught.value.errors()[0]["ctx"]["error"].mark) == "f.yaml:1:9"
