"""What an exchange holds from the beginning."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from botkit.exchange.applications import TexmlApplication, VoiceApplication
from botkit.exchange.connections import CredentialConnection
from botkit.exchange.plan import DEMO_KEY, ExchangePlan, Made, fill, signing_key
from botkit.signalling.auth import Password
from tests.exchange.kit import Office, play

FULL: dict[str, Any] = {
    "users": {"alice": {"password": "pw", "numbers": "+18005550100", "caller_id": "+1999"}, "bob": None},
    "connections": {
        "john1234": {
            "password": "secret12",
            "id": "1234567890123456789",
            "numbers": ["+13128889999"],
            "sip_uri_calling_preference": "internal",
            "inbound": {"dnis_number_format": "sip_username"},
            "outbound": {"call_parking_enabled": "true"},
            "webhook_timeout_secs": "25",
        },
        "jane1234": None,
    },
    "telephony_credentials": {
        "desk7": {"connection": "john1234", "sip_username": "gencred7", "sip_password": "pw7", "tag": "desks"},
        "desk8": {"connection": "john1234"},
    },
    "applications": {
        "voice": {"ivr": {"webhook_event_url": "http://127.0.0.1:9/h", "numbers": ["+15550001"]}},
        "texml": {"menu": {"voice_url": "http://127.0.0.1:9/v", "voice_method": "get", "numbers": ["+15550002"]}},
    },
    "trunks": {"carrier": {"password": "pw", "numbers": ["+49*"]}},
    "numbers": ["+15550003"],
    "api_keys": ["KEYone", "KEYtwo"],
    "fallback": "none",
}


def test_fill() -> None:
    """Everything is made as it is written; passwords that were made up and all ids are told."""

    async def scene(office: Office) -> None:
        exchange, plan = office.exchange, ExchangePlan.model_validate(FULL)
        assert not list(plan.faults())
        made = fill(exchange, plan)
        directory = exchange.directory
        john = directory.connection("1234567890123456789")
        assert (john.user_name, john.sip_uri_calling_preference, john.webhook_timeout_secs) == (
            "john1234",
            "internal",
            25,
        )
        assert john.outbound.call_parking_enabled is True
        assert john.inbound.dnis_number_format == "sip_username"
        assert directory.numbers_of(john) == ("+13128889999",)
        assert directory.connection(made.ids["jane1234"]).sip_uri_calling_preference == "disabled"
        logins = {"alice": "pw", "john1234": "secret12", "gencred7": "pw7", "carrier": "pw", **made.passwords}
        for name, password in logins.items():
            identity = directory.authenticate(Password(name, password))
            assert identity is not None
            assert identity.name == name
        assert set(made.passwords) >= {"bob", "jane1234"}
        assert len(made.passwords) == 3  # and desk8, under its generated name
        assert directory.credential(made.ids["desk7"]).tag == "desks"
        ivr, menu = directory.owner(made.ids["ivr"]), directory.owner(made.ids["menu"])
        assert isinstance(ivr, VoiceApplication)
        assert (ivr.application_name, ivr.webhook_event_url) == ("ivr", "http://127.0.0.1:9/h")
        assert isinstance(menu, TexmlApplication)
        assert menu.voice_method == "get"
        assert directory.numbers_of(menu) == ("+15550002",)
        assert directory.number("+15550003").connection_id == ""
        assert [trunk.numbers for trunk in directory.trunks.values()] == [("+49*",)]
        assert (exchange.api_key, exchange.api_keys) == ("KEYone", ["KEYone", "KEYtwo"])
        assert exchange.registrar.fallback == "none"

    play(scene)


def test_nothing() -> None:
    """An empty plan, and one of empty parts, makes nothing."""

    async def scene(office: Office) -> None:
        key = office.exchange.api_key
        empty = dict.fromkeys(("users", "connections", "trunks", "applications", "numbers", "api_keys"))
        for given in ({}, empty):
            assert fill(office.exchange, ExchangePlan.model_validate(given)) == Made()
        assert not office.exchange.directory.connections
        assert office.exchange.api_key == key

    play(scene)


def test_who_is_there_stays() -> None:
    """A bot that was made before keeps its password and its numbers; the plan's user of that name is the bot."""

    async def scene(office: Office) -> None:
        account = office.exchange.account("alice", "+18005550100")
        given = {"users": {"alice": {"password": "other"}, "bob": {"numbers": ["+18005550100"]}}}
        fill(office.exchange, ExchangePlan.model_validate(given))
        directory = office.exchange.directory
        assert directory.authenticate(Password("alice", account.password or ""))
        reached = directory.reach("+18005550100")
        assert isinstance(reached, CredentialConnection)
        assert reached.name == "alice"

    play(scene)


@pytest.mark.parametrize(
    ("given", "path", "says"),
    [
        ({"users": {"a": {"numbers": ["1", "2"]}, "b": {"numbers": ["2"]}}}, ("users", "b", "numbers", 0), "2 is a's"),
        (
            {
                "users": {"a": {"numbers": ["+1 (5)"]}},
                "applications": {"voice": {"v": {"webhook_event_url": "http://x", "numbers": ["+15"]}}},
            },
            ("applications", "voice", "v", "numbers", 0),
            "+15 is a's already",
        ),
        (
            {"connections": {"john1234": {"numbers": ["+1*"]}}},
            ("connections", "john1234", "numbers", 0),
            "is a pattern",
        ),
        ({"numbers": ["any"]}, ("numbers", 0), "is a pattern"),
        (
            {"users": {"john1234": {}}, "connections": {"john1234": {}}},
            ("connections", "john1234"),
            "under users already",
        ),
        (
            {"connections": {"john1234": {"user_name": "jane1234"}}},
            ("connections", "john1234", "user_name"),
            "the user name is the key itself",
        ),
        ({"connections": {"1234": {}}}, ("connections", "1234"), "4 to 32 letters"),
        (
            {"telephony_credentials": {"d": {"connection": "x"}}},
            ("telephony_credentials", "d", "connection"),
            "no connection 'x'",
        ),
        (
            {
                "trunks": {"gencred7": {}},
                "users": {"u": {}},
                "telephony_credentials": {"d": {"connection": "u", "sip_username": "gencred7"}},
            },
            ("telephony_credentials", "d"),
            "under trunks already",
        ),
    ],
)
def test_faults(given: dict[str, Any], path: tuple[str | int, ...], says: str) -> None:
    """What does not go together is found, with its place."""
    ((where, what),) = ExchangePlan.model_validate(given).faults()
    assert where == path
    assert says in what


@pytest.mark.parametrize(
    "given",
    [
        {"connections": {"john1234": {"password": "short"}}},
        {"connections": {"john1234": {"inbound": {"dnis_number_format": "x"}}}},
        {"applications": {"voice": {"v": {}}}},
        {"applications": {"voice": {"v": {"webhook_event_url": "x"}}}},
        {"applications": {"texml": {"v": {"voice_url": "ftp://x"}}}},
        {"telephony_credentials": {"d": {"connection": "x", "expires_at": "soon"}}},
        {"signing_key": "c2hvcnQ="},
        {"signing_key": "ä"},
        {"fallback": "newest"},
    ],
    ids=str,
)
def test_values(given: dict[str, Any]) -> None:
    """Values are those that REST takes."""
    with pytest.raises(ValidationError):
        ExchangePlan.model_validate(given)


def test_signing_key() -> None:
    """`demo` is the same key each time, and the one of its 32 bytes in base64."""
    assert signing_key("demo").public_key == signing_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").public_key
    assert len(DEMO_KEY) == 32
