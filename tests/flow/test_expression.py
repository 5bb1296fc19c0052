"""Expressions: what they mean, what is a fault, and that none can stall."""

from __future__ import annotations

import pickle
import random
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.flow.chance import Chance
from botkit.flow.expression import Expression, ExpressionFault, Reference, Template, truth
from botkit.flow.source import Mark

MARK = Mark("f.yaml", 3, 7)
NAMES: dict[str, Any] = {
    "pin": "0123",
    "one": "1",
    "n": 5,
    "flag": True,
    "nothing": None,
    "word": "abc",
    "reply": {"items": [1, 2], "ok": True, "get": "got"},
    "list": ["1", 2, "x"],
}


def run(text: str) -> Any:
    """The value of an expression with the names above."""
    return Expression(text, MARK).evaluate(NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"1" == 1', True),
        ('"0123" == 123', False),
        ('pin == "0123"', True),
        ("one == 1", True),
        ("1 == one", True),
        ("one != 1", False),
        ('"1.0" == 1', False),
        ('"1.5" == 1.5', True),
        ('flag == "true"', True),
        ('["1"] == [1]', True),
        ("{'a': 1} == {'a': '1'}", True),
        ("{'a': [1]} == {'a': ['1']}", True),
        ("{'a': 1} == {'a': 2}", False),
        ("{'a': 1} == {'b': 1}", False),
        ("{'a': 1} != {'a': 1, 'b': 2}", True),
        ("1 in list", True),
        ('"2" in list', True),
        ("3 not in list", True),
        ("2 in pin", True),
        ('"items" in reply', True),
        ("nothing == none", True),
    ],
)
def test_equality(text: str, expected: bool) -> None:
    """A text meets a number by its written form."""
    assert run(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one + 1", 2),
        ("pin + 1", 124),
        ('"10" > "9"', True),
        ('1 < "2" <= 2', True),
        ('"1.5" * 2', 3.0),
        ("4 / 2", 2),
        ("5 / 2", 2.5),
        ("7 // 2", 3),
        ("7 % 4", 3),
        ("2 ** 10", 1024),
        ("-n", -5),
        ("[1] + [2]", [1, 2]),
        ('"a" ~ 1 ~ true', "a1true"),
    ],
)
def test_arithmetic(text: str, expected: object) -> None:
    """Ordering and arithmetic read a numeric text as a number."""
    assert run(text) == expected
    assert type(run(text)) is type(expected)


@pytest.mark.parametrize(
    "text", ["word + 1", "word > 1", '"a" + "b"', "-word", "nothing + 1", "flag + 1", '"" < 1', '"%d" % 5']
)
def test_arithmetic_on_no_number(text: str) -> None:
    """Ordering and arithmetic on any other text are faults."""
    with pytest.raises(ExpressionFault, match="is not a number"):
        run(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reply.items", [1, 2]),
        ("reply['ok']", True),
        ("reply.get", "got"),
        ("list[-1]", "x"),
        ("word[1:]", "bc"),
        ("word.upper()", "ABC"),
        ("word.startswith('a')", True),
        ("word | upper", "ABC"),
        ("list | length", 3),
        ("word | replace('b', '')", "ac"),
        ("missing | default('x')", "x"),
        ("missing is defined", False),
        ("reply.missing is defined", False),
        ("missing is defined and missing > 1", False),
        ("n if flag else 0", 5),
        ("[3, '1', 2] | sort", ["1", 2, 3]),
        ("2.6 | round", 3),
        ("2.64 | round(1)", 2.6),
        ("['a', 1] | join('-')", "a-1"),
        ("{'a': 1}.a", 1),
        ("n is even", False),
        ("n is number", True),
    ],
)
def test_reach(text: str, expected: object) -> None:
    """Items come before attributes; listed methods, filters and tests may be used."""
    assert run(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "missing",
        "missing.field",
        "missing == 1",
        "not missing",
        "reply.missing",
        "reply.missing == 1",
        "list[9]",
        "missing ~ 'a'",
        "[missing]|join",
        "missing in list",
        "missing.field is defined",
        "n if missing else 0",
        "n if not flag",
        "range(3)",
        "dict(a=1)",
        "lipsum()",
        "cycler",
    ],
)
def test_undefined_is_a_fault(text: str) -> None:
    """Any use of an undefined name but `is defined` and `default` is a fault."""
    with pytest.raises(ExpressionFault, match=r"not defined|there is no"):
        run(text)


