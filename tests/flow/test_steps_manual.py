"""All steps: each has a manual, whose examples compile."""

from __future__ import annotations

import inspect
import re
import textwrap

import pytest

from botkit.flow.compile import read_flow
from botkit.flow.explain import FlowErrors
from botkit.flow.registry import Step, load_steps

STEPS = load_steps()

OURS = [
    "answer",
    "reject",
    "hangup",
    "hold",
    "resume",
    "transfer",
    "enqueue",
    "conference",
    "mute",
    "unmute",
    "play",
    "stop_play",
    "record",
    "send_dtmf",
    "expect_dtmf",
    "gather",
    "expect_prompt",
    "expect_tone",
    "expect_sound",
    "expect_speech",
    "expect_silence",
    "wait",
    "wait_for",
    "set",
    "log",
    "check",
    "fail",
    "stop",
    "choose",
    "repeat",
    "race",
    "parallel",
    "run",
    "goto",
    "signal",
    "break",
    "next",
    "return",
]


def example_of(step: type[Step]) -> str:
    """The steps of a manual's example."""
    manual = inspect.getdoc(step) or ""
    found = re.search(r"^Example:\n((?:    .*\n?|\n)+)", manual, re.MULTILINE)
    assert found, f"{step.name} has no example"
    return textwrap.dedent(found[1]).rstrip() + "\n"


@pytest.mark.parametrize("name", sorted(STEPS))
def test_example_compiles(name: str) -> None:
    """The example in a step's manual compiles."""
    example = textwrap.indent(example_of(STEPS[name]), "    ")
    block = textwrap.indent("- log: inside\n", "    ") if name != "return" else example
    incoming = name in ("answer", "reject")
    text = (
        "flow: Example\n"
        + ("answer: any\n" if incoming else 'dial: "+18005550100"\n')
        + "vars: {tries: 0, greeting: hi}\non:\n"
        + ("  incoming:\n" if incoming else "  answered:\n")
        + (example if name != "return" else "    - run: enter_pin\n")
        + f"blocks:\n  enter_pin:\n{block}  menu:\n    - hangup\n"
    )
    try:
        read_flow("example.yaml", text)
    except FlowErrors as errors:
        pytest.fail(f"{errors}\n{text}")


@pytest.mark.parametrize("name", OURS)
def test_is_registered_under_its_name(name: str) -> None:
    """Every step of this version can be found by its name."""
    assert STEPS[name].name == name


@pytest.mark.parametrize("name", sorted(STEPS))
def test_module_is_named_as_the_step(name: str) -> None:
    """A step lives in the module of its name; what only stands inside another step lives with it."""
    inside = {"break": "repeat", "next": "repeat", "return": "run"}
    assert STEPS[name].__module__ == f"botkit.flow.steps.{inside.get(name, name)}"


def test_which_steps_need_a_live_call() -> None:
    """Only steps that talk to the other side need a live call; `ended` may have all others."""
    needing = {name for name in OURS if STEPS[name].needs_call}
    assert needing == {
        "answer", "reject", "hangup", "hold", "resume", "transfer", "enqueue", "conference", "mute", "unmute",
        "play", "stop_play", "record", "send_dtmf", "expect_dtmf", "gather", "expect_prompt", "expect_tone",
        "expect_sound", "expect_speech", "expect_silence",
    }  # fmt: skip
