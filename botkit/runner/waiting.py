"""What a run that only answers tells while it waits: for whom, where, until when, how to call it, and what becomes of
its lines."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

from botkit import events
from botkit.client.client import Client
from botkit.errors import Fault
from botkit.exchange.exchange import Exchange
from botkit.exchange.plan import ExchangePlan, Made
from botkit.flow.document import Flow
from botkit.runner.bot import Bot
from botkit.settings import Account

Told = tuple[str, str, str]
"""Kind, bot and text of a `Notice`."""


def announced(
    bots: Sequence[Bot], exchange: Exchange | None, plan: ExchangePlan, made: Made, limit: float | None
) -> Iterator[Told]:
    """All that is to be told before a run waits for calls; nothing where one of its bots dials. `limit`: in seconds."""
    if any(bot.flow.dials for bot in bots):
        return
    where = exchange.url if exchange is not None else ""
    for bot in bots:
        yield "waits", bot.name, waiting(bot.flow, bot.client.account, where, limit)
    if exchange is not None and exchange.url:
        for login in logins(exchange, plan, made):
            yield "login", "", login


def waiting(flow: Flow, account: Account, where: str, limit: float | None) -> str:
    """`for calls to +18005550100 at ws://127.0.0.1:40001, until Ctrl-C`.

    `where` is the embedded exchange's address, empty in memory, where nobody else can call.
    """
    called = "any call" if flow.answer in (None, "any") else f"calls to {flow.answer}"
    if not account.is_embedded:
        place = f"at {account.server}" + (f" as {account.login}" if account.login else "")
    else:
        place = f"at {where}" if where else "in memory, where nobody else can call"
    ends = []
    if flow.calls is not None:
        ends.append(f"until {max(1, flow.calls[0])} came and ended")
    if limit is not None:
        ends.append(f"for {limit:g} s at most")
    return f"for {called} {place}, {' or '.join(ends) or 'until Ctrl-C'}"


def logins(exchange: Exchange, plan: ExchangePlan, made: Made) -> Iterator[str]:
    """How somebody else logs in to an exchange that lives as long as the run: the passwords that were made up.

    Where the settings name nobody, a guest is made: a line that nobody can call would wait for nothing.
    """
    passwords = dict(made.passwords)
    if not (plan.users or plan.connections or plan.telephony_credentials or plan.trunks):
        names = ("guest", *(f"guest{n}" for n in range(2, 1000)))
        user = exchange.directory.add_user(next(name for name in names if exchange.directory.identity(name) is None))
        passwords[user.name] = user.password
    for name, password in passwords.items():
        yield f"{name}, password {password}"


class Lines:
    """The lines of a run's bots: tells when one is lost and when it is back; one that is lost for good is a fault of
    the bots that answer on it, who wait no longer. A dialling bot's call knows by itself."""

    def __init__(self, tell: Callable[[str, str, str], None]) -> None:
        self._tell = tell
        self.is_over = False
        """The run ends: lines that go from here on are ended by us."""

    def watch(self, client: Client, bots: Sequence[Bot]) -> None:
        """From now on: the client has been entered."""
        client.on("disconnected", functools.partial(self._down, bots))
        client.on("ready", functools.partial(self._up, bots))
        client.on_lost = functools.partial(self._lost, [bot for bot in bots if not bot.flow.dials])

    def _down(self, bots: Sequence[Bot], event: events.Disconnected) -> None:
        if not self.is_over:
            for bot in bots:
                self._tell("lost", bot.name, event.reason)

    def _up(self, bots: Sequence[Bot], _: events.ClientReady) -> None:
        for bot in bots:
            self._tell("ready", bot.name, "")

    def _lost(self, bots: Sequence[Bot], fault: Fault) -> None:
        for bot in bots if not self.is_over else ():
            if not bot.enough.is_set():  # whose calls came and ended needs no line
                bot.blame(Fault(f"no call can come any more: {fault.args[0]}", hint=fault.hint))
                bot.enough.set()
