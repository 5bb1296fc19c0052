"""The dialling table, row by row: what an address reaches, and what it needs for that."""

from __future__ import annotations

import pytest

from botkit.exchange.applications import ApplicationInbound, TexmlApplication, VoiceApplication
from botkit.exchange.connections import CredentialConnection, DnisFormat, Inbound, SipUriCalling
from botkit.exchange.directory import Directory
from botkit.exchange.route import (
    INSIDE,
    OUTSIDE,
    NotRouted,
    Origin,
    Route,
    ToIdentity,
    ToTexmlApplication,
    ToTrunk,
    ToVoiceApplication,
)

NUMBER = "+13128889999"


class Town:
    """A directory with one of everything: `john1234` with `NUMBER`, a credential, two applications, a trunk."""

    def __init__(self, preference: SipUriCalling = "internal", dnis: DnisFormat = "sip_username") -> None:
        self.directory = Directory()
        self.connection = self.directory.add_connection(
            CredentialConnection(
                user_name="john1234",
                password="secret12",
                sip_uri_calling_preference=preference,
                inbound=Inbound(dnis_number_format=dnis),
            )
        )
        self.directory.add_number(NUMBER, self.connection)
        self.credential = self.directory.add_credential(self.connection)
        self.voice = self.directory.add_voice_application(
            VoiceApplication(
                application_name="ivr",
                webhook_event_url="http://127.0.0.1/",
                inbound=ApplicationInbound(sip_subdomain="ivr"),
            )
        )
        self.directory.add_number("+15550001", self.voice)
        self.texml = self.directory.add_texml_application(
            TexmlApplication(
                friendly_name="menu",
                voice_url="http://127.0.0.1/",
                inbound=ApplicationInbound(sip_subdomain="menu", sip_subdomain_receive_settings="only_my_connections"),
            )
        )
        self.directory.add_number("+15550002", self.texml)
        self.trunk = self.directory.add_trunk("carrier", numbers=("+49*", "+4930123"))

    def route(self, to: str, origin: Origin = INSIDE) -> Route:
        return self.directory.route(to.format(gencred=self.credential.sip_username), origin)

    def reached(self, to: str, origin: Origin = INSIDE) -> str:
        """The SIP user name or application that is reached, or the cause why none is."""
        match self.route(to, origin):
            case ToIdentity(name=name):
                return "gencred" if name == self.credential.sip_username else name
            case ToVoiceApplication(application=voice):
                return voice.application_name
            case ToTexmlApplication(application=texml):
                return texml.friendly_name
            case ToTrunk(trunk=trunk):
                return trunk.name
            case NotRouted(cause=cause):
                return cause


@pytest.mark.parametrize(
    ("preference", "dnis", "to", "origin", "reached"),
    [
        # connection credentials: sip:john1234@sip.telnyx.com, if the preference allows it
        ("disabled", "sip_username", "sip:john1234@sip.telnyx.com", INSIDE, "CALL_REJECTED"),
        ("internal", "e164", "sip:john1234@sip.telnyx.com", INSIDE, "john1234"),
        ("internal", "e164", "sip:john1234@sip.telnyx.com", OUTSIDE, "CALL_REJECTED"),
        ("unrestricted", "e164", "sip:john1234@sip.telnyx.com", INSIDE, "john1234"),
        ("unrestricted", "e164", "sip:john1234@sip.telnyx.com", OUTSIDE, "john1234"),
        # connection credentials: a number on the connection, with dnis_number_format sip_username only
        ("disabled", "sip_username", NUMBER, INSIDE, "john1234"),
        ("disabled", "sip_username", NUMBER, OUTSIDE, "john1234"),
        ("disabled", "sip_username", f"sip:{NUMBER}@sip.telnyx.com", OUTSIDE, "john1234"),
        ("unrestricted", "+e164", NUMBER, INSIDE, "NO_ROUTE_DESTINATION"),
        ("unrestricted", "e164", NUMBER, INSIDE, "NO_ROUTE_DESTINATION"),
        ("unrestricted", "national", NUMBER, INSIDE, "NO_ROUTE_DESTINATION"),
        # telephony credential, and its JWT: the credential's name, by the parent connection's preference
        ("disabled", "sip_username", "sip:{gencred}@sip.telnyx.com", INSIDE, "CALL_REJECTED"),
        ("internal", "sip_username", "sip:{gencred}@sip.telnyx.com", INSIDE, "gencred"),
        ("internal", "sip_username", "sip:{gencred}@sip.telnyx.com", OUTSIDE, "CALL_REJECTED"),
        ("unrestricted", "e164", "sip:{gencred}@sip.telnyx.com", OUTSIDE, "gencred"),
    ],
)
def test_clients(preference: SipUriCalling, dnis: DnisFormat, to: str, origin: Origin, reached: str) -> None:
    """The rows of the table for clients, each with what it needs and without it."""
    assert Town(preference, dnis).reached(to, origin) == reached


