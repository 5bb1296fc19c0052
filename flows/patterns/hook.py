"""What every backend here needs: the official SDK, pointed at the exchange, and a web server that it is told by.

`listen(handle)` is for the Voice API: `handle(kind, leg, payload)` is called for one webhook after the other.
`documents(pages)` is for TeXML: the page of a path gets the form that was posted, and returns the document.
Both check signatures, write down what came (`A` is the leg that was seen first, `B` the second), and serve the
recordings in `audio/` to whoever asks for `/NAME.wav`. The defaults are those of the botkit.yaml files beside this one.
"""

import json
import os
import queue
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

from telnyx import APIStatusError, Telnyx
from telnyx.lib import WebhookVerificationError, verify_webhook_signature  # it needs PyNaCl

PORT = int(os.environ.get("PORT", "9000"))
URL = f"http://127.0.0.1:{PORT}"
PUBLIC_KEY = os.environ.get("TELNYX_PUBLIC_KEY", "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")  # the key `demo`
AUDIO = Path(__file__).parents[2] / "audio"

api = Telnyx(
    api_key=os.environ.get("TELNYX_API_KEY", "KEYlocal"),
    base_url=os.environ.get("TELNYX_BASE_URL", "http://127.0.0.1:8080/v2"),
)
names = {}  # of legs


def listen(handle):
    """Call `handle` for each webhook, in the order in which they came."""
    told = queue.SimpleQueue()

    def hear(path, body):
        event = json.loads(body)["data"]
        payload = event["payload"]
        write(
            payload.get("call_control_id"), event["event_type"], payload, "hangup_cause", "reason", "status", "digits"
        )
        told.put((event["event_type"], payload.get("call_control_id"), payload))
        return ""

    serve(hear)
    while True:
        try:
            handle(*told.get())
        except APIStatusError as error:  # such as 90018: the call ended a moment ago
            say(f"refused: {error.message}")


def documents(pages):
    """Answer each request for a document by its page; one that answers "" is only told something."""

    def answer(path, body):
        form = dict(parse_qsl(body.decode()))
        status = ["CallStatus"] if form.get("CallbackSource") else []
        write(
            form.get("CallSid"), path, form, "Digits", "DialCallStatus", "QueueResult", "StatusCallbackEvent", *status
        )
        return pages[path](form)

    serve(answer)
    threading.Event().wait()


def write(leg, what, fields, *details):
    """One line of the log."""
    name = names.setdefault(leg, chr(ord("A") + len(names))) if leg else "-"
    say(" ".join([name, what, *(fields[key] for key in details if fields.get(key))]))


def say(line):
    """A line in one piece: the bots may write to the same terminal."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(answer):
    """Serve in a thread of its own; `answer(path, body)` gives the reply to a POST. SIGTERM and Ctrl-C end it all."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                verify_webhook_signature(body, dict(self.headers), PUBLIC_KEY)
            except WebhookVerificationError:
                return self.reply(403)
            text = answer(self.path, body)
            return self.reply(200, "text/xml", text.encode())

        def do_GET(self):
            recording = AUDIO / Path(self.path).name
            return self.reply(200, "audio/wav", recording.read_bytes()) if recording.is_file() else self.reply(404)

        def reply(self, status, kind="text/plain", body=b""):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            """`write` says it better."""

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server = HTTPServer(("127.0.0.1", PORT), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(f"listening on {URL}")
