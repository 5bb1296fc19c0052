"""A call from outside is answered and greeted, and waits in a conference that begins, and ends, with the operator.

A call.initiated                    somebody calls the number
→ answer A
A call.answered
→ speak to A
A call.speak.started
A call.speak.ended completed
→ gather_using_audio from A
A call.playback.started
A call.playback.ended cancelled
A call.dtmf.received
A call.gather.ended valid 1         the key
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
NUMBER = "+13125550100"

room_of = {}  # the operator's leg: the conference that it is to join


def handle(kind, leg, payload):
    if kind == "call.initiated" and payload["direction"] == "incoming":
        api.calls.actions.answer(leg)
    elif kind == "call.answered" and leg not in room_of:
        api.calls.actions.speak(leg, payload="Welcome.", voice="female", language="en-US")
    elif kind == "call.speak.ended":
        api.calls.actions.gather_using_audio(leg, audio_url=f"{URL}/menu.wav", maximum_digits=1, valid_digits="12")
    elif kind == "call.gather.ended" and payload["status"] != "valid":
        api.calls.actions.hangup(leg)
    elif kind == "call.gather.ended":
        room = api.conferences.create(
            call_control_id=leg, name=leg, start_conference_on_create=False, hold_audio_url=f"{URL}/hold_on.wav"
        )
        second = api.calls.dial(connection_id=APPLICATION, to=OPERATOR, from_=NUMBER, link_to=leg, timeout_secs=30)
        room_of[second.data.call_control_id] = room.data.id
    elif kind == "call.answered":
        api.conferences.actions.join(
            room_of.pop(leg), call_control_id=leg, start_conference_on_enter=True, end_conference_on_exit=True
        )
    elif kind == "call.hangup" and leg in room_of:  # busy, or nobody there
        api.conferences.actions.end_conference(room_of.pop(leg))


if __name__ == "__main__":
    listen(handle)
