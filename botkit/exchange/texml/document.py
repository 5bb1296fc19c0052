"""A web server's reply, read into a `Document`: all of it is checked before any of it is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, cast

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from botkit.exchange.texml.elements import Element, read_elements
from botkit.exchange.texml.errors import NotADocument, TexmlError, UnsupportedVerb
from botkit.exchange.texml.nouns import NOUNS, Model
from botkit.exchange.texml.verbs import NOT_HERE, NOT_ON_PLATFORM, VERBS, Number, Pause, Play, Say, Verb

SPOKEN_MARKUP = frozenset(
    {"speak", "break", "emphasis", "lang", "mark", "p", "phoneme", "prosody", "s", "say-as", "sub", "voice", "w"}
)
"""SSML inside `Say`: its text is spoken, its marks are not heeded."""
PROMPTS = {"Say": Say, "Play": Play, "Pause": Pause}


@dataclass(frozen=True, slots=True)
class Document:
    """A program. `notes` are things in it that are ignored, a line of text each."""

    verbs: tuple[Verb, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)


def parse(body: bytes) -> Document:
    """Read a document.

    Raises `NotADocument` when the body is no TeXML at all, `UnsupportedVerb` for what the platform does not have,
    `TexmlError` for any other mistake in it; nothing else, whatever the bytes.
    """
    root = read_elements(body)
    if root.name != "Response":
        raise NotADocument(f"the root element is <{root.name[:40]}>, not <Response>", line=root.line)
    notes: list[str] = []
    verbs = tuple(_verb(element, notes) for element in root.children)
    return Document(verbs, tuple(notes))


def _verb(element: Element, notes: list[str]) -> Verb:
    model = VERBS.get(element.name)
    if model is None:
        raise _unknown(element, "verb", VERBS)
    extra: dict[str, Any] = {}
    if element.name == "Gather":
        extra["prompts"] = tuple(_prompt(child, notes) for child in element.children)
    elif element.name == "Dial":
        extra["to"] = _nouns(element, notes)
    elif element.children and not (element.name == "Say" and _is_markup(element)):
        raise TexmlError(f"cannot hold <{element.children[0].name}>", line=element.children[0].line, verb=element.name)
    return cast("Verb", _model(element, model, extra, notes))


def _is_markup(element: Element) -> bool:
    return all(child.name in SPOKEN_MARKUP and _is_markup(child) for child in element.children)


def _prompt(element: Element, notes: list[str]) -> Model:
    if element.name not in PROMPTS:
        raise TexmlError(f"cannot hold <{element.name}>, only Say, Play and Pause", line=element.line, verb="Gather")
    return cast("Model", _verb(element, notes))


def _nouns(dial: Element, notes: list[str]) -> Any:
    if not dial.children:
        if not dial.text:
            raise TexmlError("nobody to dial: a number, Number, Sip, Queue or Conference", line=dial.line, verb="Dial")
        return (_built(dial, Number, {"number": dial.text}),)
    nouns = []
    for element in dial.children:
        if element.name not in NOUNS:
            raise _unknown(element, "noun of Dial", NOUNS)
        if element.children:
            raise TexmlError("cannot hold other elements", line=element.line, verb=element.name)
        nouns.append(_model(element, NOUNS[element.name], {}, notes))
    kinds = {type(noun).__name__ for noun in nouns}
    if kinds <= {"Number", "Sip"}:
        return tuple(nouns)
    if len(nouns) > 1:
        raise TexmlError(
            f"{' and '.join(sorted(kinds))} cannot be dialled together", line=dial.line, verb="Dial",
            hint="a Queue or a Conference stands alone; several Number and Sip ring together",
        )  # fmt: skip
    return nouns[0]


def _unknown(element: Element, what: str, known: dict[str, type[Model]]) -> TexmlError:
    name = element.name[:40]
    if name in NOT_HERE:
        return UnsupportedVerb("is not offered by this exchange", line=element.line, verb=name)
    if name == "Client":
        hint = "clients are dialled as <Sip>sip:NAME@sip.telnyx.com</Sip>"
        return UnsupportedVerb("is not supported by the platform", line=element.line, verb=name, hint=hint)
    if name in NOT_ON_PLATFORM and name not in NOUNS:
        return UnsupportedVerb("is not supported by the platform", line=element.line, verb=name)
    if name in NOUNS:
        return TexmlError("stands inside Dial", line=element.line, verb=name)
    if name in VERBS:
        return TexmlError(f"is a verb, not a {what}", line=element.line, verb=name)
    near = get_close_matches(name[:1].upper() + name[1:].lower(), known, 1)
    hint = f"did you mean <{near[0]}>?" if near else f"known: {', '.join(sorted(known))}"
    return TexmlError(f"is no {what}", line=element.line, verb=name, hint=hint)


def _model(element: Element, model: type[Model], extra: dict[str, Any], notes: list[str]) -> Model:
    known = {to_camel(name) for name in model.model_fields} - {"line", "to", "prompts", to_camel(model.takes_text)}
    values: dict[str, Any] = dict(extra)
    for name, value in element.attributes.items():
        if name in known:
            values[name] = value.strip()
            continue
        near = get_close_matches(name, known, 1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        notes.append(f"line {element.line}: <{element.name}> has no attribute {name[:40]}{meant}; it is ignored")
    if model.takes_text and element.text:
        values[model.takes_text] = element.text
    return _built(element, model, values)


def _built(element: Element, model: type[Model], values: dict[str, Any]) -> Model:
    try:
        return model.model_validate({"line": element.line, **values})
    except ValidationError as error:
        raise _mistake(element, model, error) from None


def _mistake(element: Element, model: type[Model], error: ValidationError) -> TexmlError:
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    attribute = str(first["loc"][0]) if first["loc"] else ""
    if attribute and attribute == model.takes_text:
        if not element.text:
            return TexmlError(f"needs text: the {attribute}", line=element.line, verb=element.name)
        if first["type"] == "string_pattern_mismatch":
            message = "should look like sip:user@host"
        return TexmlError(
            f"its text {message.lower()}, not {element.text[:60]!r}", line=element.line, verb=element.name
        )
    given = element.attributes.get(attribute)
    said = f"{message}, not {given[:60]!r}" if given is not None else message
    return TexmlError(said, line=element.line, verb=element.name, attribute=attribute)
