"""What a dialled address reaches: the platform's dialling table, row by row.

| client logged in with | address | needs |
|---|---|---|
| connection credentials | `sip:NAME@sip.telnyx.com` | `sip_uri_calling_preference` not `disabled` |
| connection credentials | a number on the connection | `inbound.dnis_number_format: sip_username` |
| telephony credential, or its JWT | `sip:gencred…@sip.telnyx.com` | the parent connection's preference |

([OV] the page WebRTC Voice SDKs Commonalities.) A number on a connection therefore never reaches a client that
is logged in with a telephony credential. A number on an application reaches the application. What nobody here
has may be some bot's pattern, or be carried to the outside by a trunk.
"""

from __future__ import annotations

import fnmatch
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from botkit.exchange.address import Address, parse_address
from botkit.exchange.applications import TexmlApplication, VoiceApplication
from botkit.exchange.connections import INSIDE, OUTSIDE, CredentialConnection, Identity, Origin, Owner, Trunk

if TYPE_CHECKING:
    from botkit.exchange.directory import Directory

__all__ = [
    "INSIDE",
    "OUTSIDE",
    "NotRouted",
    "Origin",
    "Route",
    "ToIdentity",
    "ToTexmlApplication",
    "ToTrunk",
    "ToVoiceApplication",
    "find_route",
]

log = logging.getLogger("botkit.exchange")


@dataclass(frozen=True, slots=True)
class ToIdentity:
    """Whoever is logged in under `name`; its calls are the connection's."""

    dialled: Address
    name: str
    connection: CredentialConnection


@dataclass(frozen=True, slots=True)
class ToVoiceApplication:
    """A new incoming leg of an application, controlled by commands."""

    dialled: Address
    application: VoiceApplication


@dataclass(frozen=True, slots=True)
class ToTexmlApplication:
    """A new incoming leg of an application, controlled by its document."""

    dialled: Address
    application: TexmlApplication


@dataclass(frozen=True, slots=True)
class ToTrunk:
    """Out of the network, to whoever is logged in as the trunk."""

    dialled: Address
    trunk: Trunk

    @property
    def name(self) -> str:
        """The registrar's key."""
        return self.trunk.name


@dataclass(frozen=True, slots=True)
class NotRouted:
    """Nowhere. `cause` is the name of a hang-up cause; `why` is for people."""

    dialled: Address
    cause: str
    why: str


Route: TypeAlias = ToIdentity | ToVoiceApplication | ToTexmlApplication | ToTrunk | NotRouted


def find_route(directory: Directory, destination: str, origin: Origin) -> Route:
    """Look an address up. Never raises."""
    dialled = parse_address(destination)
    route = _find(directory, dialled, origin)
    if isinstance(route, NotRouted):
        log.info("route.none to=%s cause=%s %s", destination, route.cause, route.why)
    return route


def _find(directory: Directory, dialled: Address, origin: Origin) -> Route:
    if not dialled.user:
        return NotRouted(dialled, "UNALLOCATED_NUMBER", "there is no address")
    if dialled.host and dialled.host not in directory.hosts:
        return _subdomain(directory, dialled, origin)
    if dialled.is_number and (owner := _number_owner(directory, dialled.user)) is not None:
        return _to_owner(dialled, owner)
    if (identity := directory.identity(dialled.user)) is not None:
        return _to_name(dialled, identity, origin)
    return _by_pattern(directory, dialled, origin)


def _number_owner(directory: Directory, number: str) -> Owner | None:
    """Who has the number; with and without its plus it is the same one."""
    with_or_without = number.removeprefix("+") if number.startswith("+") else f"+{number}"
    # Short numbers are extensions: 100 and +100 are two.
    spellings = (number, with_or_without) if len(number) > 8 else (number,)
    found = (directory.numbers[one] for one in spellings if one in directory.numbers)
    return next((owner for one in found if (owner := directory.owner(one.connection_id)) is not None), None)


def _to_owner(dialled: Address, owner: Owner) -> Route:
    if not owner.active:
        return NotRouted(dialled, "CALL_REJECTED", "its connection or application is not active")
    if isinstance(owner, VoiceApplication):
        return ToVoiceApplication(dialled, owner)
    if isinstance(owner, TexmlApplication):
        return ToTexmlApplication(dialled, owner)
    if owner.inbound.dnis_number_format != "sip_username":
        # The INVITE asks for the number then, and no WebRTC client is registered under one.
        why = f"its connection's dnis_number_format is {owner.inbound.dnis_number_format}, not sip_username"
        return NotRouted(dialled, "NO_ROUTE_DESTINATION", why)
    return ToIdentity(dialled, owner.user_name, owner)


def _to_name(dialled: Address, identity: Identity, origin: Origin) -> Route:
    connection = identity.connection
    if isinstance(connection, Trunk):
        return NotRouted(dialled, "UNALLOCATED_NUMBER", "a trunk is reached by the numbers that it carries")
    if not connection.active:
        return NotRouted(dialled, "CALL_REJECTED", "its connection is not active")
    preference = connection.sip_uri_calling_preference
    if preference == "disabled" or (preference == "internal" and origin.outside):
        return NotRouted(dialled, "CALL_REJECTED", f"its connection's sip_uri_calling_preference is {preference}")
    return ToIdentity(dialled, identity.name, connection)


def _by_pattern(directory: Directory, dialled: Address, origin: Origin) -> Route:
    """The most exact pattern wins; a bot's before a trunk's. `any` is the last of them."""
    found: list[tuple[str, CredentialConnection | Trunk]] = list(directory.patterns)
    if dialled.is_number and not origin.outside:  # what comes from outside does not leave by another trunk
        trunks = (trunk for trunk in directory.trunks.values() if trunk.active)
        found += [(number, trunk) for trunk in trunks for number in trunk.numbers]
    fitting = [entry for entry in found if entry[0] == "any" or fnmatch.fnmatchcase(dialled.user, entry[0])]
    if not fitting:
        return NotRouted(dialled, "UNALLOCATED_NUMBER", "nobody here has it, and no trunk takes it")
    _, owner = max(fitting, key=lambda entry: -1 if entry[0] == "any" else len(entry[0].replace("*", "")))
    return ToTrunk(dialled, owner) if isinstance(owner, Trunk) else ToIdentity(dialled, owner.user_name, owner)


def _subdomain(directory: Directory, dialled: Address, origin: Origin) -> Route:
    """`sip:anybody@SUBDOMAIN.sip.telnyx.com` is an application's; any other host is not served."""
    applications: list[VoiceApplication | TexmlApplication] = list(directory.voice_applications.values())
    applications += directory.texml_applications.values()
    for application in applications:
        inbound = application.inbound
        hosts = {f"{inbound.sip_subdomain}.{host}".lower() for host in directory.hosts}
        if not inbound.sip_subdomain or dialled.host not in hosts:
            continue
        if origin.outside and inbound.sip_subdomain_receive_settings == "only_my_connections":
            return NotRouted(dialled, "CALL_REJECTED", "the subdomain takes calls from its own account only")
        return _to_owner(dialled, application)
    return NotRouted(dialled, "NO_ROUTE_DESTINATION", f"{dialled.host} is no host of this exchange")
