"""`botkit exchange`: the exchange alone, for SDKs and people."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from botkit.cli import terminal

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

    It serves the SDKs' WebSocket and a status page for browsers at /, a monitor's facts at /healthz, and the REST
    side under /v2 (described at /v2/openapi.json).

    \b
    What it holds from the beginning is the `exchange:` part of botkit.yaml; all of it is optional:
      exchange:
        users:                         # can be called by name and by number
          alice: {password: "${env.ALICE_PASSWORD}", numbers: ["+18005550100"]}
          bob:                         # a password is made up and printed
        connections:                   # as REST makes them; the key is the user name
          john1234:
            password: "${env.JOHN_PASSWORD}"
            numbers: ["+13128889999"]
            sip_uri_calling_preference: internal
            inbound: {dnis_number_format: sip_username}
            outbound: {call_parking_enabled: true}
            webhook_event_url: http://127.0.0.1:9000/hook
        telephony_credentials:
          desk7: {connection: john1234, sip_username: gencred7, sip_password: "${env.DESK7}"}
        applications:
          voice: {ivr: {webhook_event_url: "http://127.0.0.1:9000/ivr", numbers: ["+15550001"]}}
          texml: {menu: {voice_url: "http://127.0.0.1:9000/menu", numbers: ["+15550002"]}}
        trunks:                        # who logs in as one stands outside the network
          carrier: {password: "${env.CARRIER}", numbers: ["+49*"]}
        numbers: ["+15550003"]         # numbers that are nobody's yet
        api_keys: ["${env.API_KEY}"]   # else one is made up
        signing_key: demo              # or base64 of 32 bytes; else one is made up
        fallback: previous             # or none: who is called when the last login has gone
        hold_audio: silence            # or a file; else a party on hold hears music
        account_sid: acct-1            # in the paths of TeXML REST; else one is made up
    """
    from botkit.cli import accounts
    from botkit.clock import run

    settings = accounts.load(os.environ, config=config)
    run(_serve(host, port, settings, as_json))


async def _serve(host: str, port: int, settings: Settings, as_json: bool) -> None:
    from botkit.exchange.exchange import run_exchange
    from botkit.exchange.plan import ExchangePlan, fill, key_of

    done = asyncio.Event()

    def stop(status: int) -> None:
        if done.is_set():
            os._exit(status)  # the second time: at once, whatever hangs
        done.set()

    terminal.stop_signals(asyncio.get_running_loop(), stop)
    plan = ExchangePlan.model_validate(dict(settings.exchange))
    async with run_exchange(host=host, port=port, hold_audio=settings.hold_audio, signing_key=key_of(plan)) as running:
        running.switch.forbidden = settings.why_not
        made = fill(running, plan)
        if running.open_rest is not None:
            running.open_rest()  # before there are calls that it would hold up
        facts = describe(running)
        if running.directory.texml_applications:
            facts["account_sid"] = running.texml.calls.account_sid  # TeXML REST has it in its paths
        if as_json:
            told = {"users": made.passwords, "ids": made.ids}
            terminal.say(json.dumps({**facts, **{name: value for name, value in told.items() if value}}))
        else:
            for name, value in facts.items():
                terminal.say(f"{name:<11} {value}")
            for name, ident in made.ids.items():
                terminal.say(f"{name}, id {ident}")
            for name, password in made.passwords.items():
                terminal.say(f"user {name}, password {password}")
            terminal.say("ready; Ctrl-C ends it")
        await done.wait()


def describe(running: Exchange) -> dict[str, str]:
    """What a client must know."""
    return {
        "ws": running.url,
        "rest": running.rest,
        "api_key": running.api_key,
        "public_key": running.public_key,
    }
