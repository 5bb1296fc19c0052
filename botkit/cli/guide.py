"""The guide that bare `botkit steps` prints under the list of steps: how flows are written.

What has a model is printed from it: top-level keys, events, what expressions see. The tests compile
every example.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

WIDTH = 110
"""Columns of the longest line of prose."""

COMMON_KEYS = {
    "label": "A name for this step, in logs and reports.",
    "within": "The time it may take. Expectations must be met by then (10s unless given), counted from the mark or"
    " the step's begin, whichever is later; any other step that takes longer has failed.",
    "save_as": "A variable for its result: `ok`, `started` and `ended` (seconds since the answer), and the fields"
    " that the step's own page names.",
    "on_fail": "What to do when it fails. `fail`: the flow fails, which is the default. `note`: the flow goes on, and"
    " its verdict fails at the end. `ignore`: the flow goes on, and only the result's `ok` is"
    " false. Or a list of steps,"
    " after which the flow goes on. A fault (no such file, an expression that breaks) is no"
    " failure: nothing covers it.",
    "if": "An expression; where it is not true the step is left out.",
}
"""The keys of every step, in the words of the guide."""

SKELETON = """\
flow: Book an appointment             # its name; the first key of the file
dial: "+18005550100"                  # or `answer:`; a flow is one bot and one call
vars: {pin: "4321", tries: 0}
secrets: [pin]
time_limit: 2m
on:
  answered:
    - expect_speech: {within: 5s, max_latency: 1.5s}
    - run: enter_pin
      label: pin
    - hangup
  dtmf:
    when: event.digit == "#"
    mode: queue
    do:
      - log: "the other side sent ${event.digit}"
  ended:
    - check: call.cause == "NORMAL_CLEARING"
blocks:
  enter_pin:
    - send_dtmf: "${pin}#"
