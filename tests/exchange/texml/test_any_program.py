"""Whatever documents say and parties do, a program comes to an end and leaves nothing behind."""

from __future__ import annotations

import contextlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.texml.fetch import Source
from botkit.exchange.texml.program import Settings
from tests.exchange.texml.kit import HOST, Stage, play

PATHS = ("/voice", "/a", "/b", "/broken", "/gone")
WAITS = ("/w", "/x")
url = st.sampled_from(PATHS)
wait_url = st.sampled_from((*WAITS, *WAITS, "/broken", "/a"))
number = st.integers(1, 9)
flag = st.sampled_from(("true", "false"))
sound = st.one_of(
    st.builds("<Say loop='{}'>one two</Say>".format, number),
    st.builds("<Play>{}.wav</Play>".format, url),
    st.builds("<Play digits='1w{}'/>".format, number),
    st.builds("<Pause length='{}'/>".format, number),
)
ends = st.sampled_from(("<Hangup/>", "<Reject/>", "<Pay/>"))
waiting = st.one_of(
    sound,
    sound,
    st.sampled_from(("<Leave/>", "<Hangup/>", "<Say>one</Say>")),
    st.builds("<Redirect>{}</Redirect>".format, wait_url),
    st.builds("<Gather action='{}' timeout='3'>{}</Gather>".format, wait_url, sound),
)
party = st.one_of(
    st.builds("<Number url='{}'>+130{}</Number>".format, wait_url, number),
    st.builds("<Sip statusCallback='{}' sendDigits='1'>sip:d{}@x</Sip>".format, url, number),
    st.builds("<Sip>sip:d{}@x</Sip>".format, number),
)
dial = st.one_of(
    st.builds(
        "<Dial action='{}' timeout='{}' answerOnBridge='{}' hangupOnStar='{}' record='record-from-answer'>{}"
        "</Dial>".format,
        url,
        st.integers(5, 20),
        flag,
        flag,
        st.lists(party, min_size=1, max_size=3).map("".join),
    ),
    st.builds("<Dial><Queue url='{}'>q</Queue></Dial>".format, wait_url),
    st.builds(
        "<Dial timeLimit='60'><Conference startConferenceOnEnter='{}' endConferenceOnExit='{}' waitUrl='{}' "
        "statusCallback='/c' statusCallbackEvent='start join leave end'>r</Conference></Dial>".format,
        flag,
        flag,
        wait_url,
    ),
)
verb = st.one_of(
    sound,
    dial,
    dial,
    st.builds("<Gather action='{}' timeout='3'>{}</Gather>".format, url, sound),
    st.builds("<Record maxLength='{}' action='{}'/>".format, number, url),
    st.builds("<Enqueue waitUrl='{}' action='{}' maxWaitTimeSecs='40'>q</Enqueue>".format, wait_url, url),
    st.builds("<Redirect method='GET'>{}</Redirect>".format, url),
    st.one_of(sound, ends),
)
document = st.lists(verb, max_size=4).map("".join)
wait = st.lists(waiting, max_size=3).map("".join)


@settings(max_examples=100, deadline=None)
@given(
    documents=st.fixed_dictionaries({**dict.fromkeys(PATHS[:3], document), **dict.fromkeys(WAITS, wait)}),
    seed=st.integers(0, 2**32),
)
def test_any_program(documents: dict[str, str], seed: int) -> None:
    """Three calls with random documents; their parties pick up, press keys, hang up, get other documents."""

    async def scene(stage: Stage) -> None:
        chance = random.Random(seed)
        for path, verbs in documents.items():
            stage.page(path, verbs)
        stage.web.pages["/broken"] = "<Response><Say>"
        calls = [stage.call(voice_url=f"{HOST}/voice", status_callback=f"{HOST}/c")]
        outbound = stage.world.leg("outbound")
        calls.append((outbound, stage.calls.drive(outbound, Source(f"{HOST}/a"), Settings())))
        calls.append(stage.call(voice_url=f"{HOST}/b"))
        for _ in range(40):
            await stage.sleep(chance.uniform(0, 4))
            leg = chance.choice(list(stage.world.legs.values()))
            if leg.over.done():
                continue
            what = chance.random()
            if what < 0.4 and leg.facts.direction == "outbound" and not leg.answered.done():
                leg.pick_up()
            elif what < 0.7:
                leg.press(chance.choice("1*#"))
            elif what < 0.8:
                leg.leaves(chance.choice(("NORMAL_CLEARING", "USER_BUSY", "ORIGINATOR_CANCEL")))
            elif what < 0.9:
                with contextlib.suppress(CommandRefused):  # over in this very moment
                    stage.calls.redirect(leg.facts.sid, Source(HOST + chance.choice(PATHS)))
        for leg in list(stage.world.legs.values()):
            leg.leaves()
        for _, drive in calls:
            async with stage.clock.timeout(100):
                await drive.task
        await stage.sleep(1)
        assert all(leg.over.done() for leg in stage.world.legs.values())
        assert not any(stage.world.queues.values())
        assert not stage.world.rooms
        assert not stage.calls._drives
        assert not stage.calls._services.driven

    play(scene)
