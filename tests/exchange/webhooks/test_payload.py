"""Events as data: common fields, dates, and what is refused as our own bug."""

from __future__ import annotations

import pytest

from botkit.errors import LocalProtocolError
from botkit.exchange.webhooks.payload import conference_event, iso, leg_event
from botkit.signalling.facts import InviteReceived
from tests.exchange.webhooks import sdk
from tests.exchange.webhooks.kit import OWNER, Room, Told

NOW = 1767392727.521992


def test_parked_call_in_full() -> None:
    """A client's call that is parked: everything that its leg says, in the platform's words."""
    event = leg_event(Told(), "call.initiated", {"state": "parked", "offered_codecs": "OPUS,PCMU"}, NOW)
    data = event.data
    assert (event.event_type, event.occurred_at, event.id) == ("call.initiated", NOW, data["id"])
    assert (data["record_type"], data["occurred_at"]) == ("event", "2026-01-02T22:25:27.521992Z")
    assert data["payload"] == {
        "call_control_id": "v3:Zk3bq0b1Wm8",
        "call_leg_id": "6b2e4b1c-e82a-11f0-9c1e-02420a0f7568",
        "call_session_id": "6b2e3f0a-e82a-11f0-8d55-02420a0f7568",
        "connection_id": OWNER,
        "client_state": None,
        "direction": "outgoing",
        "state": "parked",
        "from": "john1234",
        "to": "+15550001",
        "caller_id_name": "John",
        "calling_party_type": "sip",
        "from_sip_uri": "john1234@sip.telnyx.com",
        "to_sip_uri": "+15550001@sip.telnyx.com",
        "start_time": "2026-01-02T22:25:27.400000Z",
        "connection_codecs": None,
        "offered_codecs": "OPUS,PCMU",
        "custom_headers": [
            {"name": "X-RTC-CALLID", "value": "7a2b1a52-30f5-4b36-8b7b-1f66d0b2c001"},
            {"name": "X-Ticket", "value": "42"},
        ],
        "sip_headers": [{"name": "User-to-User", "value": "00c8"}],
        "tags": [],
        "shaken_stir_attestation": None,
        "shaken_stir_validated": None,
        "call_screening_result": None,
    }


def test_envelope_counts_and_names() -> None:
    """Each try says which it is and where it went; the event stays the same."""
    event = leg_event(Told(), "call.bridged", {}, NOW)
    one, two = (event.envelope(attempt=n, delivered_to=f"http://{n}/") for n in (1, 2))
    assert one["data"] == two["data"]
    assert (one["meta"], two["meta"]) == (
        {"attempt": 1, "delivered_to": "http://1/"},
        {"attempt": 2, "delivered_to": "http://2/"},
    )


def test_leg_of_which_little_is_known() -> None:
    """Null stands for what is not known; a leg that has not started starts now, one that ends has ended now."""
    leg = Told(
        name="", party_type="", calling="", called="sip:bob@sip.telnyx.com", started=0.0, headers=(), inbound=False
    )
    payload = leg_event(leg, "call.hangup", {}, NOW).data["payload"]
    unknown = ("caller_id_name", "calling_party_type", "from_sip_uri", "call_quality_stats")
    assert [payload[name] for name in unknown] == [None] * 4
    assert payload["to_sip_uri"] == "bob@sip.telnyx.com"
    assert payload["start_time"] == payload["end_time"] == iso(NOW)
    assert (payload["custom_headers"], payload["state"], payload["hangup_cause"]) == ([], "hangup", "unspecified")


OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0 9 101 126\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=rtcp-mux\r\na=setup:actpass\r\n"
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
)


@pytest.mark.parametrize(("offer", "codecs"), [(OFFER, "OPUS,PCMU,G722"), ("v=0\r\n", None), ("nonsense", None)])
def test_codecs_of_the_client(offer: str, codecs: str | None) -> None:
    """What the client offered is told, best first; an offer that cannot be read is told of without."""
    leg = Told(invite=InviteReceived("k-1", sdp=offer))
    assert leg_event(leg, "call.initiated", {}, NOW).data["payload"]["offered_codecs"] == codecs


def test_headers_of_a_dialled_leg() -> None:
    """A leg that we dialled has no client's id; a client that says its id itself is not contradicted."""
    headers = leg_event(Told(inbound=False), "call.initiated", {}, NOW).data["payload"]["custom_headers"]
    assert headers == [{"name": "X-Ticket", "value": "42"}]
    said = Told(headers=(("X-RTC-CALLID", "mine"),))
    headers = leg_event(said, "call.initiated", {}, NOW).data["payload"]["custom_headers"]
    assert headers == [{"name": "X-RTC-CALLID", "value": "mine"}]


def test_client_state_is_the_newest() -> None:
    """An event has the client state of its moment, letter by letter."""
    leg = Told(client_state="b25l")
    before = leg_event(leg, "call.speak.started", {}, NOW)
    leg.client_state = "dHdv=="
    assert before.data["payload"]["client_state"] == "b25l"
    assert leg_event(leg, "call.speak.ended", {}, NOW).data["payload"]["client_state"] == "dHdv=="


def test_activities_have_no_numbers() -> None:
    """`from` and `to` stand where the SDK's types have them, and nowhere else."""
    assert "from" not in leg_event(Told(), "call.enqueued", {}, NOW).data["payload"]
    assert "from" in leg_event(Told(), "call.dtmf.received", {"digit": "5"}, NOW).data["payload"]