"""

STEP_FORMS = """\
- hangup                              # a step with nothing to say
- wait: 2s                            # its main field alone: the short form
- send_dtmf: {digits: 123#, via: rtp} # its fields
- expect_tone: {hz: 440, for: 1s}     # common keys stand beside the step, or among its fields
  within: 5s
  save_as: tone
  on_fail:
    - log: no tone within 5 s
- log: "heard ${tone.hz} Hz after ${tone.latency} s"
  if: tone.ok
"""

LISTENING = """\
- play: {tone: 350, for: 1s}          # the mark is now where this ended
- expect_silence: 300ms               # quiet counts from the mark on
- expect_sound: {max_latency: 800ms}  # and this must begin so soon after the mark
- expect_tone: {hz: 480, absent: true, within: 2s}
"""


def guide() -> Iterator[str]:
    """All of it, line by line."""
    for title, section in SECTIONS:
        yield ""
        yield title
        yield from section()


def _skeleton() -> Iterator[str]:
    from botkit.cli.steps import field_rows
    from botkit.flow.document import FlowHead, LibraryHead

    yield from _prose(
        "A flow is a YAML file about one bot and one call. `botkit check` finds what is wrong in it and places no call."
    )
    yield from _yaml(SKELETON)
    yield from _prose("Its keys, beside `on` (handlers by event) and `blocks` (lists of steps by name):")
    yield from field_rows(FlowHead)
    yield from _prose(
        "Keys that begin with `x-` are yours, for anchors. A library is a file of `blocks` for other flows, whose first"
        " key is `blocks_of` instead of `flow`:"
    )
    yield from field_rows(LibraryHead)


def _handlers() -> Iterator[str]:
    from botkit import events
    from botkit.flow.facts import own_fields

    yield from _prose(
        "Under `on` stand handlers: lists of steps that begin when an event happens, or `{when, mode,"
        " do}`. `when` is an"
        " expression that picks among events. `mode` is what becomes of an event while the handler still runs: `queue`"
        " (after it, the default), `restart` (instead of it), `ignore`, or `parallel`. All handlers of"
        " a call run side by side and share its variables. `event` is what began the handler; each has `name` and"
        " `at`, its moment in seconds since the answer:"
    )
    classes = {cls.name: cls for cls in events.CallEvent.__subclasses__() if cls.name in events.CALL_EVENTS}
    rows = [
        (name, _first_sentence(classes[name]) + _with_fields(own_fields(classes[name]))) for name in events.CALL_EVENTS
    ]
    yield from _table(rows)
    yield from _prose(
        "A bot that dials begins with `answered`, when both sides can be heard; one that answers with `incoming`, or it"
        " answers at once. When the `answered` handler is done and no other runs, the bot hangs up. When a step fails,"
        " the other handlers are cancelled, the bot hangs up, and the flow has failed. `ended` runs last, whatever"
        " happened; steps that need a live call are refused there."
    )
    yield from _prose(
        "When the call ends under a waiting step, expectations and `wait_for` have failed, except"
        " `wait_for: ended`; with"
        " `ended: ok` an `absent` and an `expect_silence` are met by it. `play`, `record`, `wait`, `gather` and"
        " `transfer` are cut short, which is no failure. A `transfer` that is answered ends the bot's call too: what"
        " stands after it finds the call over, and `ended` runs, with NORMAL_CLEARING. One that is not keeps the call."
    )


def _steps() -> Iterator[str]:
    yield from _prose("A step is one word with its fields. Beside it may stand the common keys:")
    yield from _table(COMMON_KEYS.items())
    yield from _yaml(STEP_FORMS)
    yield from _prose("On a step that holds steps, `on_fail` and `within` cover them all.")


def _values() -> Iterator[str]:
    from botkit.flow.chance import Chance
    from botkit.flow.filters import FILTERS, TESTS
    from botkit.flow.names import CALL, RTP
    from botkit.flow.sandbox import METHODS

    yield from _prose(
        "`0`, `12`, `1.5` and `-3` are numbers, `true` and `false` booleans, `null` nothing; all else is text as it is"
        " written (`0123`, `yes`, `12:30`), and so is what is quoted. Durations are `5s`, `800ms`, `2m`, a number of"
        " seconds, or `1s..3s`, drawn at random. Paths count from the file that they stand in. Quote what begins with"
        " `#`, `*`, `!` or `{`, and put patterns into single quotes."
    )
    yield from _prose(
        "`${…}` is an expression; text around it makes text, and `$${` is a plain `${`. The fields"
        " `if`, `when`, `while`,"
        " `until`, `that` are expressions without it. Expressions are those of Jinja2: `+ - * / // % **`, `~` joins"
        " texts, `== != < <= > >= in and or not`, `x if c else y`, `[1, 2]`, `name.field`, `name[0]`. A"
        " name that nothing"
        " defines is an error before any call is made; `x is defined` may be asked. A text meets a number by how it is"
        ' written: `"1" == 1` holds, `"0123" == 123` does not. Names are the variables (`vars`, `set`, `save_as`, and'
        " `with` inside a block), and these:"
    )
    yield from _table(
        (
            ("call", f"{', '.join(CALL)}; call.rtp has {', '.join(RTP)}. Durations are seconds."),
            ("event", "what began the handler, with `name` and `at` (seconds since the answer)"),
            ("vars", "all variables"),
            ("repeat", "repeat.index is the turn, from 1, inside `repeat`"),
            ("env", "the environment: env.NAME"),
            ("bot", "bot.name; bot.call, which of its calls this is; in scenarios bot.index"),
            ("matrix", "the values of this cell of a scenario's matrix"),
            ("random", "seeded, so that a run can be repeated:"),
        )
    )
    draws = [(name, call) for name, call in vars(Chance).items() if not name.startswith("_")]
    yield from _table((f"random.{name}{_arguments(call)}", _first_sentence(call)) for name, call in draws)
    yield from _prose(f"Filters (`value | round(1)`): {', '.join(sorted(FILTERS))}.")
    yield from _prose(f"Tests (`value is number`): {', '.join(sorted(TESTS))}.")
    yield from _prose(f"Methods of texts: {', '.join(sorted(METHODS[str]))}; of mappings: {_listed(METHODS[dict])}.")


def _listening() -> Iterator[str]:
    yield from _prose(
        "Detectors run on all that arrives, from the first packet on; steps ask them. Each call has a mark: the moment"
        " when the last own `play` or `send_dtmf` ended on the wire, or when what an expectation last matched ended (or"
        " began, where the step goes on at the beginning), or the answer. An expectation counts what begins after the"
        " mark, also when that was before the step, so nothing is missed between two steps. `latency` is onset minus"
        " mark, in seconds, measured from the times at which packets arrived."
    )
    yield from _yaml(LISTENING)
    yield from _prose(
        "`within` is when the expectation must be met in full, `starts_within` when it must have begun,"
        " `for` how long it"
        " must last; `max_latency` bounds the latency; `absent: true` turns it round."
    )
    yield from _prose(
        "Digits come in one queue per call. `gather` and `expect_dtmf` take them out of it, those typed"
        " ahead too, unless"
        " `flush` is said; two steps that want them at once are a fault. `on: dtmf` and `stop_on: dtmf` only watch."
    )
    yield from _prose(
        "There is one voice per call: plays wait for each other, unless `over: replace` or `over: mix`"
        " is said. What runs"
        " with `background: true` belongs to the call, not to its handler, and keeps no call alive."
    )


SECTIONS: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
    ("A FLOW", _skeleton),
    ("HANDLERS AND EVENTS", _handlers),
    ("STEPS", _steps),
    ("VALUES AND EXPRESSIONS", _values),
    ("LISTENING AND SPEAKING", _listening),
)


# --- how it is printed ----------------------------------------------------------------------------


def _prose(text: str) -> Iterator[str]:
    yield ""
    yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _yaml(text: str) -> Iterator[str]:
    yield ""
    yield from (f"    {line}".rstrip() for line in text.splitlines())


def _table(rows: Any) -> Iterator[str]:
    """Names and what they mean, side by side."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    yield ""
    for name, meaning in rows:
        first, *more = textwrap.wrap(meaning, WIDTH - width - 6, break_on_hyphens=False)
        yield f"    {name:<{width}}  {first}"
        yield from (f"    {'':<{width}}  {line}" for line in more)


def _first_sentence(what: Any) -> str:
    return " ".join((inspect.getdoc(what) or "").split()).partition(". ")[0].rstrip(".") + "."


def _with_fields(names: list[str]) -> str:
    own = [name for name in names if name != "at"]  # which every event has
    return f" Has {', '.join(own)}." if own else ""


def _arguments(call: Any) -> str:
    """`(low, high)`, with the defaults of those that may be left out."""
    parameters = list(inspect.signature(call).parameters.values())[1:]
    words = [each.name if each.default is each.empty else f"{each.name}={each.default}" for each in parameters]
    return f"({', '.join(words)})"


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
