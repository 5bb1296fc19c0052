"""Commands for one leg, as the Voice API has them: what each may do in which state, in what order.

A command is checked when it comes, and the reply means accepted. What needs an answered leg waits for one that is
about to be (`ready`); what takes its time, an answer or a bridge to one that rings, is carried out by a task of the
leg's own, one after the other. A `command_id` that was seen on the leg within a minute makes the command a
repetition, which does nothing.
Refusals are `CommandRefused`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from botkit.errors import Fault, NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import CommandRefused, call_ended, not_answered
from botkit.exchange.setup import Refused, cause_of
from botkit.exchange.switch import Switch

log = logging.getLogger("botkit.exchange")

REPEATED_WITHIN = 60.0
"""Seconds in which a `command_id` counts as seen ([DOC] command retries)."""

IDS_KEPT = 20_000
"""Command ids that are remembered at once; the oldest go first."""


class Commands:
    """Runs commands for the legs of a switch, each leg's one after the other."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self._last: dict[str, asyncio.Task[None]] = {}
        self._seen: dict[tuple[str, str], tuple[float, Any]] = {}

    def repeated(self, of: str, command_id: str | None) -> tuple[bool, Any]:
        """Whether a command is a repetition, and the reply to the first one. `of`: the leg, or the application."""
        if command_id is None:
            return False, None
        now = self.switch.clock.now()
        at, reply = self._seen.get((of, command_id), (None, None))
        if at is not None and now - at < REPEATED_WITHIN:
            return True, reply
        return False, None

    def remember(self, of: str, command_id: str | None, reply: Any = None) -> None:
        """A command was accepted with this reply."""
        if command_id is None:
            return
        self._seen.pop((of, command_id), None)
        self._seen[of, command_id] = (self.switch.clock.now(), reply)
        while len(self._seen) > IDS_KEPT:
            del self._seen[next(iter(self._seen))]

    def then(self, leg: Leg, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Carry out `work` when the leg's commands before it are done; not at all when the leg is over by then."""
        before = self._last.get(leg.control_id)

        async def run() -> None:
            if before is not None:
                await asyncio.wait((before,))
            if self.switch.legs.face(leg).over.done():
                return
            try:
                await work()
            except CommandRefused as refused:  # it was in order when it came, and is no longer
                log.info("command.late leg=%s %s %s", leg.id, name, refused)

        task = self._last[leg.control_id] = self.switch.start(run(), f"command {name} {leg.id}")
        task.add_done_callback(lambda _: self._forget(leg, task))

    def _forget(self, leg: Leg, task: asyncio.Task[None]) -> None:
        if self._last.get(leg.control_id) is task:
            del self._last[leg.control_id]

    # --- commands of the call itself -----------------------------------------------------------------

    def answer(self, leg: Leg, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer an inbound leg; one that is answered stays as it is. Raises `CommandRefused` 90102."""
        if not leg.inbound:
            raise CommandRefused("90102", "Call answer command cannot be issued for outbound calls")
        if not leg.answer_ordered:
            leg.answer_ordered = True
            self.then(leg, lambda: self.switch.answer(leg, headers), "answer")

    def reject(self, leg: Leg, cause: str) -> None:
        """Refuse an inbound leg that is not answered. Raises `CommandRefused`."""
        if not leg.inbound:
            raise CommandRefused("90102", "Call reject command cannot be issued for outbound calls")
        if leg.answer_ordered:
            raise CommandRefused("90033", "A call that has been answered cannot be rejected.")
        leg.give_up(cause, "command")

    def hang_up(self, leg: Leg) -> None:
        """End a leg, whatever its state and whatever it waits for."""
        leg.give_up("NORMAL_CLEARING", "command")

    def bridge(
        self,
        leg: Leg,
        other: Leg,
        *,
        stays: str = "",
        prevent_double: bool = False,
        ringtone: bool = False,
    ) -> None:
        """Join two legs; those not answered yet are answered, or waited for. `stays`: what becomes of `leg` when the
        other one leaves (`parked`, `held`; empty: it is hung up). `ringtone`: who waits hears it ring. Raises
        `CommandRefused`."""
        if leg is other:
            raise CommandRefused("90033", "A call cannot be bridged to itself.", pointer="/call_control_id")
        if prevent_double and (leg.peer is not None or other.peer is not None):
            raise CommandRefused("90033", "One of the calls is bridged already.")

        async def join() -> None:
            far = await self._up_while_it_rings(other, leg if ringtone else None)
            near = await self._up_while_it_rings(leg, other if ringtone else None)
            if near.is_answered and far.is_answered:
                self.switch.bridge(near, far, stays={near: stays} if stays else None)

        self.then(leg, join, "bridge")

    async def up(self, leg: Leg) -> Leg:
        """Answer a leg that is parked unanswered; wait for one that rings, or is over. Of one that rings on several
        phones it gives that which has answered."""
        if leg.answered_at is not None:
            return leg
        if leg.inbound and not leg.answering and not leg.over.done():
            await self.switch.answer(leg)
        while True:
            await leg.settled()
            if (face := self.switch.legs.face(leg)) is leg:
                return leg
            leg = face

    async def _up_while_it_rings(self, leg: Leg, waiting: Leg | None) -> Leg:
        if waiting is None or not waiting.is_answered or waiting.place is not None or leg.is_answered:
            return await self.up(leg)
        tone = waiting.endpoint.play_ringback()
        try:
            return await self.up(leg)
        finally:
            waiting.endpoint.session.stop(tone)

    # --- states --------------------------------------------------------------------------------------

    async def ready(self, leg: Leg, *, early: bool = False) -> None:
        """Wait until a leg that is being answered is. Raises `CommandRefused`: 90034 for one that is not answered and
        not about to be (with `early`, a parked one is given its media before the answer), 90018 for one that is over.
        """
        if leg.answered_at is None:
            if leg.answer_ordered:
                await leg.settled()
            elif early and leg.inbound:
                await self._early(leg)
            else:
                raise not_answered()
        if leg.over.done():
            raise call_ended()

    async def _early(self, leg: Leg) -> None:
        try:
            await self.switch.early_media(leg)
        except (Refused, NetworkFault, TimeoutFault, RemoteProtocolError) as error:
            log.info("call.failed call=%s %s", leg.id, error)
            leg.bye(cause_of(error) if isinstance(error, Fault) else error.how)
