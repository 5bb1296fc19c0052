"""A client's call is parked by a document that dials the operator; it is answered when the operator answers.

A /voice                            it is parked: the first document
B /leg in-progress                  the operator has answered
B /leg completed                    the operator has hung up
A /after completed                  the caller is still there
"""

from flows.patterns.hook import documents

VOICE = """
<Response>
  <Dial answerOnBridge="true" timeout="30" action="/after" callerId="+13120000001">
    <Sip statusCallback="/leg" statusCallbackEvent="answered completed">sip:gencredDESK@sip.telnyx.com</Sip>
  </Dial>
</Response>
"""


def voice(form):
    return VOICE


def after(form):
    return "<Response><Hangup/></Response>"


def told(form):
    return ""  # a callback: nothing is asked


if __name__ == "__main__":
    documents({"/voice": voice, "/after": after, "/leg": told})
