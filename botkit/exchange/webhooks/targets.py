"""Where an event goes: what the leg's commands said, else the URL of its owner with the failover beside it.

The first that applies: `webhook_urls[event]` of the last command that named it (each of its URLs gets the event),
`webhook_url`, the owner's `webhook_event_url`. Only the last has a failover URL ([SDK] `call_dial_params.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlsplit

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.webhooks.shapes import EVENTS, NOT_SENT

TIMEOUT = 2.0
"""Seconds that a receiver has to answer ([DOC] webhooks), unless its owner's `webhook_timeout_secs` says otherwise."""

LONGEST_TIMEOUT = 30.0
PAUSES = (0.5, 2.0, 5.0)
"""Seconds before the second, third and fourth attempt. The platform's own numbers are not published."""

MOST_RETRIES, LONGEST_RETRIES = 5, 60.0
"""Of a `webhook_retries_policies` entry: pauses, and seconds of them together ([SDK])."""

LONGEST_URL = 2000
METHODS = ("POST", "GET")


class Owner(Protocol):
    """The connection or application that owns a leg."""

    @property
    def webhook_event_url(self) -> str | None: ...
    @property
    def webhook_event_failover_url(self) -> str | None: ...
    @property
    def webhook_timeout_secs(self) -> float | None: ...
    @property
    def webhook_api_version(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver. Each attempt asks its `urls` in turn until one takes the event; `pauses` come between attempts."""

    urls: tuple[str, ...]
    method: str = "POST"
    timeout: float = TIMEOUT
    pauses: tuple[float, ...] = PAUSES


@dataclass(frozen=True, slots=True)
class Overrides:
    """What commands said of a leg's webhooks. Pauses are in seconds, by event type."""

    url: str | None = None
    method: str = "POST"
    urls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    urls_method: str = "POST"
    pauses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def updated(self, command: Mapping[str, object]) -> Overrides:
        """With what this command's body says; what it is silent about stays.

        Raises `CommandRefused`: 90057 for a key of `webhook_urls` that is no event type, 10015 for what is no URL
        and no policy, 10032 for a method, 10033 for too many or too long retries.
        """
        new = self
        if (url := command.get("webhook_url")) is not None:
            new = replace(new, url=_url(url, "/webhook_url"))
        if (method := command.get("webhook_url_method")) is not None:
            new = replace(new, method=_method(method, "/webhook_url_method"))
        if (urls := command.get("webhook_urls")) is not None:
            new = replace(new, urls={**new.urls, **_urls(urls)})
        if (method := command.get("webhook_urls_method")) is not None:
            new = replace(new, urls_method=_method(method, "/webhook_urls_method"))
        if (policies := command.get("webhook_retries_policies")) is not None:
            new = replace(new, pauses={**new.pauses, **_policies(policies)})
        return new


def targets(event_type: str, owner: Owner | None, overrides: Overrides | None = None) -> tuple[Target, ...]:
    """Who gets an event of this type; nobody, where no URL is known."""
    said = overrides or Overrides()
    timeout = min((owner.webhook_timeout_secs if owner else None) or TIMEOUT, LONGEST_TIMEOUT)
    pauses = said.pauses.get(event_type, PAUSES)
    if event_type in said.urls:
        return tuple(Target((url,), said.urls_method, timeout, pauses) for url in said.urls[event_type])
    if said.url:
        return (Target((said.url,), said.method, timeout, pauses),)
    if owner is None or not owner.webhook_event_url or owner.webhook_api_version == "texml":
        return ()  # the URL of a TeXML connection is fetched for a document, and is told nothing
    spare = owner.webhook_event_failover_url
    urls = (owner.webhook_event_url, spare) if spare else (owner.webhook_event_url,)
    return (Target(urls, "POST", timeout, pauses),)


def _url(url: object, pointer: str) -> str:
    if not isinstance(url, str) or len(url) > LONGEST_URL:
        raise CommandRefused("10015", f"A URL is a text of at most {LONGEST_URL} characters.", pointer=pointer)
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine or not url.isprintable() or " " in url:
        raise CommandRefused("10015", f"{url!r} is not an http or https URL.", pointer=pointer)
    return url


def _method(method: object, pointer: str) -> str:
    if method not in METHODS:
        raise CommandRefused("10032", f"A webhook's method is one of {', '.join(METHODS)}.", pointer=pointer)
    return str(method)


def _urls(given: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, Mapping):
        raise CommandRefused("10015", "webhook_urls maps event types to lists of URLs.", pointer="/webhook_urls")
    urls: dict[str, tuple[str, ...]] = {}
    for event_type, of_event in given.items():
        _known(event_type, "/webhook_urls")
        pointer = f"/webhook_urls/{event_type}"
        several = [of_event] if isinstance(of_event, str) else of_event
        if not isinstance(several, Sequence):
            raise CommandRefused("10015", "webhook_urls maps event types to lists of URLs.", pointer=pointer)
        urls[event_type] = tuple(_url(url, pointer) for url in several)
    return urls


def _policies(given: object) -> dict[str, tuple[float, ...]]:
    if not isinstance(given, Mapping):
        raise CommandRefused(
            "10015", "webhook_retries_policies maps event types to policies.", pointer="/webhook_retries_policies"
        )
    pauses: dict[str, tuple[float, ...]] = {}
    for event_type, policy in given.items():
        _known(event_type, "/webhook_retries_policies")
        pointer = f"/webhook_retries_policies/{event_type}/retries_ms"
        retries = policy.get("retries_ms") if isinstance(policy, Mapping) else None
        if not isinstance(retries, list | tuple) or not all(type(ms) is int for ms in retries):
            raise CommandRefused("10015", "A policy has retries_ms, a list of milliseconds.", pointer=pointer)
        if len(retries) > MOST_RETRIES or sum(retries) > LONGEST_RETRIES * 1000 or any(ms < 0 for ms in retries):
            limit = f"{MOST_RETRIES} retries within {LONGEST_RETRIES:g} seconds"
            raise CommandRefused("10033", f"At most {limit} are allowed.", pointer=pointer)
        pauses[event_type] = tuple(ms / 1000 for ms in retries)
    return pauses


def _known(event_type: object, pointer: str) -> None:
    if event_type not in EVENTS and event_type not in NOT_SENT:
        raise CommandRefused("90057", f"{event_type!r} is no call control event type.", pointer=pointer)
