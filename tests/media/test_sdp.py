import contextlib
import dataclasses
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.media import negotiation, sdp
from botkit.media.negotiation import NoCommonCodec, Transport
from botkit.media.sdp import Description, Direction, Format, SdpError, Setup

DATA = Path(__file__).parent.parent / "data" / "sdp"
SAMPLES = sorted(path.stem for path in DATA.glob("*.sdp"))
FINGERPRINT = ":".join(["AB"] * 32)


def sample(name: str) -> str:
    return (DATA / f"{name}.sdp").read_bytes().decode()


def ours(port: int = 40000, ssrc: int = 1234) -> Transport:
    candidate = f"1 1 udp 2130706431 127.0.0.1 {port} typ host"
    return Transport("Ab12", "0123456789abcdefghijklmn", FINGERPRINT, (candidate,), ssrc)


def names(formats: tuple[Format, ...]) -> list[str]:
    return [f"{one.payload_type} {one.name}/{one.clock_rate}" for one in formats]


# --- reading -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_real_descriptions_have_usable_audio(name: str) -> None:
    """What browsers and FreeSWITCH write can be used."""
    audio = sdp.parse(sample(name)).audio
    assert audio.ice_ufrag
    assert audio.udp_candidates
    assert audio.fingerprints
    assert audio.formats[0].name == ("PCMU" if "pcmu" in name else "opus")


@pytest.mark.parametrize("name", SAMPLES)
def test_printing_loses_nothing_that_was_read(name: str) -> None:
    """Read, printed and read again is the same."""
    once = sdp.parse(sample(name))
    assert sdp.parse(sdp.print(once)) == once


def test_browser_offer_in_detail() -> None:
    """Numbers, mid, setup, SSRC and candidates are those of the text."""
    offer = sdp.parse(sample("chromium-offer"))
    audio = offer.audio
    assert (offer.bundle, audio.mid, audio.setup, audio.direction) == (("0",), "0", Setup.ACTPASS, Direction.SENDRECV)
    assert audio.ssrc == 788225999
    assert audio.cname == "k/BV3VZ9kfIvIBqF"
    assert "111 opus/48000" in names(audio.formats)
    assert "126 telephone-event/8000" in names(audio.formats)
    assert audio.formats[0].parameters == "minptime=10;useinbandfec=1"
    assert len(audio.candidates) == 8
    assert len(audio.udp_candidates) == 4


def test_media_level_wins_over_session_level() -> None:
    """Credentials, fingerprint and direction of the session hold where the m-line has none."""
    text = sample("chromium-offer").replace("a=sendrecv\r\n", "").replace("a=setup:actpass\r\n", "")
    text = text.replace("a=extmap-allow-mixed", "a=sendonly\r\na=setup:passive\r\na=ice-ufrag:nobody")
    audio = sdp.parse(text).audio
    assert (audio.direction, audio.setup, audio.ice_ufrag) == (Direction.SENDONLY, Setup.PASSIVE, "4Umg")


def test_everything_at_session_level() -> None:
    """An m-line with nothing of its own takes ICE and DTLS from the session."""
    session = f"a=ice-ufrag:u\na=ice-pwd:p\na=fingerprint:SHA-256 {FINGERPRINT.lower()}\na=setup:active\n"
    text = "v=0\no=- 1 2 IN IP4 1.2.3.4\ns=x\nc=IN IP4 5.6.7.8\nt=0 0\n" + session
    audio = sdp.parse(text + "m=audio 5 RTP/SAVPF 0 8\na=rtcp-mux\n").audio
    assert (audio.ice_ufrag, audio.ice_pwd, audio.setup, audio.host) == ("u", "p", Setup.ACTIVE, "5.6.7.8")
    assert audio.fingerprints == (("sha-256", FINGERPRINT),)


def test_static_numbers_need_no_rtpmap() -> None:
    """0 and 8 are PCMU and PCMA by RFC 3551."""
    text = sample("freeswitch-answer-pcmu").replace("a=rtpmap:0 PCMU/8000\r\n", "")
    assert sdp.parse(text).audio.formats[0] == Format(0, "PCMU", 8000)


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_any_line_ending(ending: str) -> None:
    """CRLF is the rule, and the others are read as well."""
    text = sample("chromium-offer")
    assert sdp.parse(text.replace("\r\n", ending)) == sdp.parse(text)


