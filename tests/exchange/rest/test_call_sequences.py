"""The platform's message sequences, step by step: a client's parked call, a queue, a call from outside.

`alice` is the WebRTC client, `bob` the second party; events are `bot.hears`, commands `bot.actions` and `bot.dial`.
"""

from __future__ import annotations

from pathlib import Path

from botkit.exchange.applications import VoiceApplication
from botkit.media.tone import tone
from botkit.media.wav import write_wav
from tests.exchange.rest.bot import STATE, Bot, control
from tests.exchange.test_transfer import hear_each_other

DESK = "sip:bob@sip.telnyx.com"


def test_pattern_1_with_a_bridge() -> None:
    """Parked, answered, second leg linked and dialled, bridged; the callee's hang-up ends both."""

    async def scene(bot: Bot) -> None:
        # 1, 2: the client dials; it hears it ring, and the backend is told
        alice, bob = await bot.parking(), await bot.desk.phone("bob")
        await alice.reply_to(await alice.dial("+15550001"))
        first = (await alice.hears("ringing"))["telnyx_call_control_id"]
        began = await bot.hears(first, "call.initiated")
        assert (began.connection_id, began.direction, began.state) == (
            bot.connection("alice").id,
            "outgoing",
            "parked",
        )
        # 3: answer
        await bot.actions.answer(first, client_state=STATE)
        await alice.connect((await alice.hears("answer"))["sdp"])
        answered = await bot.hears(first, "call.answered")
        assert (answered.state, answered.client_state) == ("answered", STATE)
        # 4, 5: the second leg
        second = await bot.dial(DESK, link_to=first, timeout_secs=30)
        began = await bot.hears(second, "call.initiated")
        assert (began.connection_id, began.direction, began.state) == (bot.app, "outgoing", "bridging")
        assert began.call_session_id == answered.call_session_id
        invite = await bob.rings()
        assert invite["telnyx_call_control_id"] == second
        # 6: it is answered
        await bob.take(invite["sdp"])
        await bot.hears(second, "call.answered")
        # 7: bridged
        await bot.actions.bridge(second, call_control_id_to_bridge_with=first)
        await bot.hears(second, "call.bridged")
        await bot.hears(first, "call.bridged")
        await hear_each_other(alice, bob)
        # 8: the callee hangs up
        await bob.hang_up()
        assert await bot.ended(second) == ("normal_clearing", "200", "callee")
        assert (await alice.hears("bye"))["causeCode"] == 16
        assert (await bot.ended(first))[0] == "normal_clearing"

    control(scene)


def test_pattern_1_whose_callee_declines() -> None:
    """The second leg's end is told; the parked leg is the backend's to end."""

    async def scene(bot: Bot) -> None:
        alice, first = await bot.up()
        bob = await bot.desk.phone("bob")
        second = await bot.dial(DESK, link_to=first)
        await bob.rings()
        await bob.hang_up("USER_BUSY", 17)
        await bot.hears(second, "call.initiated")
        assert await bot.ended(second) == ("user_busy", "486", "callee")
        await bot.hears_nothing(first)
        await bot.actions.hangup(first)
        await alice.hears("bye")
        assert await bot.ended(first) == ("normal_clearing", "200", "unknown")

    control(scene)


def test_pattern_1_whose_client_stays() -> None:
    """With `park_after_unbridge` the parked leg stays, and goes to the next party."""

    async def scene(bot: Bot) -> None:
        alice, first = await bot.up()
        for name in ("bob", "carol"):
            number = {"bob": "+15550100", "carol": "+15550101"}[name]
            phone, second = await bot.reached(name, number, link_to=first)
            await bot.actions.bridge(first, call_control_id_to_bridge_with=second, park_after_unbridge="self")
            await bot.hears(first, "call.bridged")
            await hear_each_other(alice, phone)
            await phone.hang_up()
            await bot.hears(second, "call.bridged", "call.hangup")
        await bot.hears_nothing(first)
        assert await bot.alive(first)

    control(scene)


def test_pattern_1_in_one_step() -> None:
    """`bridge_on_answer`: the exchange bridges by itself."""

    async def scene(bot: Bot) -> None:
        alice, first = await bot.up()
        bob, second = await bot.reached("bob", "+15550100", link_to=first, bridge_on_answer=True)
        await bot.hears(second, "call.bridged")
        await bot.hears(first, "call.bridged")
        await hear_each_other(alice, bob)

    control(scene)


def test_pattern_1_with_a_transfer() -> None:
    """One command instead of dial and bridge."""

    async def scene(bot: Bot) -> None:
        alice, first = await bot.up()
        bob = await bot.desk.phone("bob")
        await bot.actions.transfer(first, to=DESK)
        invite = await bob.rings()
        second = invite["telnyx_call_control_id"]
        await bob.take(invite["sdp"])
        await bot.hears(second, "call.initiated", "call.answered", "call.bridged")
        await bot.hears(first, "call.bridged")
        await hear_each_other(alice, bob)

    control(scene)


def test_pattern_1_rejected() -> None:
    """`reject`: the client hears busy."""

    async def scene(bot: Bot) -> None:
        alice, first = await bot.parked()
        await bot.actions.reject(first, cause="USER_BUSY")
        assert (await alice.hears("bye"))["causeCode"] == 17
        assert (await bot.ended(first))[0] == "user_busy"

    control(scene)


