"""A call from outside is answered and greeted, and waits in a queue; the operator takes the head of the queue.

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
→ enqueue A
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
NUMBER = "+13125550100"

operators = set()  # their legs


def handle(kind, leg, payload):
    if kind == "call.initiated" and payload["direction"] == "incoming":
        api.calls.actions.answer(leg)
    elif kind == "call.answered" and leg not in operators:
        api.calls.actions.speak(leg, payload="Welcome.", voice="female", language="en-US")
    elif kind == "call.speak.ended":
        api.calls.actions.gather_using_audio(leg, audio_url=f"{URL}/menu.wav", maximum_digits=1, valid_digits="12")
    elif kind == "call.gather.ended" and payload["status"] != "valid":
        api.calls.actions.hangup(leg)
    elif kind == "call.gather.ended":
        api.calls.actions.enqueue(leg, queue_name="support", max_wait_time_secs=300)
    elif kind == "call.enqueued":
        api.calls.actions.start_playback(leg, audio_url=f"{URL}/hold_on.wav", loop="infinity")
        second = api.calls.dial(connection_id=APPLICATION, to=OPERATOR, from_=NUMBER, timeout_secs=30)
        operators.add(second.data.call_control_id)
    elif kind == "call.answered":
        api.calls.actions.bridge(leg, queue="support", call_control_id_to_bridge_with="the head of the queue")
    elif kind == "call.dequeued" and payload["reason"] == "timeout":
        api.calls.actions.hangup(leg)


if __name__ == "__main__":
    listen(handle)
