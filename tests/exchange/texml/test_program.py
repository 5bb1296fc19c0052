"""Programs: verbs in order, one document after the other, and how they end."""

from __future__ import annotations

import logging

import pytest

from botkit.exchange.texml.fetch import Source
from tests.exchange.texml.kit import HOST, Stage, play


def test_verbs_in_order() -> None:
    """The leg is answered, each verb follows the one before, and the end of the program hangs up."""

    async def scene(stage: Stage) -> None:
        leg = await stage.run(
            "<Say loop='2'>Good day</Say><Pause length='5'/><Play>hello.wav</Play><Play digits='12'/>"
        )
        assert stage.told(leg) == [
            "answer",
            "say Good day",
            "say Good day",
            f"play {HOST}/hello.wav",
            "send 12",
            "hang_up",
            "over: NORMAL_CLEARING",
        ]
        assert stage.world.at(leg, f"play {HOST}/hello.wav") - stage.world.at(leg, "say Good day") == pytest.approx(9.0)

    play(scene)


def test_the_first_fetch() -> None:
    """The document of a call is asked for while it rings, with the fields of the platform."""

    async def scene(stage: Stage) -> None:
        await stage.run("<Hangup/>")
        (request,) = stage.web.requests
        assert request.method == "POST"
        assert request.fields == {
            "AccountSid": "acct-1",
            "CallSid": "v3:leg1",
            "CallSidLegacy": "v3:leg1",
            "CallerId": "+15550009",
            "CallingPartyType": "sip",
            "From": "+15550009",
            "FromSipUri": "",
            "To": "+13125550100",
            "ToSipUri": "",
            "ConnectionId": "1684641123236054244",
            "CallStatus": "ringing",
            "Direction": "inbound",
        }

    play(scene)


def test_headers_of_a_client() -> None:
    """Headers of the call are fields of their own."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", "")
        leg = stage.world.leg(headers=(("X-RTC-CALLID", "u1"), ("X-Test", "42")))
        from botkit.exchange.texml.calls import Application

        await stage.calls.take(leg, Application(f"{HOST}/voice?a=1")).task
        (request,) = stage.web.requests
        assert request.method == "GET"
        assert (request.fields["a"], request.fields["SipHeader_X-RTC-CALLID"]) == ("1", "u1")
        assert request.fields["SipHeader_X-Test"] == "42"

    play(scene)


@pytest.mark.parametrize(
    ("verbs", "told"),
    [
        ("<Reject/><Say>never</Say>", ["reject rejected", "over: UNALLOCATED_NUMBER"]),
        ("<Reject reason='busy'/>", ["reject busy", "over: USER_BUSY"]),
        ("<Hangup/><Say>never</Say>", ["answer", "hang_up", "over: NORMAL_CLEARING"]),
        ("", ["answer", "hang_up", "over: NORMAL_CLEARING"]),
        ("<Say>a</Say><Reject/>", ["answer", "say a", "hang_up", "over: NORMAL_CLEARING"]),
    ],
)
def test_ends(verbs: str, told: list[str]) -> None:
    """A call is answered before its program runs, unless that rejects it at once."""

    async def scene(stage: Stage) -> None:
        assert stage.told(await stage.run(verbs)) == told

    play(scene)


def test_redirect() -> None:
    """A redirect goes on with another document, whose address may be relative; what follows is not run."""

    async def scene(stage: Stage) -> None:
        stage.page("/sub/next", "<Say>there</Say><Redirect method='GET'>last</Redirect>")
        stage.page("/sub/last", "<Say>here</Say>")
        leg = await stage.run("<Redirect>sub/next?x=1</Redirect><Say>never</Say>")
        assert [(r.method, r.path) for r in stage.web.requests] == [
            ("POST", "/voice"),
            ("POST", "/sub/next"),
            ("GET", "/sub/last"),
        ]
        assert [what for what in stage.told(leg) if what.startswith("say")] == ["say there", "say here"]

    play(scene)


def test_a_loop_of_redirects(caplog: pytest.LogCaptureFixture) -> None:
    """Documents that do nothing but name the next are stopped, and the log says why."""

    async def scene(stage: Stage) -> None:
        leg = await stage.run("<Redirect>/voice</Redirect>")
        assert stage.told(leg)[-1] == "over: NORMAL_CLEARING"
        assert len(stage.web.requests) == 20

    with caplog.at_level(logging.ERROR):
        play(scene)
    assert "did nothing but name the next" in str(caplog.records[-1].__dict__["fields"])


def test_a_long_menu_is_no_loop() -> None:
    """A document that takes its time may come again as often as it likes."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", *["<Pause/><Redirect>/voice</Redirect>"] * 50, "<Hangup/>")
        _, drive = stage.call()
        await drive.task
        assert len(stage.web.requests) == 51

    play(scene)


