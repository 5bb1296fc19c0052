"""`botkit devices`: what a call may say and who may hear it, and how each is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botkit.cli import terminal

if TYPE_CHECKING:
    from botkit.media.card import Card


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List sources and sinks, and how each is named.

    \b
    Examples:
      botkit devices
      botkit devices --json
      botkit run line.yaml caller.yaml --audio-in line=exec:'python agent.py'
      botkit run line.yaml caller.yaml --audio-in caller=tone:440 --audio-out caller=file:heard.wav
    """
    from botkit.media.card import NoSound, cards

    found: list[Card] = []
    why: NoSound | None = None
    try:
        found = cards()
        if not found:
            why = NoSound("this machine has no sound card", None)
    except NoSound as error:
        why = error
    if as_json:
        terminal.say(json.dumps(listed(found, why), indent=2, ensure_ascii=False))
        return
    for line in shown(found, why):
        terminal.say(line)


def shown(cards: list[Card], why: Any = None) -> Iterator[str]:
    """The list for people. `why`: the `NoSound` that says why there are no cards."""
    from botkit.media.device import KINDS, PCM

    for title, option, attribute in (("Sources", "--audio-in", "said"), ("Sinks", "--audio-out", "heard")):
        yield f"{title}, for `botkit run FLOW… {option} [BOT=]NAME` and for `{option[2:].replace('-', '_')}` in Python:"
        for kind in KINDS:
            if what := getattr(kind, attribute):
                yield f"  {kind.name:<14}{what}"
        yield ""
    yield f"Raw PCM: {PCM}."
    yield ""
    if why is not None:
        yield f"Sound cards: none; {why.args[0]}"
        if why.hint:
            yield f"  {why.hint}"
        return
    yield "Sound cards:"
    for card in cards:
        ways = [f"{card.inputs} in"] if card.inputs else []
        ways += [f"{card.outputs} out"] if card.outputs else []
        ways += ["the usual microphone"] if card.is_default_input else []
        ways += ["the usual loudspeaker"] if card.is_default_output else []
        yield f"  card:{card.name}  ({', '.join([card.system, *ways])})"


def listed(cards: list[Card], why: Any = None) -> dict[str, Any]:
    """The same as plain data."""
    from botkit.media.device import KINDS
    from botkit.media.live import RATES
    from botkit.media.pcm import HEARING_RATE

    return {
        "sources": [
            *({"name": kind.name, "what": kind.said} for kind in KINDS if kind.said),
            *(_card(card, card.is_default_input) for card in cards if card.inputs),
        ],
        "sinks": [
            *({"name": kind.name, "what": kind.heard} for kind in KINDS if kind.heard),
            *(_card(card, card.is_default_output) for card in cards if card.outputs),
        ],
        "pcm": {"format": "s16le", "channels": 1, "rate": HEARING_RATE, "rates": list(RATES)},
        "sound": {
            "available": why is None,
            "cards": len(cards),
            "why": None if why is None else why.args[0],
            "install": None if why is None else why.install,
        },
    }


def _card(card: Card, usual: bool) -> dict[str, Any]:
    return {"name": f"card:{card.name}", "what": f"a sound card ({card.system})", "usual": usual, "rate": card.rate}
