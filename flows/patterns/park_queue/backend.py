"""A client's call is parked; it waits in a queue with something to hear, and the operator takes the head of the queue.

A call.initiated                    it is parked
→ answer A
→ enqueue A
A call.answered
A call.enqueued                     it waits
→ start_playback to A
A call.playback.started
→ dial B, the operator
B call.initiated
B call.answered
→ bridge B with the head of the queue
A call.dequeued bridged             it need wait no more
A call.playback.ended cancelled
A call.bridged
B call.bridged
B call.hangup normal_clearing       the operator hangs up
A call.hangup normal_clearing
"""

from flows.patterns.hook import URL, api, listen

APPLICATION = "2001"  # of botkit.yaml
OPERATOR = "sip:gencredDESK@sip.telnyx.com"
NUMBER = "+13120000001"

operators = set()  # their legs


def handle(kind, leg, payload):
    if kind == "call.initiated" and payload["state"] == "parked":
        api.calls.actions.answer(leg)
        api.calls.actions.enqueue(leg, queue_name="support", max_wait_time_secs=300)
    elif kind == "call.enqueued":
        api.calls.actions.start_playback(leg, audio_url=f"{URL}/hold_on.wav", loop="infinity")
        second = api.calls.dial(connection_id=APPLICATION, to=OPERATOR, from_=NUMBER, timeout_secs=30)
        operators.add(second.data.call_control_id)
    elif kind == "call.answered" and leg in operators:
        api.calls.actions.bridge(leg, queue="support", call_control_id_to_bridge_with="the head of the queue")
    elif kind == "call.dequeued" and payload["reason"] == "timeout":
        api.calls.actions.hangup(leg)


if __name__ == "__main__":
    listen(handle)
