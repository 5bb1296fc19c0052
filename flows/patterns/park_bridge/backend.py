"""A client's call is parked; it is answered, the operator is dialled, and the two are bridged.

A call.initiated                    it is parked
→ answer A
→ dial B, the operator
A call.answered
B call.initiated
B call.answered
→ bridge B with A
B call.bridged
A call.bridged
B call.hangup normal_clearing       the operator hangs up
A call.hangup normal_clearing
"""

from flows.patterns.hook import api, listen

APPLICATION = "2001"  # of botkit.yaml
OPERATOR = "sip:gencredDESK@sip.telnyx.com"
NUMBER = "+13120000001"

parked_of = {}  # the operator's leg: whom it is for


def handle(kind, leg, payload):
    if kind == "call.initiated" and payload["state"] == "parked":
        api.calls.actions.answer(leg)
        second = api.calls.dial(connection_id=APPLICATION, to=OPERATOR, from_=NUMBER, link_to=leg, timeout_secs=30)
        parked_of[second.data.call_control_id] = leg
    elif kind == "call.answered" and leg in parked_of:
        api.calls.actions.bridge(leg, call_control_id_to_bridge_with=parked_of.pop(leg))
    elif kind == "call.hangup" and leg in parked_of:  # busy, or nobody there
        api.calls.actions.hangup(parked_of.pop(leg))


if __name__ == "__main__":
    listen(handle)
