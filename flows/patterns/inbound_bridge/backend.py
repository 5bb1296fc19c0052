"""A call from outside is answered and greeted; a key that is pressed rings the operator, and the two are bridged.

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
→ dial B, the operator
B call.initiated
B call.answered
→ bridge B with A
B call.bridged
A call.bridged
B call.hangup normal_clearing       the operator hangs up
A call.hangup normal_clearing
"""

from flows.patterns.hook import URL, api, listen

APPLICATION = "2001"  # of botkit.yaml
OPERATOR = "sip:gencredDESK@sip.telnyx.com"
NUMBER = "+13125550100"

customer_of = {}  # the operator's leg: whom it is for


def handle(kind, leg, payload):
    if kind == "call.initiated" and payload["direction"] == "incoming":
        api.calls.actions.answer(leg)
    elif kind == "call.answered" and leg not in customer_of:
        api.calls.actions.speak(leg, payload="Welcome.", voice="female", language="en-US")
    elif kind == "call.speak.ended":
        api.calls.actions.gather_using_audio(leg, audio_url=f"{URL}/menu.wav", maximum_digits=1, valid_digits="12")
    elif kind == "call.gather.ended" and payload["status"] != "valid":
        api.calls.actions.hangup(leg)
    elif kind == "call.gather.ended":
        second = api.calls.dial(connection_id=APPLICATION, to=OPERATOR, from_=NUMBER, link_to=leg, timeout_secs=30)
        customer_of[second.data.call_control_id] = leg
    elif kind == "call.answered":
        api.calls.actions.bridge(leg, call_control_id_to_bridge_with=customer_of.pop(leg))
    elif kind == "call.hangup" and leg in customer_of:  # busy, or nobody there
        api.calls.actions.hangup(customer_of.pop(leg))


if __name__ == "__main__":
    listen(handle)