@pytest.mark.parametrize(
    ("to", "origin", "reached"),
    [
        # hosts
        ("john1234", INSIDE, "john1234"),
        ("john1234@sip.telnyx.com", INSIDE, "john1234"),
        ("sip:john1234@127.0.0.1:8080;transport=ws", INSIDE, "john1234"),
        ("sip:john1234@example.com", INSIDE, "NO_ROUTE_DESTINATION"),
        (f"sip:{NUMBER}@example.com", INSIDE, "NO_ROUTE_DESTINATION"),
        # who is nobody
        ("sip:nobody@sip.telnyx.com", INSIDE, "UNALLOCATED_NUMBER"),
        ("+13128880000", INSIDE, "UNALLOCATED_NUMBER"),
        ("", INSIDE, "UNALLOCATED_NUMBER"),
        ("carrier", INSIDE, "UNALLOCATED_NUMBER"),
        # a number's plus, and what hangs on it
        ("13128889999", INSIDE, "john1234"),
        (f"{NUMBER},,12#", INSIDE, "john1234"),
        (f"{NUMBER};secure=srtp", INSIDE, "john1234"),
        # applications
        ("+15550001", INSIDE, "ivr"),
        ("+15550002", OUTSIDE, "menu"),
        ("sip:anybody@ivr.sip.telnyx.com", OUTSIDE, "ivr"),
        ("sip:anybody@menu.sip.telnyx.com", INSIDE, "menu"),
        ("sip:anybody@menu.sip.telnyx.com", OUTSIDE, "CALL_REJECTED"),
        ("sip:anybody@other.sip.telnyx.com", INSIDE, "NO_ROUTE_DESTINATION"),
        # out by a trunk: what nobody here has, and only from within
        ("+4930123", INSIDE, "carrier"),
        ("+4989", INSIDE, "carrier"),
        ("+4989", OUTSIDE, "UNALLOCATED_NUMBER"),
        ("sip:+4989@sip.telnyx.com", INSIDE, "carrier"),
        ("+33123", INSIDE, "UNALLOCATED_NUMBER"),
    ],
)
def test_others(to: str, origin: Origin, reached: str) -> None:
    """Hosts, unknown addresses, applications and trunks."""
    assert Town().reached(to, origin) == reached


def test_what_hangs_on_a_number_is_told() -> None:
    """The route holds the digits to be sent after the answer, and the wish for encrypted media."""
    dialled = Town().route(f"{NUMBER};secure=dtls,,12#").dialled
    assert (dialled.user, dialled.post_dial, dialled.secure) == (NUMBER, ",12#", "dtls")


def test_number_is_the_connections_user_never_its_credentials() -> None:
    """The route of a number names the connection's user name, and of a credential its parent as connection."""
    town = Town()
    by_number, by_name = town.route(NUMBER), town.route("{gencred}")
    assert isinstance(by_number, ToIdentity)
    assert isinstance(by_name, ToIdentity)
    assert by_number.name == "john1234"
    assert by_number.connection is by_name.connection is town.connection


def test_what_is_not_active() -> None:
    """Calls to a connection or an application that is switched off are rejected, and its trunk carries nothing."""
    town = Town()
    town.connection.active = town.voice.active = town.texml.active = town.trunk.active = False
    for to in ("john1234", NUMBER, "{gencred}", "+15550001", "+15550002", "sip:x@ivr.sip.telnyx.com"):
        assert town.reached(to) == "CALL_REJECTED"
    assert town.reached("+4930123") == "UNALLOCATED_NUMBER"


def test_own_number_stays_here() -> None:
    """A number that somebody here has is not carried out, though a trunk would take it."""
    town = Town()
    town.directory.add_number("+4930123", town.voice)
    assert town.reached("+4930123") == "ivr"
    town.directory.add_user("bot", numbers=("+4940*",))
    assert town.reached("+494012") == "bot"
    assert town.reached("+493012") == "carrier"


def test_any_comes_last() -> None:
    """A bot that takes any number takes what no trunk does; a trunk that takes any number comes after the bot."""
    town = Town()
    town.directory.add_trunk("rest", numbers=("any",))
    assert town.reached("+33123") == "rest"
    town.directory.add_user("bot", numbers=("any",))
    assert town.reached("+33123") == "bot"
    assert town.reached("+4930123") == "carrier"


def test_short_numbers_keep_their_plus() -> None:
    """100 and +100 are two."""
    directory = Directory()
    directory.add_user("bot", numbers=("100",))
    assert isinstance(directory.route("100"), ToIdentity)
    assert isinstance(directory.route("+100"), NotRouted)


def test_why_not_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """An address that reaches nothing is logged with the reason."""
    with caplog.at_level("INFO", "botkit.exchange"):
        Town(dnis="e164").route(NUMBER)
    assert "dnis_number_format is e164, not sip_username" in caplog.text