@pytest.mark.parametrize(
    ("find", "put", "says"),
    [
        ("v=0", "v=1", "begins with v=0"),
        ("t=0 0", "hello", "line 4"),
        ("m=audio 34059", "m=audio", "line 8 is not m="),
        ("m=audio 34059", "m=audio 99999", "line 8 is not m="),
        ("c=IN IP4 127.0.0.1", "c=127.0.0.1", "line 9 is not c="),
        ("a=setup:actpass", "a=setup:maybe", "none of actpass"),
        ("opus/48000/2", "opus", "a=rtpmap:111 opus"),
        ("a=fingerprint:sha-256 78:", "a=fingerprint:sha-256 zz:", "a=fingerprint"),
        ("m=audio 34059", "m=audio 0", "audio refused by port 0"),
        ("m=audio", "m=video", r"no audio \(video\)"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "audio over RTP/AVP"),
        ("a=ice-ufrag:4Umg\r\n", "", "ice-ufrag"),
        ("a=rtcp-mux\r\n", "", "rtcp-mux"),
    ],
)
def test_errors_say_what_is_wrong(find: str, put: str, says: str) -> None:
    """Each defect has its own words, with the line where there is one."""
    text = sample("chromium-offer")
    assert find in text
    with pytest.raises(SdpError, match=says):
        _ = sdp.parse(text.replace(find, put)).audio


def test_fingerprint_is_needed() -> None:
    """Without a fingerprint DTLS proves nothing."""
    lines = [line for line in sample("chromium-offer").splitlines() if "fingerprint" not in line]
    with pytest.raises(SdpError, match="fingerprint"):
        _ = sdp.parse("\r\n".join(lines)).audio


def test_bundle_only_is_not_refused() -> None:
    """Port 0 together with a=bundle-only is a live m-line."""
    text = sample("chromium-offer").replace("m=audio 34059", "m=audio 0").replace("a=mid:0", "a=mid:0\r\na=bundle-only")
    assert sdp.parse(text).audio.bundle_only


def use(text: str) -> None:
    with contextlib.suppress(SdpError):
        description = sdp.parse(text)
        sdp.parse(str(description))
        negotiation.agree(negotiation.answer(description, ours()), description, we_answered=True)


@given(st.text() | st.text().map(lambda tail: "v=0\n" + tail))
def test_garbage_raises_its_own_error_only(text: str) -> None:
    """Any text gives a description or an SdpError."""
    use(text)


LINE = st.builds(
    lambda head, tail: head + tail,
    st.sampled_from(
        [
            "m=audio ",
            "m=audio 9 RTP/SAVPF ",
            "a=rtpmap:",
            "a=rtpmap:0 ",
            "a=fmtp:0 ",
            "a=mid:",
            "a=setup:",
            "a=fingerprint:",
            "a=ssrc:",
            "a=ptime:",
            "c=IN IP4 ",
            "a=candidate:",
            "a=group:BUNDLE ",
            "o=- ",
            "s=",
            "a=",
            "a=ice-pwd:",
            "a=ice-ufrag:",
            "a=sendonly",
            "a=bundle-only",
            "a=rtcp-mux",
        ]
    ),
    st.text(st.sampled_from("0123456789:/ .abcPCMU²٣"), max_size=12),
)


@given(st.lists(LINE, max_size=12).map(lambda lines: "v=0\r\n" + "\r\n".join(lines)))
def test_near_misses_raise_its_own_error_only(text: str) -> None:
    """Lines with sound beginnings and broken ends too."""
    use(text)


def test_mutated_offers_raise_its_own_error_only() -> None:
    """A real offer with bytes changed, lines dropped or moved is read, or refused as such."""
    draw = random.Random(3)
    text = sample("chromium-offer-video-data")
    for _ in range(300):
        characters = list(text)
        for _ in range(draw.randrange(1, 8)):
            characters[draw.randrange(len(characters))] = draw.choice("0 9:=/am\r\n\x00é")
        lines = "".join(characters).split("\r\n")
        if draw.random() < 0.5:
            del lines[draw.randrange(len(lines))]
        use("\r\n".join(lines))


# --- offers ------------------------------------------------------------------------------------------


