"""A call from outside is greeted by a document, and waits in a queue; the operator's document takes its head.

A /voice                            somebody calls the number: the first document
A /menu 1                           the key: the next document
A /wait                             it waits; asked again and again
→ calls: B, the operator
B /desk                             the operator has answered
A /left bridged                     the caller is still there
"""

from flows.patterns.hook import URL, api, documents

APPLICATION = "2001"  # of botkit.yaml
OPERATOR = "sip:gencredDESK@sip.telnyx.com"
VOICE = """
<Response>
  <Say voice="woman">Welcome.</Say>
  <Gather action="/menu" numDigits="1" validDigits="12"><Play>/menu.wav</Play></Gather>
  <Hangup/>
</Response>
"""
CUSTOMER = '<Response><Enqueue waitUrl="/wait" action="/left">support</Enqueue></Response>'
WAIT = "<Response><Play>/hold_on.wav</Play></Response>"
DESK = "<Response><Dial><Queue>support</Queue></Dial></Response>"

asked = set()  # calls for which the operator was rung


def voice(form):
    return VOICE


def menu(form):
    return CUSTOMER


def wait(form):  # asked again and again for as long as the call waits
    if form["CallSid"] not in asked:
        asked.add(form["CallSid"])
        order = {"ApplicationSid": APPLICATION, "To": OPERATOR, "From": "+13125550100", "Url": f"{URL}/desk"}
        api.texml.accounts.calls.calls(form["AccountSid"], body=order)
    return WAIT


def desk(form):
    return DESK


def left(form):
    return "<Response><Hangup/></Response>"


if __name__ == "__main__":
    documents({"/voice": voice, "/menu": menu, "/wait": wait, "/desk": desk, "/left": left})
