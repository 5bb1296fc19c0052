"""A client's call is parked, and transferred to the operator in one command; it is answered when the operator answers.

A call.initiated                    it is parked
→ transfer A
B call.initiated
B call.answered
A call.answered
A call.bridged
B call.bridged
B call.hangup normal_clearing       the operator hangs up
A call.hangup normal_clearing
"""

from flows.patterns.hook import api, listen

OPERATOR = "sip:gencredDESK@sip.telnyx.com"

parked = {}  # by their call session: the clients' legs, until they are bridged


def handle(kind, leg, payload):
    session = payload["call_session_id"]
    if kind == "call.initiated" and payload["state"] == "parked":
        parked[session] = leg
        api.calls.actions.transfer(leg, to=OPERATOR, timeout_secs=30)
    elif kind == "call.bridged":
        parked.pop(session, None)
    elif kind == "call.hangup" and parked.get(session) not in (leg, None):  # busy, or nobody there
        api.calls.actions.reject(parked.pop(session), cause="USER_BUSY")


if __name__ == "__main__":
    listen(handle)
