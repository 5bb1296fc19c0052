"""How a model's findings become the platform's errors."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.exchange.rest.envelope import errors, refusals


def finding(kind: str, *loc: str | int, msg: str = "Wrong") -> dict[str, Any]:
    return {"type": kind, "loc": loc, "msg": msg}


@pytest.mark.parametrize(
    ("found", "code", "status", "source"),
    [
        (finding("missing", "body", "to"), "10004", 422, {"pointer": "/to"}),
        (finding("missing", "query", "page[x]"), "10004", 422, {"parameter": "page[x]"}),
        (finding("literal_error", "body", "a", 0, "b"), "10032", 422, {"pointer": "/a/0/b"}),
        (finding("greater_than_equal", "query", "n"), "10033", 422, {"parameter": "n"}),
        (finding("string_too_long", "body", "a/b"), "10033", 422, {"pointer": "/a~1b"}),
        (finding("string_type", "body", "x"), "10015", 422, {"pointer": "/x"}),
        (finding("90017", "body", "client_state"), "90017", 422, {"pointer": "/client_state"}),
        (finding("json_invalid", "body", 7), "10015", 422, None),
        (finding("model_attributes_type", "body"), "10015", 422, None),
        (finding("missing"), "10015", 422, None),
    ],
)
def test_refusals(found: dict[str, Any], code: str, status: int, source: dict[str, str] | None) -> None:
    """The kind of a finding is its code (a model may name one itself), its place the pointer or the parameter."""
    (refused,) = refusals([found])
    (told,) = errors(refused)["errors"]
    assert (told["code"], refused.status, told.get("source")) == (code, status, source)