def test_pattern_1_with_a_queue(tmp_path: Path) -> None:
    """Answered, enqueued, entertained; the operator is bridged to the queue's head."""

    async def scene(bot: Bot) -> None:
        alice, first = await bot.up()
        # 4
        await bot.actions.enqueue(first, queue_name="support", max_wait_time_secs=300)
        waits = await bot.hears(first, "call.enqueued")
        assert (waits.queue, waits.current_position) == ("support", 1)
        # 5
        await bot.actions.start_playback(first, audio_url=(tmp_path / "music.wav").as_uri(), loop="infinity")
        await bot.hears(first, "call.playback.started")
        # 6
        bob, second = await bot.reached("bob", "+15550100")
        # 7
        await bot.actions.bridge(second, call_control_id_to_bridge_with="any", queue="support")
        taken = await bot.hears(first, "call.dequeued")
        assert (taken.queue, taken.reason) == ("support", "bridged")
        assert (await bot.hears(first, "call.playback.ended")).status == "cancelled"
        await bot.hears(first, "call.bridged")
        await bot.hears(second, "call.bridged")
        await hear_each_other(alice, bob)

    write_wav(tmp_path / "music.wav", tone(700, 1.0))
    control(scene, fixtures=(tmp_path,))


def test_queue_that_nobody_serves() -> None:
    """A caller who gives up is dequeued, then over; one whose time is up is dequeued and stays parked."""

    async def scene(bot: Bot) -> None:
        alice, first = await bot.up()
        await bot.actions.enqueue(first, queue_name="support", max_wait_time_secs=1)
        await bot.hears(first, "call.enqueued")
        assert (await bot.hears(first, "call.dequeued")).reason == "timeout"
        await bot.actions.speak(first, payload="Nobody has time", voice="male")
        await bot.hears(first, "call.speak.started", "call.speak.ended")
        await bot.actions.enqueue(first, queue_name="support")
        await bot.hears(first, "call.enqueued")
        await alice.hang_up()
        assert (await bot.hears(first, "call.dequeued")).reason == "hangup"
        await bot.hears(first, "call.hangup")

    control(scene)


def test_pattern_2() -> None:
    """A call from outside to an application's number: greeted, asked, and led to an operator by a queue."""

    async def scene(bot: Bot) -> None:
        directory = bot.exchange.directory
        application = directory.voice_applications[bot.app]
        assert isinstance(application, VoiceApplication)
        directory.add_number("+13125550100", application)
        account = bot.exchange.trunk_account("carrier", "+49*")
        caller = await bot.desk.line()
        await caller.ready("carrier", account.password or "")
        # 1
        await caller.reply_to(await caller.dial("+13125550100", dialog={"caller_id_number": "+15550009"}))
        first = (await caller.hears("ringing"))["telnyx_call_control_id"]
        began = await bot.hears(first, "call.initiated")
        assert (began.connection_id, began.direction, began.state) == (bot.app, "incoming", "parked")
        assert (began.from_, began.to, began.calling_party_type) == ("+15550009", "+13125550100", "pstn")
        # 2
        await bot.actions.answer(first)
        await caller.connect((await caller.hears("answer"))["sdp"])
        await bot.hears(first, "call.answered")
        # 3
        await bot.actions.speak(first, payload="Press one", voice="male")
        await bot.hears(first, "call.speak.started", "call.speak.ended")
        await bot.actions.gather(first, maximum_digits=1, gather_id="menu")
        assert caller.media is not None
        caller.media.say_digit("1", 0.1)
        assert (await bot.hears(first, "call.dtmf.received")).digit == "1"
        ended = await bot.hears(first, "call.gather.ended")
        assert (ended.digits, ended.status) == ("1", "valid")
        # 4a
        await bot.actions.enqueue(first, queue_name="support")
        await bot.hears(first, "call.enqueued")
        # 5: the first operator does not answer, the second does
        away = await bot.desk.phone("away")
        second = await bot.dial("sip:away@sip.telnyx.com", link_to=first, timeout_secs=5)
        await bot.hears(second, "call.initiated")
        await away.rings()
        assert await bot.ended(second) == ("timeout", "487", "caller")
        bob = await bot.desk.phone("bob")
        second = await bot.dial(DESK, link_to=first, custom_headers=[{"name": "X-Case", "value": "7"}])
        await bot.hears(second, "call.initiated")
        invite = await bob.rings()
        assert invite["dialogParams"]["custom_headers"] == [{"name": "X-Case", "value": "7"}]
        # 6
        await bob.take(invite["sdp"])
        await bot.hears(second, "call.answered")
        # 7a
        await bot.actions.bridge(second, call_control_id_to_bridge_with=first, queue="support")
        assert (await bot.hears(first, "call.dequeued")).reason == "bridged"
        await bot.hears(first, "call.bridged")
        await bot.hears(second, "call.bridged")
        await hear_each_other(caller, bob)
        # 8
        await bob.hang_up()
        assert await bot.ended(second) == ("normal_clearing", "200", "callee")
        await caller.hears("bye")
        await bot.hears(first, "call.hangup")

    control(scene)
