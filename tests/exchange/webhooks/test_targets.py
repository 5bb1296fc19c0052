"""Where events go, and what a command may say of it."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.webhooks.targets import PAUSES, Overrides, Target, targets
from tests.exchange.webhooks.kit import App

APP = App("http://bot/hook", "http://spare/hook")


def test_owner_with_failover() -> None:
    """Without a word of a command the owner's URL is asked, and its failover after it."""
    assert targets("call.answered", APP) == (Target(("http://bot/hook", "http://spare/hook"), "POST", 2.0, PAUSES),)
    assert targets("call.answered", App("http://bot/hook"))[0].urls == ("http://bot/hook",)


def test_nobody() -> None:
    """No owner, no URL, or one that is for TeXML: nobody is told."""
    assert targets("call.answered", None) == ()
    assert targets("call.answered", App(None, "http://spare/hook")) == ()
    assert targets("call.answered", App(webhook_api_version="texml")) == ()


@pytest.mark.parametrize(("given", "seconds"), [(None, 2.0), (0, 2.0), (25, 25.0), (0.5, 0.5), (99, 30.0)])
def test_timeout_of_the_owner(given: float | None, seconds: float) -> None:
    """`webhook_timeout_secs` counts, up to 30; without it a receiver has 2 s."""
    assert targets("call.answered", App(webhook_timeout_secs=given))[0].timeout == seconds


def test_url_of_the_command() -> None:
    """`webhook_url` takes the owner's place, whole: the failover belongs to the owner's URL."""
    said = Overrides().updated({"webhook_url": "http://other/", "webhook_url_method": "GET"})
    assert targets("call.answered", APP, said) == (Target(("http://other/",), "GET", 2.0, PAUSES),)
    assert targets("call.answered", None, said) == (Target(("http://other/",), "GET", 2.0, PAUSES),)


def test_urls_of_one_event() -> None:
    """Each URL of `webhook_urls` gets its event; other events go where they went."""
    said = Overrides().updated(
        {"webhook_url": "http://other/", "webhook_urls": {"call.hangup": ["http://a/", "http://b/"]}}
    )
    assert [target.urls for target in targets("call.hangup", APP, said)] == [("http://a/",), ("http://b/",)]
    assert [target.urls for target in targets("call.answered", APP, said)] == [("http://other/",)]
    assert targets("call.hangup", APP, said.updated({"webhook_urls_method": "GET"}))[0].method == "GET"


def test_no_url_for_an_event() -> None:
    """An empty list keeps an event to itself."""
    assert targets("call.hangup", APP, Overrides().updated({"webhook_urls": {"call.hangup": []}})) == ()


def test_a_later_command_changes_what_it_names() -> None:
    """What a command is silent about stays as an earlier one said it."""
    said = Overrides().updated({"webhook_url": "http://a/", "webhook_urls": {"call.hangup": ["http://h/"]}})
    later = said.updated({"webhook_urls": {"call.bridged": ["http://b/"]}, "client_state": "eA=="})
    assert [targets(event, APP, later)[0].urls for event in ("call.hangup", "call.bridged", "call.answered")] == [
        ("http://h/",),
        ("http://b/",),
        ("http://a/",),
    ]
    assert said.updated({}) == said


def test_retries_of_one_event() -> None:
    """A policy's milliseconds replace the pauses of its event; none at all means one attempt."""
    said = Overrides().updated({"webhook_retries_policies": {"call.hangup": {"retries_ms": [100, 250]}}})
    assert targets("call.hangup", APP, said)[0].pauses == (0.1, 0.25)
    assert targets("call.answered", APP, said)[0].pauses == PAUSES
    once = said.updated({"webhook_retries_policies": {"call.hangup": {"retries_ms": []}}})
    assert targets("call.hangup", APP, once)[0].pauses == ()


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"webhook_urls": {"call.parked": ["http://a/"]}}, "90057", "/webhook_urls"),
        ({"webhook_urls": {"call.hangup": ["nowhere"]}}, "10015", "/webhook_urls/call.hangup"),
        ({"webhook_urls": {"call.hangup": 7}}, "10015", "/webhook_urls/call.hangup"),
        ({"webhook_urls": ["http://a/"]}, "10015", "/webhook_urls"),
        ({"webhook_url": "ftp://a/"}, "10015", "/webhook_url"),
        ({"webhook_url": "http:///path"}, "10015", "/webhook_url"),
        ({"webhook_url": "http://a:99999/"}, "10015", "/webhook_url"),
        ({"webhook_url": "http://a/b c"}, "10015", "/webhook_url"),
        ({"webhook_url": "http://[::1/"}, "10015", "/webhook_url"),
        ({"webhook_url": "http://a/" + "x" * 2000}, "10015", "/webhook_url"),
        ({"webhook_url": 5}, "10015", "/webhook_url"),
        ({"webhook_url_method": "PUT"}, "10032", "/webhook_url_method"),
        ({"webhook_urls_method": "put"}, "10032", "/webhook_urls_method"),
        ({"webhook_retries_policies": {"call.parked": {"retries_ms": [1]}}}, "90057", "/webhook_retries_policies"),
        ({"webhook_retries_policies": []}, "10015", "/webhook_retries_policies"),
        (
            {"webhook_retries_policies": {"call.hangup": {"retries_ms": ["1"]}}},
            "10015",
            "/webhook_retries_policies/call.hangup/retries_ms",
        ),
        (
            {"webhook_retries_policies": {"call.hangup": {"retries_ms": [1] * 6}}},
            "10033",
            "/webhook_retries_policies/call.hangup/retries_ms",
        ),
        (
            {"webhook_retries_policies": {"call.hangup": {"retries_ms": [60_001]}}},
            "10033",
            "/webhook_retries_policies/call.hangup/retries_ms",
        ),
    ],
)
def test_what_a_command_may_not_say(body: dict[str, Any], code: str, pointer: str) -> None:
    """A bad URL, event, method or policy is refused, with its place in the body."""
    with pytest.raises(CommandRefused) as refused:
        Overrides().updated(body)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


def test_types_that_are_never_sent_may_have_a_url() -> None:
    """A real event type that the exchange does not send is no error."""
    assert Overrides().updated({"webhook_urls": {"call.cost": ["http://a/"]}}).urls == {"call.cost": ("http://a/",)}