def test_room_and_its_creator() -> None:
    """A conference's events carry the ids and the client state of the leg that created it."""
    payload = conference_event(Room(), "conference.ended", {"reason": "host_left"}, NOW).data["payload"]
    assert (payload["call_control_id"], payload["client_state"]) == ("v3:Zk3bq0b1Wm8", "Y3JlYXRvcg==")
    assert (payload["conference_id"], payload["reason"]) == ("3fa85f55-0a1b-4f0e-8a2f-5a7f1d2a0001", "host_left")


def test_member_of_a_room() -> None:
    """Who joins is named by the ids of its own leg, with the creator's client state."""
    member = Told(control_id="v3:bob", leg_id="leg-b", session_id="ses-b", client_state="Ym9i")
    payload = conference_event(Room(), "conference.participant.joined", {}, NOW, member=member).data["payload"]
    ids = ("call_control_id", "call_leg_id", "call_session_id", "client_state")
    assert [payload[name] for name in ids] == ["v3:bob", "leg-b", "ses-b", "Y3JlYXRvcg=="]


@pytest.mark.parametrize(
    ("event_type", "in_data", "in_payload"),
    [
        ("conference.created", True, True),
        ("conference.participant.joined", True, True),
        ("conference.playback.started", True, True),
        ("conference.participant.speak.ended", True, True),
        ("conference.speak.started", False, True),
        ("conference.speak.ended", False, True),
    ],
)
def test_where_a_room_is_dated(event_type: str, in_data: bool, in_payload: bool) -> None:
    """Conference events have `occurred_at` at both places, those of `conference.speak` in the payload only."""
    data = conference_event(Room(), event_type, {}, NOW, member=Told()).data
    assert ("occurred_at" in data, "occurred_at" in data["payload"]) == (in_data, in_payload)


def test_a_leg_is_dated_once() -> None:
    """Events of a leg have `occurred_at` beside the payload."""
    data = leg_event(Told(), "call.answered", {}, NOW).data
    assert data["occurred_at"] == iso(NOW)
    assert "occurred_at" not in data["payload"]


def test_speaking_to_a_room_names_no_leg() -> None:
    """What is spoken to all carries the creator's session and no leg."""
    payload = conference_event(Room(), "conference.speak.started", {}, NOW).data["payload"]
    assert payload.keys() == {"conference_id", "connection_id", "creator_call_session_id", "occurred_at"}


def test_records_are_filled() -> None:
    """A member of an object that is not given is null."""
    fields = {"recording_urls": {"wav": "http://x/1.wav"}, "channels": "dual", "recording_started_at": iso(NOW)}
    fields["recording_ended_at"] = NOW + 1
    payload = leg_event(Told(), "call.recording.saved", fields, NOW).data["payload"]
    assert payload["recording_urls"] == {"mp3": None, "wav": "http://x/1.wav"}
    assert (payload["recording_started_at"], payload["recording_ended_at"]) == (iso(NOW), iso(NOW + 1))
    assert payload["public_recording_urls"] is None


@pytest.mark.parametrize(
    ("event_type", "fields", "says"),
    [
        ("call.hangup", {"hangup_cause": "user_is_asleep"}, "user_is_asleep"),
        ("call.hangup", {"hangup_source": "nobody"}, "one of caller, callee, unknown"),
        ("call.speak.ended", {"status": "cancelled"}, "cancelled"),
        ("call.gather.ended", {"digits": 12}, "digits cannot be 12"),
        ("call.enqueued", {"current_position": True}, "current_position cannot be True"),
        ("call.bridged", {"digit": "1"}, "no field digit"),
        ("call.bridged", {"start_time": "yesterday"}, "start_time cannot be 'yesterday'"),
        ("call.bridged", {"client_state": "eA=="}, "no field client_state"),
        ("call.parked", {}, "call.parked is no event of a leg"),
        ("conference.created", {}, "no event of a leg"),
        ("streaming.failed", {"stream_params": {"track": "all"}}, r"stream_params\.track cannot be 'all'"),
        ("streaming.failed", {"stream_params": {"url": "x"}}, "no member url"),
    ],
)
def test_what_is_not_legal_is_our_bug(event_type: str, fields: dict[str, object], says: str) -> None:
    """A word, a type, a field or an event that the table does not have raises at once, and says what it is."""
    with pytest.raises(LocalProtocolError, match=says):
        leg_event(Told(), event_type, fields, NOW)


def test_room_events_need_their_member() -> None:
    """An event about a member without one, and a leg's event of a room, are bugs too."""
    with pytest.raises(LocalProtocolError, match="none is named"):
        conference_event(Room(), "conference.participant.left", {}, NOW)
    with pytest.raises(LocalProtocolError, match="no event of a conference"):
        conference_event(Room(), "call.answered", {}, NOW)


def test_why_words_matter() -> None:
    """The SDK takes an event with a word of its own invention for another class: hence the checks above."""
    event = leg_event(Told(), "call.hangup", {}, NOW)
    assert type(sdk.parsed(event)).__name__ == "CallHangupWebhookEvent"
    event.data["payload"]["hangup_cause"] = "user_is_asleep"
    assert type(sdk.parsed(event)).__name__ != "CallHangupWebhookEvent"