def test_our_offer() -> None:
    """It has what signalling needs, line by line, each ended by CRLF."""
    text = str(negotiation.offer(ours(), session_id=77))
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")
    for line in (
        "o=- 77 1 IN IP4 127.0.0.1",
        "a=group:BUNDLE 0",
        "m=audio 40000 UDP/TLS/RTP/SAVPF 0 8 9 111 101 110",
        "a=mid:0",
        "a=setup:actpass",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=ptime:20",
        "a=sendrecv",
        "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host",
        "a=end-of-candidates",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=ssrc:1234 cname:botkit",
    ):
        assert line in text.split("\r\n")


def test_offer_order_is_the_callers() -> None:
    """Codecs stand in the order asked for; events without their own clock rate stay away."""
    assert names(negotiation.offer(ours(), ["opus", "PCMU"]).audio.formats)[:2] == ["111 opus/48000", "0 PCMU/8000"]
    assert names(negotiation.offer(ours(), ["pcma"]).audio.formats) == ["8 PCMA/8000", "101 telephone-event/8000"]
    assert names(negotiation.offer(ours(), ["PCMA"], events=False).audio.formats) == ["8 PCMA/8000"]


def test_an_unknown_codec_is_not_offered() -> None:
    """A codec that we do not have, and no codec at all, are refused."""
    with pytest.raises(SdpError, match="GSM"):
        negotiation.offer(ours(), ["GSM"])
    with pytest.raises(SdpError, match="at least one"):
        negotiation.offer(ours(), [])


# --- answers -----------------------------------------------------------------------------------------


def test_answer_to_a_browser() -> None:
    """One codec by the offer's number, its telephone-event, the mid echoed, DTLS active."""
    offer = sdp.parse(sample("chromium-offer"))
    answer = negotiation.answer(offer, ours(), ["PCMU", "opus"])
    assert names(answer.audio.formats) == ["111 opus/48000", "110 telephone-event/48000"]
    assert (answer.bundle, answer.audio.mid, answer.audio.setup) == (("0",), "0", Setup.ACTIVE)
    assert "m=audio 40000 UDP/TLS/RTP/SAVPF 111 110" in str(answer)


def test_the_answerers_order_where_asked() -> None:
    """With prefer_ours the first of our codecs wins, else the first of the offer."""
    offer = sdp.parse(sample("chromium-offer"))
    answer = negotiation.answer(offer, ours(), ["PCMU", "opus"], prefer_ours=True)
    assert names(answer.audio.formats) == ["0 PCMU/8000", "126 telephone-event/8000"]
    every = negotiation.answer(offer, ours(), ["PCMU", "opus"], every_codec=True)
    assert names(every.audio.formats) == ["111 opus/48000", "0 PCMU/8000", "110 telephone-event/48000"]


def test_other_m_lines_are_refused() -> None:
    """Video and data keep their place and kind, with port 0, outside the bundle."""
    offer = sdp.parse(sample("chromium-offer-video-data"))
    answer = negotiation.answer(offer, ours())
    assert [(media.kind, media.port, media.mid) for media in answer.media] == [
        ("audio", 40000, "0"),
        ("video", 0, "1"),
        ("application", 0, "2"),
    ]
    assert answer.bundle == ("0",)
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n" in str(answer)
    assert sdp.parse(str(answer)) == answer


def test_answer_to_freeswitch() -> None:
    """An offer without mid gets one and no bundle; its profile is kept; no events where none were offered."""
    answer = negotiation.answer(sdp.parse(sample("freeswitch-offer")), ours(), ["PCMU"])
    assert (answer.bundle, answer.audio.mid, answer.audio.protocol) == ((), "0", "RTP/SAVPF")
    assert names(answer.audio.formats) == ["0 PCMU/8000"]


def test_events_of_another_clock_are_better_than_none() -> None:
    """FreeSWITCH pairs opus with telephone-event/8000."""
    offer = sdp.parse(sample("client-offer"))
    assert names(negotiation.answer(offer, ours(), ["opus"]).audio.formats) == [
        "96 opus/48000",
        "101 telephone-event/8000",
    ]


@pytest.mark.parametrize(
    ("offered", "wanted", "answered"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
    ],
)
def test_direction_of_the_answer(offered: str, wanted: str, answered: str) -> None:
    """We send only where they receive, and the other way round."""
    text = sample("chromium-offer").replace("a=sendrecv", f"a={offered}")
    assert negotiation.answer(sdp.parse(text), ours(), direction=Direction(wanted)).audio.direction == answered


