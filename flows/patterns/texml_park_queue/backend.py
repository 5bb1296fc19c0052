"""A client's call is parked by a document that lets it wait in a queue; the operator's document takes its head.

A /voice                            it is parked: the first document
A /wait                             it waits; asked again and again
→ calls: B, the operator
B /desk                             the operator has answered
A /left bridged                     the caller is still there
"""

from flows.patterns.hook import URL, api, documents

APPLICATION = "2001"  # of botkit.yaml
OPERATOR = "sip:gencredDESK@sip.telnyx.com"
CUSTOMER = '<Response><Enqueue waitUrl="/wait" action="/left">support</Enqueue></Response>'
WAIT = "<Response><Play>/hold_on.wav</Play></Response>"
DESK = "<Response><Dial><Queue>support</Queue></Dial></Response>"

asked = set()  # calls for which the operator was rung


def voice(form):
    return CUSTOMER


def wait(form):  # asked again and again for as long as the call waits
    if form["CallSid"] not in asked:
        asked.add(form["CallSid"])
        order = {"ApplicationSid": APPLICATION, "To": OPERATOR, "From": "+13120000001", "Url": f"{URL}/desk"}
        api.texml.accounts.calls.calls(form["AccountSid"], body=order)
    return WAIT


def desk(form):
    return DESK


def left(form):
    return "<Response><Hangup/></Response>"


if __name__ == "__main__":
    documents({"/voice": voice, "/wait": wait, "/desk": desk, "/left": left})