@pytest.mark.parametrize(
    "text",
    [
        "word.__class__",
        "word['__class__']",
        "word.format(1)",
        "word.join(list)",
        "word.encode()",
        "word.ljust(99999999)",
        "list.append(1)",
        "reply.update({})",
        "reply.items.__len__()",
        "random.digits.__globals__",
        "random._rng",
        "n.bit_length()",
        "n.to_bytes(9)",
        "word()",
        "word.upper(*list)",
    ],
)
def test_what_may_not_be_reached(text: str) -> None:
    """Private attributes, and methods that are not listed, may not be used."""
    with pytest.raises(ExpressionFault):
        Expression(text, MARK).evaluate({**NAMES, "random": Chance(random.Random(1))})


@pytest.mark.parametrize(
    "text",
    ["1 +", "a = 1", "a b", "", "  ", "1 | nofilter", "1 is notest", "{% x %}", "a }} b", "f(**a)", "'", "self.x"],
)
def test_bad_syntax_is_found_when_made(text: str) -> None:
    """An expression that cannot be read is a fault before anything is evaluated."""
    with pytest.raises(ExpressionFault):
        Expression(text, MARK)


@pytest.mark.parametrize(
    "text",
    [
        "9 ** 99999",
        "(9 ** 999) ** 999",
        "2 ** 999999999",
        "'a' * 999999999",
        "[0] * 999999999",
        "[[0] * 60000] * 60000",
        "[[0] * 60000, [0] * 60000] == [[0] * 60000, [0] * 60000]",
        "'%999999999d' % 1",
        "5 | round(-999999999)",
        "1.5 | round(999999999)",
        "big ~ big",
        "[big, big] | join",
        "big | replace('a', 'aaaaaaaaaaaaaaaa')",
        "[big, big] | string",
        "random.digits(99999999)",
        "1e999",
        "2.0 ** 99999",
        "(0 - 8) ** 0.5",
        "('9' ~ big) + 1",
        "(" * 900 + "1" + ")" * 900,
        "1" + " + 1" * 900,
        "not " * 900 + "true",
        "1" * 1999 + " * " + "1",
        "x" * 5000,
    ],
)
def test_no_expression_stalls(text: str) -> None:
    """What would take long, or make much, is a fault at once."""
    begun = time.thread_time()  # what others do meanwhile is not counted
    with pytest.raises(ExpressionFault):
        Expression(text, MARK).evaluate({"big": "a" * 60_000, "random": Chance(random.Random(1))})
    assert time.thread_time() - begun < 1.0


def test_much_chance_in_one_expression_is_quick() -> None:
    """The longest text that may be drawn, as often as an expression can ask for it, takes no time."""
    expression = Expression(" ~ ".join(["random.letters(64)"] * 48), MARK)
    begun = time.thread_time()  # what others do meanwhile is not counted
    assert len(expression.evaluate({"random": Chance(random.Random(1))})) == 48 * 64
    assert time.thread_time() - begun < 0.1


def test_sixty_thousand_characters_are_fine() -> None:
    """The limit is 64 kB, not less."""
    assert len(Expression("a ~ a", MARK).evaluate({"a": "x" * 32_000})) == 64_000


def test_the_fault_says_where() -> None:
    """A fault carries the mark, and prints it."""
    with pytest.raises(ExpressionFault) as caught:
        run("missing + 1")
    assert caught.value.mark == MARK
    assert str(caught.value) == "f.yaml:3:7: `missing` is not defined in `missing + 1`"


