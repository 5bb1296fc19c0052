"""A client's call is parked; it waits in a conference, which the operator joins, and which ends with the operator.

A call.initiated                    it is parked
→ answer A
A call.answered
→ create a conference with A
A conference.created
A conference.participant.joined
→ dial B, the operator
B call.initiated
B call.answered
→ join B, who ends it
B conference.participant.joined
B call.hangup normal_clearing       the operator hangs up
B conference.participant.left
A conference.participant.left
A conference.ended host_left
A call.hangup normal_clearing
"""

from flows.patterns.hook import URL, api, listen

APPLICATION = "2001"  # of botkit.yaml
OPERATOR = "sip:gencredDESK@sip.telnyx.com"
NUMBER = "+13120000001"

room_of = {}  # the operator's leg: the conference that it is to join
parked = set()


def handle(kind, leg, payload):
    if kind == "call.initiated" and payload["state"] == "parked":
        parked.add(leg)
        api.calls.actions.answer(leg)
    elif kind == "call.answered" and leg in parked:
        room = api.conferences.create(
            call_control_id=leg, name=leg, start_conference_on_create=False, hold_audio_url=f"{URL}/hold_on.wav"
        )
        second = api.calls.dial(connection_id=APPLICATION, to=OPERATOR, from_=NUMBER, link_to=leg, timeout_secs=30)
        room_of[second.data.call_control_id] = room.data.id
    elif kind == "call.answered" and leg in room_of:
        api.conferences.actions.join(
            room_of.pop(leg), call_control_id=leg, start_conference_on_enter=True, end_conference_on_exit=True
        )
    elif kind == "call.hangup" and leg in room_of:  # busy, or nobody there
        api.conferences.actions.end_conference(room_of.pop(leg))


if __name__ == "__main__":
    listen(handle)
