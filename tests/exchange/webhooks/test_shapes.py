"""The table of events against the official SDK: each parses to its own class, with all its values."""

from __future__ import annotations

import pytest

from botkit.exchange.webhooks.payload import Event, conference_event, leg_event
from botkit.exchange.webhooks.shapes import EVENTS, NOT_SENT, About, Field, Kind
from tests.exchange.webhooks import sdk
from tests.exchange.webhooks.kit import Room, Told

NOW = 1767392727.521992

CLASSES = {
    "call.initiated": "CallInitiatedWebhookEvent",
    "call.answered": "CallAnsweredWebhookEvent",
    "call.bridged": "CallBridgedWebhookEvent",
    "call.hangup": "CallHangupWebhookEvent",
    "call.hold": "CallHoldWebhookEvent",
    "call.unhold": "CallUnholdWebhookEvent",
    "call.dtmf.received": "CallDtmfReceivedWebhookEvent",
    "call.gather.ended": "CallGatherEndedWebhookEvent",
    "call.speak.started": "CallSpeakStartedWebhookEvent",
    "call.speak.ended": "CallSpeakEndedWebhookEvent",
    "call.playback.started": "CallPlaybackStartedWebhookEvent",
    "call.playback.ended": "CallPlaybackEndedWebhookEvent",
    "call.enqueued": "CallEnqueuedWebhookEvent",
    "call.dequeued": "CallLeftQueueWebhookEvent",
    "call.recording.saved": "CallRecordingSavedWebhookEvent",
    "call.recording.error": "CallRecordingErrorWebhookEvent",
    "call.machine.detection.ended": "CallMachineDetectionEndedWebhookEvent",
    "call.machine.greeting.ended": "CallMachineGreetingEndedWebhookEvent",
    "call.machine.premium.detection.ended": "CallMachinePremiumDetectionEndedWebhookEvent",
    "call.machine.premium.greeting.ended": "CallMachinePremiumGreetingEndedWebhookEvent",
    "call.refer.started": "CallReferStartedWebhookEvent",
    "call.refer.completed": "CallReferCompletedWebhookEvent",
    "call.refer.failed": "CallReferFailedWebhookEvent",
    "streaming.started": "CallStreamingStartedWebhookEvent",
    "streaming.stopped": "CallStreamingStoppedWebhookEvent",
    "streaming.failed": "CallStreamingFailedWebhookEvent",
    "conference.created": "ConferenceCreatedWebhookEvent",
    "conference.ended": "ConferenceEndedWebhookEvent",
    "conference.participant.joined": "ConferenceParticipantJoinedWebhookEvent",
    "conference.participant.left": "ConferenceParticipantLeftWebhookEvent",
    "conference.speak.started": "ConferenceSpeakStartedWebhookEvent",
    "conference.speak.ended": "ConferenceSpeakEndedWebhookEvent",
    "conference.playback.started": "ConferencePlaybackStartedWebhookEvent",
    "conference.playback.ended": "ConferencePlaybackEndedWebhookEvent",
    "conference.participant.speak.started": "ConferenceParticipantSpeakStartedWebhookEvent",
    "conference.participant.speak.ended": "ConferenceParticipantSpeakEndedWebhookEvent",
    "conference.participant.playback.started": "ConferenceParticipantPlaybackStartedWebhookEvent",
    "conference.participant.playback.ended": "ConferenceParticipantPlaybackEndedWebhookEvent",
    "conference.recording.saved": "ConferenceRecordingSavedWebhookEvent",
}


def sample(row: Field, word: int = 0) -> object:
    """A value for a field, none of it null."""
    if row.words:
        return row.words[word % len(row.words)]
    plain: dict[Kind, object] = {
        Kind.TEXT: "text",
        Kind.NUMBER: 7,
        Kind.FLAG: True,
        Kind.TIME: NOW,
        Kind.LIST: ("tag",),
        Kind.HEADERS: (("User-to-User", "1"),),
    }
    if row.kind is Kind.RECORD:
        return {name: sample(member, word) for name, member in row.members.items()}
    return plain[row.kind]


def event(event_type: str, fields: dict[str, object]) -> Event:
    shape = EVENTS[event_type]
    if shape.about is About.LEG:
        return leg_event(Told(), event_type, fields, NOW)
    member = Told(control_id="v3:member") if shape.about is About.MEMBER else None
    return conference_event(Room(), event_type, fields, NOW, member=member)


def test_every_event_has_its_class() -> None:
    """Nothing in the table goes without a proof but `conference.floor.changed`, which no class fits."""
    assert EVENTS.keys() - CLASSES.keys() == {"conference.floor.changed"}
    assert CLASSES.keys() <= EVENTS.keys()


@pytest.mark.parametrize("event_type", CLASSES)
def test_full_event_is_parsed_to_its_class(event_type: str) -> None:
    """With every field given, for each of its words."""
    rows = EVENTS[event_type].fields
    for word in range(max([1, *(len(row.words) for row in rows.values())])):
        fields = {name: sample(row, word) for name, row in rows.items()}
        got = sdk.parsed(event(event_type, fields))
        assert type(got).__name__ == CLASSES[event_type]
        said = got.data.payload.to_dict()
        for name, row in rows.items():
            if row.kind in (Kind.TEXT, Kind.NUMBER, Kind.FLAG):
                assert said[name] == fields[name], name


@pytest.mark.parametrize("event_type", CLASSES)
def test_bare_event_is_parsed_to_its_class(event_type: str) -> None:
    """With nothing but what its leg and its room say: every field is there, null when unknown."""
    one = event(event_type, {})
    got = sdk.parsed(one)
    assert type(got).__name__ == CLASSES[event_type]
    assert EVENTS[event_type].fields.keys() <= one.data["payload"].keys()
    assert got.data.payload is not None
    assert got.data.event_type == event_type


@pytest.mark.parametrize("event_type", CLASSES)
def test_every_field_of_the_sdk_is_sent(event_type: str) -> None:
    """No field of the SDK's payload type is missing."""
    payload = event(event_type, {}).data["payload"]
    assert sdk.payload_fields(CLASSES[event_type]).keys() <= payload.keys()


@pytest.mark.parametrize("event_type", CLASSES)
def test_words_are_those_of_the_sdk(event_type: str) -> None:
    """A field has words exactly where the SDK's type has them, and no other ones."""
    fields = sdk.payload_fields(CLASSES[event_type])
    for name, row in EVENTS[event_type].fields.items():
        if name in fields:
            legal = sdk.literals(fields[name].annotation)
            assert set(row.words) <= set(legal), name
            assert bool(row.words) == bool(legal), name


def test_types_that_are_not_sent_exist() -> None:
    """What a command may name a URL for is a type of the SDK (or `call.sip_info.received`), and in one list only."""
    assert set(NOT_SENT) - {"call.sip_info.received"} <= sdk.event_types()
    assert not EVENTS.keys() & set(NOT_SENT)
