"""One party's part in a call: its line, its media, and how it ends.

A leg's signalling state lives in its line's protocol (the same table as the client's, see
`botkit.states`); the leg adds what the exchange needs to join two of them: promises for the answer
and the end, and the endpoint that anchors its media.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from botkit.causes import Cause, cause
from botkit.media.endpoint import Endpoint
from botkit.signalling.facts import AnswerReceived
from botkit.signalling.orders import SendBye

if TYPE_CHECKING:
    from botkit.exchange.line import ClientLine


class Leg:
    """A leg. `inbound`: its client called us. `answered` and `over` are set once, by the line."""

    def __init__(self, line: ClientLine, call_id: str, endpoint: Endpoint, *, inbound: bool, session_id: str) -> None:
        loop = asyncio.get_running_loop()
        self.line = line
        self.id = call_id
        self.endpoint = endpoint
        self.inbound = inbound
        self.answered: asyncio.Future[AnswerReceived] = loop.create_future()
        self.over: asyncio.Future[Cause] = loop.create_future()
        self.held = False
        self.telnyx_ids = (
            ("telnyx_call_control_id", f"v3:{uuid.uuid4().hex}"),
            ("telnyx_session_id", session_id),
            ("telnyx_leg_id", str(uuid.uuid4())),
        )

    def answer_arrived(self, answer: AnswerReceived) -> None:
        """Its client took the call."""
        if not self.answered.done():
            self.answered.set_result(answer)

    def ended(self, how: Cause) -> None:
        """Its client hung up, or its line is gone. Nothing more is sent to it."""
        if not self.over.done():
            self.over.set_result(how)

    def bye(self, how: Cause | str) -> None:
        """End it from our side; a leg that is over stays as it ended."""
        if self.over.done():
            return
        row = cause(how) if isinstance(how, str) else how
        self.over.set_result(row)
        self.line.order(SendBye(self.id, row.name, row.code, sip_code=row.sip_code, sip_reason=row.sip_reason))

    async def close(self) -> None:
        """Give the media back."""
        self.answered.cancel()
        await self.endpoint.close()
