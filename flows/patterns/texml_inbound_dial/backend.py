"""A call from outside is greeted by a document and asked for a key; the next document dials the operator.

A /voice                            somebody calls the number: the first document
A /menu 1                           the key: the next document
B /leg in-progress                  the operator has answered
B /leg completed                    the operator has hung up
A /after completed                  the caller is still there
"""

from flows.patterns.hook import documents

VOICE = """
<Response>
  <Say voice="woman">Welcome.</Say>
  <Gather action="/menu" numDigits="1" validDigits="12"><Play>/menu.wav</Play></Gather>
  <Hangup/>
</Response>
"""
MENU = """
<Response>
  <Dial timeout="30" action="/after" callerId="+13125550100">
    <Sip statusCallback="/leg" statusCallbackEvent="answered completed">sip:gencredDESK@sip.telnyx.com</Sip>
  </Dial>
</Response>
"""


def voice(form):
    return VOICE


def menu(form):
    return MENU


def after(form):
    return "<Response><Hangup/></Response>"


def told(form):
    return ""  # a callback: nothing is asked


if __name__ == "__main__":
    documents({"/voice": voice, "/menu": menu, "/after": after, "/leg": told})
