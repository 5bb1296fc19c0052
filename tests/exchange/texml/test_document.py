"""Documents: what is in them, and what is said about their mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.exchange.texml.document import Document, parse
from botkit.exchange.texml.errors import NotADocument, TexmlError, UnsupportedVerb
from botkit.exchange.texml.verbs import (
    VERBS,
    Conference,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Number,
    Pause,
    Play,
    Queue,
    Record,
    Redirect,
    Reject,
    Say,
    Sip,
)


def response(inner: str) -> bytes:
    return f"<Response>{inner}</Response>".encode()


def only(inner: str) -> Any:
    (verb,) = parse(response(inner)).verbs
    return verb


DEFAULTS = [
    ("<Say>Hello</Say>", Say(line=1, text="Hello", voice="man", language="", loop=1)),
    ("<Play>a.wav</Play>", Play(line=1, url="a.wav", loop=1, mediaStorage=False, digits="")),
    ("<Play digits='1w2'/>", Play(line=1, digits="1w2")),
    ("<Pause/>", Pause(line=1, length=1)),
    (
        "<Gather/>",
        Gather(
            line=1, timeout=5, input=("dtmf",), finishOnKey="#", numDigits=None, minDigits=1, maxDigits=128, prompts=()
        ),
    ),
    (
        "<Dial>+13120000001</Dial>",
        Dial(
            line=1,
            to=(Number(line=1, number="+13120000001", statusCallbackEvent=("completed",)),),
            method="POST",
            timeout=30,
            timeLimit=14400,
            answerOnBridge=False,
            hangupOnStar=False,
            record="do-not-record",
            ringTone="us",
        ),
    ),
    ("<Enqueue>support</Enqueue>", Enqueue(line=1, name="support", method="POST", maxWaitTimeSecs=14400)),
    ("<Leave/>", Leave(line=1)),
    ("<Redirect>/next</Redirect>", Redirect(line=1, url="/next", method="POST")),
    ("<Hangup/>", Hangup(line=1)),
    ("<Reject/>", Reject(line=1, reason="rejected")),
    (
        "<Record/>",
        Record(line=1, finishOnKey="0123456789*#", timeout=0, maxLength=3600, playBeep=True, channels="dual"),
    ),
]


@pytest.mark.parametrize(("inner", "verb"), DEFAULTS, ids=[inner for inner, _ in DEFAULTS])
def test_defaults(inner: str, verb: object) -> None:
    """Each verb has the documented defaults."""
    assert only(inner) == verb


def test_every_verb_is_in_the_defaults() -> None:
    """No verb is left out of the table above."""
    assert {type(verb).__name__ for _, verb in DEFAULTS} == set(VERBS)


def test_a_document_of_parties() -> None:
    """Several parties ring together, each with its own callbacks."""
    dial = only(
        """<Dial answerOnBridge="true" timeout="30" action="/after" callerId="+13120000001" method="get">
             <Sip statusCallback="/leg" statusCallbackEvent="answered completed">sip:gencredDESK@sip.telnyx.com</Sip>
             <Number url="/whisper" sendDigits="ww12"> +13120000002 </Number>
           </Dial>"""
    )
    assert (dial.answer_on_bridge, dial.action, dial.method, dial.caller_id) == (True, "/after", "GET", "+13120000001")
    sip, number = dial.to
    assert isinstance(sip, Sip)
    assert sip.uri == sip.address == "sip:gencredDESK@sip.telnyx.com"
    assert sip.status_callback_event == ("answered", "completed")
    assert (number.address, number.url, number.send_digits) == ("+13120000002", "/whisper", "ww12")


def test_the_queue_and_the_conference() -> None:
    """A queue or a conference is dialled alone; a document's member starts its conference by entering."""
    queue = only("<Dial><Queue url='/soon'>support</Queue></Dial>").to
    assert queue == Queue(line=1, name="support", url="/soon", method="POST")
    room = only("<Dial><Conference endConferenceOnExit='true' beep='onEnter'>room7</Conference></Dial>").to
    assert room == Conference(line=1, name="room7", endConferenceOnExit=True, beep="onEnter")
    assert (room.start_conference_on_enter, room.max_participants) == (True, 250)


def test_prompts_in_a_gather() -> None:
    """What is nested in a Gather is its prompts, in order."""
    gather = only("<Gather numDigits='4'><Say>Your code</Say><Play>beep.wav</Play></Gather>")
    assert [type(prompt) for prompt in gather.prompts] == [Say, Play]
    assert (gather.least, gather.most) == (4, 4)


def test_markup_in_a_say() -> None:
    """Spoken markup is read for its text."""
    assert only("<Say>one <break time='1s'/><emphasis>two</emphasis></Say>").text == "one two"


def test_unknown_attributes() -> None:
    """An attribute that a verb does not have is ignored and noted, with the one that may be meant."""
    document = parse(response("<Say acton='/x'>a</Say>\n<Gather acton='/x'/>"))
    assert document.notes == (
        "line 1: <Say> has no attribute acton; it is ignored",
        "line 2: <Gather> has no attribute acton (did you mean action?); it is ignored",
    )


