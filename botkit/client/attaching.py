"""Calls that are taken up again after the line was lost: the server offers each anew (`telnyx_rtc.attach`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from botkit.client.call import Call
from botkit.errors import LocalProtocolError
from botkit.media.endpoint import Endpoint
from botkit.owned import Start
from botkit.signalling.orders import AnswerAttach, Order


class Attaching:
    """Moves calls to other media paths, each in a task of its own.

    `start` runs these; `make_endpoint` binds the new path, `order` sends the answer, `give_up` is told of a call that
    cannot go on.
    """

    def __init__(
        self,
        start: Start,
        make_endpoint: Callable[[], Endpoint],
        order: Callable[[Order], None],
        give_up: Callable[[Call, Exception], None],
    ) -> None:
        self._start = start
        self._make_endpoint = make_endpoint
        self._order = order
        self._give_up = give_up
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    def offered(self, call: Call, sdp: str) -> None:
        """The server offers the call anew; what was under way for an earlier offer is given up."""
        self.stop(call.id)
        self._under_way[call.id] = self._start(self._take_up(call, sdp), f"attach {call.id}")

    def stop(self, call_id: str) -> None:
        """The call is over, or its line is gone once more."""
        if (task := self._under_way.pop(call_id, None)) is not None:
            task.cancel()

    async def _take_up(self, call: Call, offer: str) -> None:
        """Go on over another media path. Whoever speaks or listens never knows."""
        call.watch_media(False)
        fresh = self._make_endpoint()
        fresh.continues(call.endpoint)
        try:
            answer = await fresh.answer(offer)
            if call.end is None:
                self._order(AnswerAttach(call.id, answer))
                await call.endpoint.move_to(fresh)
                call.watch_media(True)
        except LocalProtocolError:
            pass  # the line is gone once more: there will be another offer
        except Exception as error:
            self._give_up(call, error)
        finally:
            await fresh.close()