@pytest.mark.parametrize("text", ["n == 5", "${n == 5}", " ${ n == 5 } "])
def test_bare_or_wrapped(text: str) -> None:
    """An expression may be bare, or one `${…}`."""
    expression = Expression(text, MARK)
    assert expression.text == "n == 5"
    assert expression.evaluate(NAMES) is True


def test_two_parts_are_no_expression() -> None:
    """`${a} + ${b}` is no expression."""
    with pytest.raises(ExpressionFault, match="bare"):
        Expression("${n} + ${n}", MARK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${n}", 5),
        ("${pin}", "0123"),
        ("${pin}#", "0123#"),
        ("a${n}b${word}", "a5babc"),
        ("$${n}", "${n}"),
        ("$${${n}", "${5"),
        ("$5 {n} {{ n }} {% n %} {# n", "$5 {n} {{ n }} {% n %} {# n"),
        ("${ {'a': {'b': 1}}.a.b }", 1),
        ("${'}'}!", "}!"),
        ("${\"}\" ~ '{'}", "}{"),
        ("${flag} ${nothing} ${1.5}", "true null 1.5"),
        ("${[1, 'a']} ", '[1, "a"] '),
        ("", ""),
    ],
)
def test_templates(text: str, expected: object) -> None:
    """Text around `${…}` makes text; one `${…}` alone keeps its type; nothing else is special."""
    value = Template(text, MARK).evaluate(NAMES)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("text", ["${", "a ${n", "${n} ${", "${'}", "${}"])
def test_templates_that_cannot_be_read(text: str) -> None:
    """A `${` that is not closed, or holds nothing, is a fault."""
    with pytest.raises(ExpressionFault):
        Template(text, MARK)


def test_references() -> None:
    """The names and fields that a text uses are known without evaluating it."""
    template = Template("${call.rtp.lost + a['b']} ${c is defined and c.d} ${e | default(f)}", MARK)
    assert set(template.references) == {
        Reference(("call", "rtp", "lost")),
        Reference(("a", "b")),
        Reference(("c",), optional=True),
        Reference(("c", "d"), optional=True),
        Reference(("e",), optional=True),
        Reference(("f",)),
    }
    assert template.names == {"call", "a", "c", "e", "f"}


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), ("true", True), ("false", False)])
def test_truth(value: object, expected: bool) -> None:
    """true and false count, and the texts of these."""
    assert truth(value) is expected


@pytest.mark.parametrize("value", [1, 0, "", "yes", "True", None, [], 1.0])
def test_no_truth(value: object) -> None:
    """Anything else is neither true nor false."""
    with pytest.raises(ValueError, match="must be true or false"):
        truth(value)


def test_pickling() -> None:
    """Expressions and templates travel to other processes."""
    template = Template("${n}#", MARK)
    assert pickle.loads(pickle.dumps(template)).evaluate(NAMES) == "5#"


WORDS = """
    n pin word list reply missing 1 0 -1 2.5 'a' '9' [] [1] {} big none + - * ** / // % ~ == < in not is and or if else
    | . ( ) [ ] , : defined upper join round sort replace default items split
"""
TOKENS = st.sampled_from(WORDS.split())


@settings(max_examples=400, deadline=2000)
@given(st.lists(TOKENS, max_size=9).map(" ".join) | st.text(max_size=30))
def test_only_faults_come_out(text: str) -> None:
    """Whatever the expression, it has a value or is an `ExpressionFault`."""
    with suppress(ExpressionFault):
        Expression(text, MARK).evaluate({**NAMES, "big": "9" * 60_000})


@settings(max_examples=300, deadline=2000)
@given(st.text(alphabet="${}'\"\\a1 |~+", max_size=20))
def test_only_faults_come_out_of_templates(text: str) -> None:
    """Whatever the text, it is a template with a value, or a fault."""
    with suppress(ExpressionFault):
        Template(text, MARK).evaluate({"a": 1})
