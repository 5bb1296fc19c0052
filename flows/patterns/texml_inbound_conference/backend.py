"""A call from outside is greeted by a document; it waits in a conference that begins, and ends, with the operator.

A /voice                            somebody calls the number: the first document
A /menu 1                           the key: the next document
A /room participant-join
A /wait                             it waits; asked again and again
→ calls: B, the operator
B /room participant-join            the operator has answered
- /room conference-start
B /room participant-leave
A /room participant-leave
- /room conference-end              the operator has left
"""

from flows.patterns.hook import api, documents

APPLICATION = "2001"  # of botkit.yaml
OPERATOR = "sip:gencredDESK@sip.telnyx.com"
VOICE = """
<Response>
  <Say voice="woman">Welcome.</Say>
  <Gather action="/menu" numDigits="1" validDigits="12"><Play>/menu.wav</Play></Gather>
  <Hangup/>
</Response>
"""
CUSTOMER = """
<Response>
  <Dial>
    <Conference startConferenceOnEnter="false" beep="false" waitUrl="/wait" statusCallback="/room"
      statusCallbackEvent="start join leave end">{room}</Conference>
  </Dial>
</Response>
"""
WAIT = "<Response><Play>/hold_on.wav</Play></Response>"
DESK = '<Response><Dial><Conference endConferenceOnExit="true" beep="false">{room}</Conference></Dial></Response>'

asked = set()  # calls for which the operator was rung


def voice(form):
    return VOICE


def menu(form):
    return CUSTOMER.format(room=form["CallSid"])


def wait(form):  # asked again and again for as long as the call waits
    room = form["CallSid"]
    if room not in asked:
        asked.add(room)
        order = {"ApplicationSid": APPLICATION, "To": OPERATOR, "From": "+13125550100", "Texml": DESK.format(room=room)}
        api.texml.accounts.calls.calls(form["AccountSid"], body=order)
    return WAIT


def told(form):
    return ""  # a callback: nothing is asked


if __name__ == "__main__":
    documents({"/voice": voice, "/menu": menu, "/wait": wait, "/room": told})
