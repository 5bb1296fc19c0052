"""Who controls an inbound leg: nobody (it is put through), an application's commands, or a TeXML document.

A connection that parks what its clients dial (`outbound.call_parking_enabled`) holds every call for its backend,
and the number is only information. Elsewhere the address decides: a number or a SIP subdomain of an application
makes the leg that application's incoming call; all else is put through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from botkit.exchange.applications import TexmlApplication
from botkit.exchange.connections import CredentialConnection
from botkit.exchange.directory import Directory
from botkit.exchange.leg import Leg
from botkit.exchange.route import ToTexmlApplication, ToVoiceApplication
from botkit.exchange.setup import Refused
from botkit.exchange.switch import Control, Switch
from botkit.signalling.facts import InviteReceived

Program = Callable[[Leg, CredentialConnection | TexmlApplication], Awaitable[None]]
"""Runs an inbound leg by the document of its owner; returns when the document is over."""


class Controls:
    """Chooses for each inbound leg; a switch's `control`. `program` runs TeXML; without it such calls are refused."""

    def __init__(self, switch: Switch, directory: Directory) -> None:
        self.program: Program | None = None
        self._switch = switch
        self._directory = directory

    def __call__(self, leg: Leg, invite: InviteReceived) -> Control:
        user = leg.line.user
        connection = user.connection if user is not None else None
        if isinstance(connection, CredentialConnection):
            self._show(leg, connection)
            if connection.outbound.call_parking_enabled:
                if connection.webhook_api_version == "texml":
                    return self._by_document(connection)
                return self._switch.park
        route = self._directory.route(invite.destination, leg.line.origin)
        if isinstance(route, ToVoiceApplication | ToTexmlApplication):
            leg.connection_id, leg.direction = route.application.id, "incoming"
            if isinstance(route, ToTexmlApplication):
                return self._by_document(route.application)
            return self._switch.park
        return self._switch.direct

    def _show(self, leg: Leg, connection: CredentialConnection) -> None:
        """The connection may say which number its clients show."""
        override = connection.outbound
        if override.ani_override and override.ani_override_type == "always":
            leg.number = leg.calling = override.ani_override

    def _by_document(self, owner: CredentialConnection | TexmlApplication) -> Control:
        async def run(leg: Leg, invite: InviteReceived) -> None:
            if self.program is None:
                raise Refused("NO_ROUTE_DESTINATION")
            await self.program(leg, owner)

        return run