@pytest.mark.parametrize(
    ("inner", "verb", "attribute", "message"),
    [
        ("<say>a</say>", "say", "", "is no verb\n  hint: did you mean <Say>"),
        ("<Frobnicate/>", "Frobnicate", "", "known: Dial, Enqueue"),
        ("<Say loop='11'>a</Say>", "Say", "loop", "less than or equal to 10, not '11'"),
        ("<Say loop='often'>a</Say>", "Say", "loop", "valid integer"),
        (f"<Say>{'a' * 3001}</Say>", "Say", "", "at most 3000"),
        ("<Say><Dial/></Say>", "Say", "", "cannot hold <Dial>"),
        ("<Play/>", "Play", "", "address of a file, or digits"),
        ("<Play digits='12x'/>", "Play", "digits", "match pattern"),
        ("<Pause length='181'/>", "Pause", "length", "less than or equal to 180"),
        ("<Gather timeout='0'/>", "Gather", "timeout", "greater than or equal to 1"),
        ("<Gather input='telepathy'/>", "Gather", "input", "'dtmf' or 'speech'"),
        ("<Gather finishOnKey='x'/>", "Gather", "finishOnKey", "match pattern"),
        ("<Gather minDigits='4' maxDigits='2'/>", "Gather", "", r"minDigits \(4\) is more than maxDigits"),
        ("<Gather><Dial>1</Dial></Gather>", "Gather", "", "only Say, Play and Pause"),
        ("<Dial/>", "Dial", "", "nobody to dial"),
        ("<Dial timeout='4'>1</Dial>", "Dial", "timeout", "greater than or equal to 5"),
        ("<Dial timeLimit='59'>1</Dial>", "Dial", "timeLimit", "greater than or equal to 60"),
        ("<Dial method='PUT'>1</Dial>", "Dial", "method", "'GET' or 'POST'"),
        ("<Dial answerOnBridge='perhaps'>1</Dial>", "Dial", "answerOnBridge", "valid boolean"),
        ("<Dial><Sip>desk</Sip></Dial>", "Sip", "", "sip:user@host, not 'desk'"),
        ("<Dial><Sip/></Dial>", "Sip", "", "needs text"),
        ("<Dial><Number statusCallbackEvent='all'>1</Number></Dial>", "Number", "statusCallbackEvent", "'initiated'"),
        ("<Dial><Conference maxParticipants='1'>r</Conference></Dial>", "Conference", "maxParticipants", "equal to 2"),
        ("<Dial><Queue>a</Queue><Sip>sip:b</Sip></Dial>", "Dial", "", "cannot be dialled together"),
        ("<Dial><Say>a</Say></Dial>", "Say", "", "is a verb"),
        ("<Number>1</Number>", "Number", "", "stands inside Dial"),
        ("<Enqueue maxWaitTimeSecs='14401'>q</Enqueue>", "Enqueue", "maxWaitTimeSecs", "equal to 14400"),
        ("<Redirect/>", "Redirect", "", "needs text: the url"),
        ("<Reject reason='rude'/>", "Reject", "reason", "'rejected' or 'busy'"),
        ("<Record maxLength='0'/>", "Record", "maxLength", "greater than or equal to 1"),
    ],
)
def test_mistakes(inner: str, verb: str, attribute: str, message: str) -> None:
    """A mistake is told with its line, verb and attribute."""
    with pytest.raises(TexmlError, match=message) as caught:
        parse(f"<Response>\n  {inner}\n</Response>".encode())
    assert (caught.value.line, caught.value.verb, caught.value.attribute) == (2, verb, attribute)
    assert str(caught.value).startswith(f"line 2: <{verb}> ")
    assert not isinstance(caught.value, NotADocument)


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("<Pay/>", "not supported by the platform"),
        ("<Dial><Client>bob</Client></Dial>", "clients are dialled as <Sip>"),
        ("<Dial><Sim>DE1</Sim></Dial>", "not supported by the platform"),
        ("<Connect><Stream url='wss://x'/></Connect>", "not offered by this exchange"),
    ],
)
def test_unsupported(inner: str, message: str) -> None:
    """What the platform or this exchange lacks is told apart from a slip of the pen."""
    with pytest.raises(UnsupportedVerb, match=message):
        parse(response(inner))


def test_another_root() -> None:
    """A document starts with Response."""
    with pytest.raises(NotADocument, match="root element is <html>"):
        parse(b"<html/>")


def read(body: bytes) -> Document | TexmlError:
    try:
        return parse(body)
    except TexmlError as error:
        return error


@given(st.binary(max_size=2000))
def test_any_bytes(body: bytes) -> None:
    """Whatever the bytes, the outcome is a document or a TexmlError."""
    assert isinstance(read(body), Document | TexmlError)


@given(st.sampled_from(["utf-8", "utf-16", "idna", "punycode", "rot13", "undefined", "x"]), st.binary(max_size=200))
def test_any_encoding(encoding: str, rest: bytes) -> None:
    """Nor does the encoding that a document claims matter."""
    head = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
    assert isinstance(read(head + b"<Response>" + rest + b"</Response>"), Document | TexmlError)


words = st.text(st.characters(codec="utf-8", exclude_characters="<>&\"'\0"), max_size=20)
names = st.sampled_from([*VERBS, "Number", "Sip", "Queue", "Conference", "Client", "Pay", "b", "Response"])
attributes = st.sampled_from(["action", "timeout", "loop", "numDigits", "statusCallbackEvent", "method", "to", "line"])


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(names)
    given = "".join(f' {a}="{draw(words)}"' for a in draw(st.lists(attributes, unique=True, max_size=3)))
    inner = "".join(draw(st.lists(elements(depth - 1), max_size=2))) if depth else ""
    return f"<{name}{given}>{draw(words)}{inner}</{name}>"


@given(st.lists(elements(), max_size=4))
def test_any_elements(inner: list[str]) -> None:
    """Nor whatever stands in whatever, with attributes of any kind."""
    assert isinstance(read(response("".join(inner))), Document | TexmlError)
