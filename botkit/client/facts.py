"""What expressions may know of a call, under the name `call`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botkit.client.call import Call


def facts_of(call: Call) -> dict[str, Any]:
    """Plain data, a fresh copy. Times are seconds; what is not known yet is None."""
    figures, end = call.figures, call.end
    dialled = call.direction == "dial"
    return {
        "id": call.id,
        "direction": call.direction,
        "state": call.state.value,
        "from": call.local if dialled else call.remote,
        "to": call.remote if dialled else call.local,
        "headers": dict(call.headers),
        "cause": end.cause if end else None,
        "code": end.code if end else None,
        "sip_code": end.sip_code if end else None,
        "duration": call.duration or 0.0,
        "codec": call.endpoint.session.codec.name if call.endpoint.described else None,
        "rtp": {
            "sent": figures.sent,
            "received": figures.received,
            "lost": figures.lost,
            "jitter": figures.jitter,
            "rtt": figures.rtt,
        },
    }
