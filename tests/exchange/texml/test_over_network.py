"""The whole of it over real sockets: a client over WebSocket, a web server over HTTP, signatures, REST by the SDK."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import uvicorn

from botkit.exchange.applications import TexmlApplication, VoiceApplication
from botkit.media.wav import write_wav
from botkit.testing import tone
from tests.exchange.kit import soon, until
from tests.exchange.rest.kit import Desk, ask
from tests.exchange.texml.kit import Web

NUMBER = "+13125550100"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # they are the test's


@contextlib.asynccontextmanager
async def served(web: Web) -> AsyncIterator[str]:
    """A web server on a real port, for as long as the scope lasts; gives its URL."""
    config = uvicorn.Config(web, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = _Server(config)
    task = asyncio.ensure_future(server.serve())
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def test_a_queue_over_the_network() -> None:
    """A customer calls a number and waits; the SDK calls the operator, whose document takes the customer; every form
    is signed as the official SDK wants it."""

    async def scene(desk: Desk) -> None:
        from telnyx.lib import verify_webhook_signature

        web = Web(desk.exchange.clock)
        async with served(web) as url:
            app = desk.exchange.directory.add_texml_application(
                TexmlApplication(friendly_name="bot", voice_url=f"{url}/voice", status_callback=f"{url}/status")
            )
            desk.exchange.directory.add_number(NUMBER, app)
            web.sinks.add("/status")
            web.pages |= {
                "/voice": '<Response><Enqueue waitUrl="/wait" action="/left">support</Enqueue></Response>',
                "/wait": "<Response><Say>please hold</Say></Response>",
                "/left": "<Response><Hangup/></Response>",
                "/desk": "<Response><Dial><Queue>support</Queue></Dial></Response>",
            }
            customer, operator = await desk.phone("alice"), await desk.phone("desk")
            await customer.reply_to(await customer.dial(NUMBER))
            answer = await customer.hears("answer")
            await customer.connect(answer["sdp"])
            await soon(lambda: web.got("/wait"))
            await desk.sdk.texml.accounts.calls.calls(
                web.got("/voice")[0]["AccountSid"],
                body={
                    "application_sid": app.id,
                    "to": "sip:desk@sip.telnyx.com",
                    "from_": NUMBER,
                    "url": f"{url}/desk",
                },
            )
            invite = await operator.rings()
            await operator.take(invite["sdp"])
            await soon(lambda: desk.exchange.switch.bridges)
            operator.heard.clear()
            customer.speak([b"\x11" * 160] * 25)
            await soon(lambda: b"\x11" * 160 in operator.heard)
            await operator.hang_up()
            await customer.hears("bye")
            await soon(lambda: len(web.got("/status")) == 2)
            assert web.got("/left")[0]["QueueResult"] == "bridged"
            ended = sorted((told["CallStatus"], told["Direction"]) for told in web.got("/status"))
            assert ended == [("completed", "inbound"), ("completed", "outbound")]
            for request in web.requests:
                verify_webhook_signature(request.body.decode(), request.headers, desk.exchange.public_key)

    ask(scene)


def test_a_file_is_played(tmp_path: Path) -> None:
    """Play fetches its file from the web server, relative to the document; one that is not there is left out."""
    wav = write_wav(tmp_path / "tune.wav", tone(440.0, 1.0)).read_bytes()

    async def scene(desk: Desk) -> None:
        web = Web(desk.exchange.clock)
        async with served(web) as url:
            app = TexmlApplication(friendly_name="bot", voice_url=f"{url}/bot/voice")
            desk.exchange.directory.add_number(NUMBER, desk.exchange.directory.add_texml_application(app))
            web.pages |= {
                "/bot/voice": "<Response><Play>gone.wav</Play><Play>tune.wav</Play></Response>",
                "/bot/tune.wav": wav,
            }
            customer = await desk.phone("alice")
            await customer.reply_to(await customer.dial(NUMBER))
            answer = await customer.hears("answer")
            await customer.connect(answer["sdp"])
            await customer.hears("bye")
            assert web.paths() == ["/bot/voice", "/bot/gone.wav", "/bot/tune.wav"]
            spectrum = np.abs(np.fft.rfft(customer.sound().astype(float)))
            assert abs(spectrum.argmax() * 8000 / len(customer.sound()) - 440) < 5

    ask(scene)


def test_who_answered() -> None:
    """Machine detection answers that it was a person: in the fetch, or by a callback of its own."""

    async def scene(desk: Desk) -> None:
        web = Web(desk.exchange.clock)
        async with served(web) as url:
            app = TexmlApplication(friendly_name="bot", voice_url=f"{url}/voice")
            desk.exchange.directory.add_texml_application(app)
            web.pages["/voice"] = "<Response><Hangup/></Response>"
            web.sinks.add("/amd")
            calls, sid = desk.sdk.texml.accounts.calls, desk.exchange.texml.calls.account_sid
            to, show = "sip:desk@sip.telnyx.com", NUMBER
            phone = await desk.phone("desk")
            for asynchronous in (False, True):
                await calls.calls(
                    sid,
                    body={
                        "application_sid": app.id,
                        "to": to,
                        "from_": show,
                        "machine_detection": "Enable",
                        "async_amd": asynchronous,
                        "async_amd_status_callback": f"{url}/amd",
                    },  # type: ignore[arg-type] # the SDK's type wants a Url, which the platform does not
                )
                await phone.take((await phone.rings())["sdp"])
                await phone.hears("bye")
                assert phone.media is not None
                await phone.media.close()
            await soon(lambda: web.got("/amd"))
            first, second = web.got("/voice")
            assert (first["AnsweredBy"], "AnsweredBy" in second) == ("human", False)
            assert [told["AnsweredBy"] for told in web.got("/amd")] == ["human"]

    ask(scene)


def test_a_queue_of_both_kinds() -> None:
    """A customer in the queue of a document is taken by a Voice API command; afterwards the document goes on."""

    async def scene(desk: Desk) -> None:
        web = Web(desk.exchange.clock)
        async with served(web) as url:
            directory = desk.exchange.directory
            app = TexmlApplication(friendly_name="bot", voice_url=f"{url}/voice")
            directory.add_number(NUMBER, directory.add_texml_application(app))
            voice = VoiceApplication(application_name="ivr", webhook_event_url=f"{url}/hook")
            directory.add_voice_application(voice)
            web.sinks.add("/hook")
            web.pages |= {
                "/voice": '<Response><Enqueue action="/left">support</Enqueue></Response>',
                "/left": "<Response><Hangup/></Response>",
            }
            customer, operator = await desk.phone("alice"), await desk.phone("desk")
            await customer.reply_to(await customer.dial(NUMBER))
            await customer.connect((await customer.hears("answer"))["sdp"])
            await soon(lambda: desk.exchange.platform.queues.find("support"))
            dialled = await desk.sdk.calls.dial(connection_id=voice.id, to="sip:desk@sip.telnyx.com", from_=NUMBER)
            assert dialled.data is not None
            await operator.take((await operator.rings())["sdp"])
            sid = dialled.data.call_control_id
            await desk.sdk.calls.actions.bridge(sid, call_control_id_to_bridge_with=sid, queue="support")
            await soon(lambda: desk.exchange.switch.bridges)
            await asyncio.sleep(0.3)
            await operator.hang_up()
            await customer.hears("bye")
            assert web.got("/left")[0]["QueueResult"] == "bridged"

    ask(scene)