@pytest.mark.parametrize(("offered", "answered"), [("actpass", "active"), ("active", "passive"), ("passive", "active")])
def test_setup_of_the_answer(offered: str, answered: str) -> None:
    """One of both begins DTLS, we where we may."""
    text = sample("chromium-offer").replace("a=setup:actpass", f"a=setup:{offered}")
    assert negotiation.answer(sdp.parse(text), ours()).audio.setup == answered


def test_holdconn_cannot_be_answered() -> None:
    """An offer that wants no connection yet is refused."""
    with pytest.raises(SdpError, match="holdconn"):
        negotiation.answer(sdp.parse(sample("chromium-offer").replace("setup:actpass", "setup:holdconn")), ours())


def test_no_codec_in_common() -> None:
    """The error names both sides' codecs."""
    with pytest.raises(NoCommonCodec, match="offered PCMU; known here opus"):
        negotiation.answer(sdp.parse(sample("freeswitch-answer-pcmu")), ours(), ["opus"])


# --- both together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
def test_offer_and_answer_agree(codec: str) -> None:
    """Both ends come to the same codec and events, and to opposite DTLS roles."""
    offer = sdp.parse(str(negotiation.offer(ours(1))))
    answer = negotiation.complete(offer, sdp.parse(str(negotiation.answer(offer, ours(2), [codec]))))
    caller = negotiation.agree(offer, answer, we_answered=False)
    callee = negotiation.agree(answer, offer, we_answered=True)
    assert caller.send == callee.send
    assert caller.send.name == codec
    assert caller.events == callee.events
    assert caller.events is not None
    assert caller.events.clock_rate == caller.send.clock_rate
    assert (caller.dtls_client, callee.dtls_client) == (False, True)
    assert caller.sends
    assert caller.receives


@pytest.mark.parametrize("name", ["freeswitch-answer-opus", "freeswitch-answer-pcmu"])
def test_freeswitch_answers_get_our_mid(name: str) -> None:
    """The answer without mid gets the offer's."""
    offer = negotiation.offer(ours(), ["opus", "PCMU"])
    renumbered = sample(name).replace("RTP/SAVPF 96", "RTP/SAVPF 111").replace(":96 ", ":111 ")
    answer = negotiation.complete(offer, sdp.parse(renumbered))
    assert answer.audio.mid == "0"
    agreement = negotiation.agree(offer, answer, we_answered=False)
    assert agreement.send.name.lower() in name
    assert agreement.events == Format(101, "telephone-event", 8000)
    assert not agreement.dtls_client


def test_asymmetric_numbers() -> None:
    """We send by the numbers that they want and receive by ours (RFC 3264 6.1)."""
    offer = negotiation.offer(ours(), ["opus"])
    answer = negotiation.complete(offer, sdp.parse(sample("freeswitch-answer-opus")))
    agreement = negotiation.agree(offer, answer, we_answered=False)
    assert agreement.send.payload_type == 96
    assert [one.payload_type for one in agreement.receive] == [111, 101]


def test_hold_stops_a_direction() -> None:
    """After a sendonly offer the answerer receives and does not send."""
    offer = negotiation.offer(ours(1), direction=Direction.SENDONLY, version=2)
    answer = negotiation.answer(offer, ours(2))
    agreement = negotiation.agree(answer, offer, we_answered=True)
    assert (agreement.sends, agreement.receives) == (False, True)


def change(description: Description, **changes: object) -> Description:
    media = dataclasses.replace(description.media[0], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(description, media=(media,))


def test_answers_that_do_not_fit() -> None:
    """Other m-lines, another mid, no DTLS role, none of our codecs: each is refused."""
    offer = negotiation.offer(ours())
    answer = negotiation.answer(offer, ours())
    with pytest.raises(SdpError, match="m-lines"):
        negotiation.complete(offer, dataclasses.replace(answer, media=()))
    with pytest.raises(SdpError, match="mid"):
        negotiation.complete(offer, change(answer, mid="1"))
    with pytest.raises(SdpError, match="setup"):
        negotiation.complete(offer, change(answer, setup=Setup.ACTPASS))
    with pytest.raises(NoCommonCodec):
        negotiation.agree(offer, change(answer, formats=(Format(3, "GSM", 8000),)), we_answered=False)
