"""`botkit exchange`: the exchange alone, for SDKs and people."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botkit.cli import terminal
from botkit.errors import ConfigError

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange
    from botkit.settings import Settings


def exchange(
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0: any free one.")] = 8080,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    config: Annotated[
        str | None, typer.Option("--config", "-c", metavar="FILE", help="Settings instead of botkit.yaml.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when it is ready.")] = False,
) -> None:
    """Start the exchange alone; it stops on Ctrl-C or SIGTERM.

    \b
    Examples:
      botkit exchange
      botkit exchange --port 0 --json

    \b
    Its users, numbers and applications are the `exchange:` part of botkit.yaml:
      exchange:
        users:
          alice: {password: "${env.ALICE_PASSWORD}", numbers: ["+18005550100"]}
          bob: {}                      # a password is made up and printed
        hold_audio: silence            # or a file; else a party on hold hears music
    """
    from botkit.cli import accounts
    from botkit.clock import run

    settings = accounts.load(os.environ, config=config)
    run(_serve(host, port, settings, as_json))


async def _serve(host: str, port: int, settings: Settings, as_json: bool) -> None:
    from botkit.exchange.exchange import run_exchange

    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    async with run_exchange(host=host, port=port, hold_audio=settings.hold_audio) as running:
        made_up = fill(running, dict(settings.exchange))
        facts = describe(running)
        if as_json:
            terminal.say(json.dumps({**facts, "users": made_up} if made_up else facts))
        else:
            for name, value in facts.items():
                terminal.say(f"{name:<11} {value}")
            for name, password in made_up.items():
                terminal.say(f"user {name}, password {password}")
            terminal.say("ready; Ctrl-C ends it")
        await done.wait()


def describe(running: Exchange) -> dict[str, str]:
    """What a client must know; what the exchange does not offer is left out."""
    facts = {"ws": running.url}
    for name in ("rest", "api_key", "public_key"):
        value = getattr(running, name, None)
        if isinstance(value, str) and value:
            facts[name] = value
    return facts


def fill(running: Exchange, directory: dict[str, Any]) -> dict[str, str]:
    """Put the users of the settings into the exchange; gives the passwords that were made up."""
    made_up = {}
    users = directory.get("users", {})
    if not isinstance(users, dict):
        raise ConfigError(
            "exchange.users must be a mapping of names", hint="users: {alice: {numbers: ['+18005550100']}}"
        )
    for name, given in users.items():
        given = given or {}
        numbers = given.get("numbers", ())
        numbers = (numbers,) if isinstance(numbers, str) else tuple(str(number) for number in numbers)
        user = running.directory.add_user(
            name, password=given.get("password"), numbers=numbers, caller_number=str(given.get("caller_id", ""))
        )
        if "password" not in given:
            made_up[name] = user.password
    return made_up
