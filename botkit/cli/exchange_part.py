"""Reads the `exchange:` part of botkit.yaml: every error with its place, unknown keys with the nearest known one.

The models are the exchange's own (`botkit.exchange.plan`); here their findings get back the line and column of
what was written. The part stays plain data in the settings, so that these can be handed to workers.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from botkit.errors import ConfigError
from botkit.flow import source
from botkit.flow.source import Mark, Node, Scalar
from botkit.settings import did_you_mean

Fail = Callable[[Mark, str, str | None], ConfigError]
Text = Callable[[Node, str], str]


def read(node: Node, text: Text, fail: Fail) -> dict[str, Any]:
    """The part as plain data, checked. `text` gives a scalar's text with the environment filled in; `fail` makes
    the error that is raised."""
    from botkit.exchange.plan import ExchangePlan

    _check_keys(node, ExchangePlan, "exchange", fail)
    given = _plain(node, "exchange", text)
    try:
        plan = ExchangePlan.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise _at(node, first["loc"], _said(first), fail) from None
    for path, says in plan.faults():
        raise _at(node, path, says, fail)
    return dict(given)


def _plain(node: Node, what: str, text: Text) -> Any:
    """Texts as they were written: the models know which of them are numbers, and a telephone number is none."""
    if isinstance(node, source.Mapping):
        return {key.text: _plain(item, f"{what}.{key.text}", text) for key, item in node.pairs}
    if isinstance(node, source.Sequence):
        return [_plain(item, what, text) for item in node.items]
    return None if node.is_null else text(node, what)


def _check_keys(node: Node, model: Any, what: str, fail: Fail) -> None:
    if not isinstance(node, source.Mapping):
        if isinstance(node, Scalar) and node.is_null:
            return
        raise fail(node.mark, f"{what} must be a mapping", f"for example {what}:\n    name: value")
    fields = model.model_fields
    for key, item in node.pairs:
        if key.text not in fields:
            known = (*fields, "hold_audio") if what == "exchange" else tuple(fields)  # that one is read elsewhere
            hint = did_you_mean(key.text, known) or f"known keys: {', '.join(known)}"
            raise fail(key.mark, f"{what} has no key {key.text!r}", hint)
        inner, many = _model_of(fields[key.text].annotation)
        where = f"{what}.{key.text}"
        if inner is None:
            continue
        if not many:
            _check_keys(item, inner, where, fail)
        elif isinstance(item, source.Mapping):
            for name, entry in item.pairs:
                _check_keys(entry, inner, f"{where}.{name.text}", fail)
        elif not (isinstance(item, Scalar) and item.is_null):
            raise fail(item.mark, f"{where} must be a mapping of names", f"for example {where}:\n    name: {{…}}")


def _model_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model within an annotation, and whether it stands for many of them by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    many = typing.get_origin(annotation) is dict
    if many or typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation)[1 if many else 0 :]:
            if (found := _model_of(part)[0]) is not None:
                return found, many
    return None, False


def _said(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return "is missing" if error["type"] == "missing" else message[:1].lower() + message[1:]


def _at(node: Node, path: Sequence[str | int], says: str, fail: Fail) -> ConfigError:
    """The error at the deepest place of `path` that was written."""
    names = ["exchange"]
    for part in path:
        names.append(str(part))
        if isinstance(node, source.Mapping) and (inner := node.get(str(part))) is not None:
            node = inner
        elif isinstance(node, source.Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
    return fail(node.mark, f"{'.'.join(names)}: {says}", None)