@pytest.mark.parametrize(
    "first", [500, 404, "not xml", "<html/>", "<!DOCTYPE r><Response/>", b"<Response>" + b" " * 70_000]
)
def test_the_fallback(first: str | int | bytes) -> None:
    """What is no document sends the call to the fallback URL, with the same fields."""

    async def scene(stage: Stage) -> None:
        stage.web.pages["/voice"] = first
        stage.page("/fallback", "<Say>sorry</Say>")
        leg, drive = stage.call(voice_fallback_url=f"{HOST}/fallback")
        await drive.task
        assert "say sorry" in stage.told(leg)
        assert stage.web.got("/voice") == stage.web.got("/fallback")

    play(scene)


def test_no_document_at_all(caplog: pytest.LogCaptureFixture) -> None:
    """Without a document the call is refused as a failure of ours, and the log says what came."""

    async def scene(stage: Stage) -> None:
        leg, drive = stage.call(voice_fallback_url=f"{HOST}/fallback")
        await drive.task
        assert stage.told(leg) == ["hang_up", "over: NORMAL_TEMPORARY_FAILURE"]
        assert stage.web.paths() == ["/voice", "/fallback"]

    with caplog.at_level(logging.ERROR):
        play(scene)
    assert "POST http://bot.test/fallback: status 404" in str(caplog.records[-1].__dict__["fields"])


@pytest.mark.parametrize(
    ("verbs", "why"),
    [
        ("<Say>a</Say><Pay/>", "<Pay> is not supported by the platform"),
        ("<Dial><Client>bob</Client></Dial>", "dialled as <Sip>"),
        ("<Say loop='x'>a</Say>", "attribute loop"),
        ("<Leave/>", "<Leave> has no place in the program of a call"),
    ],
)
def test_a_mistake_in_a_document(verbs: str, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake ends the call before any of the document is run; the fallback is for servers, not for mistakes."""

    async def scene(stage: Stage) -> None:
        stage.page("/fallback", "<Say>sorry</Say>")
        leg = await stage.run(verbs, voice_fallback_url=f"{HOST}/fallback")
        assert stage.told(leg) == ["hang_up", "over: NORMAL_TEMPORARY_FAILURE"]
        assert stage.web.paths() == ["/voice"]

    with caplog.at_level(logging.ERROR):
        play(scene)
    assert why in caplog.records[-1].__dict__["fields"]["reason"]


def test_a_file_that_cannot_be_had() -> None:
    """A file that cannot be played is one verb less."""

    async def scene(stage: Stage) -> None:
        stage.world.lost_files.add(f"{HOST}/gone.wav")
        leg = await stage.run("<Play>/gone.wav</Play><Say>a</Say>")
        assert "say a" in stage.told(leg)

    play(scene)


def test_the_caller_hangs_up() -> None:
    """A call that is over stops what it hears, and nothing follows."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", "<Say>a long speech is this</Say><Redirect>/voice</Redirect>")
        leg, drive = stage.call()
        await stage.sleep(2)
        leg.leaves()
        await drive.task
        assert stage.told(leg)[-2:] == ["over: NORMAL_CLEARING", "cut: say a long speech is this"]
        assert len(stage.web.requests) == 1

    play(scene)


def test_the_caller_hangs_up_while_we_ask() -> None:
    """So does one whose document has not come yet."""

    async def scene(stage: Stage) -> None:
        async def late(request: object) -> str:
            await stage.sleep(5)
            return "<Response/>"

        stage.web.pages["/voice"] = late
        leg, drive = stage.call()
        await stage.sleep(2)
        leg.leaves("ORIGINATOR_CANCEL")
        await drive.task
        assert stage.told(leg) == ["over: ORIGINATOR_CANCEL"]

    play(scene)


def test_an_endless_sound() -> None:
    """loop=0 plays until something else happens."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", "<Play loop='0'>/tune.wav</Play>")
        leg, drive = stage.call()
        await stage.sleep(31)
        leg.leaves()
        await drive.task
        assert stage.told(leg).count(f"play {HOST}/tune.wav") == 11

    play(scene)


def test_another_document() -> None:
    """A program is replaced from outside: what it was saying is cut, and the new one runs."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", "<Say>a long speech is this</Say>")
        stage.page("/new", "<Say>changed</Say>")
        leg, drive = stage.call()
        await stage.sleep(2)
        stage.calls.redirect(leg.facts.sid, Source(f"{HOST}/new"))
        await drive.task
        assert stage.told(leg) == [
            "answer",
            "say a long speech is this",
            "cut: say a long speech is this",
            "say changed",
            "hang_up",
            "over: NORMAL_CLEARING",
        ]

    play(scene)


def test_a_document_as_a_text() -> None:
    """A text is a document of its own, with no address: a relative URL in it leads nowhere."""

    async def scene(stage: Stage) -> None:
        leg = stage.world.leg("outbound")
        leg.pick_up()
        text = "<Response><Say>a</Say><Redirect>/next</Redirect></Response>"
        from botkit.exchange.texml.program import Settings

        await stage.calls.drive(leg, Source(text=text), Settings()).task
        assert stage.told(leg)[-3:] == ["say a", "hang_up", "over: NORMAL_CLEARING"]
        assert not stage.web.requests

    play(scene)


def test_an_outbound_call() -> None:
    """The document of a call that we place is asked for when it is answered."""

    async def scene(stage: Stage) -> None:
        from botkit.exchange.texml.program import Settings

        stage.page("/desk", "<Say>a</Say>")
        leg = stage.world.leg("outbound")
        drive = stage.calls.drive(leg, Source(f"{HOST}/desk", "GET"), Settings())
        await stage.sleep(3)
        assert not stage.web.requests
        leg.pick_up()
        await drive.task
        (request,) = stage.web.requests
        assert (request.at, request.fields["CallStatus"], request.fields["Direction"]) == (
            3.0,
            "in-progress",
            "outbound",
        )

    play(scene)


def test_an_outbound_call_that_nobody_answers() -> None:
    """No answer, no document."""

    async def scene(stage: Stage) -> None:
        from botkit.exchange.texml.program import Settings

        leg = stage.world.leg("outbound")
        drive = stage.calls.drive(leg, Source(f"{HOST}/desk", "GET"), Settings())
        await stage.sleep(3)
        leg.leaves("USER_BUSY")
        await drive.task
        assert not stage.web.requests

    play(scene)


def test_signed() -> None:
    """Every request carries the headers of the signer, made from its body."""

    async def scene(stage: Stage) -> None:
        stage.page("/next", "")
        await stage.run("<Redirect method='GET'>/next</Redirect>")
        post, get = stage.web.requests
        assert post.headers["telnyx-signature-ed25519"] == str(len(post.body))
        assert get.headers["telnyx-signature-ed25519"] == "0"

    play(scene, signer=lambda body: {"telnyx-signature-ed25519": str(len(body))})


def test_closing() -> None:
    """The exchange's end ends every call, and leaves no task."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", "<Say>a long speech is this</Say>")
        leg, _ = stage.call()
        await stage.sleep(2)
        await stage.calls.close()
        assert stage.told(leg)[-2:] == ["over: SYSTEM_SHUTDOWN", "cut: say a long speech is this"]

    play(scene)
