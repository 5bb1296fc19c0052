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


def over_in_words(call: Call) -> str | None:
    """Why nothing more can come of a call; None while it goes on."""
    if call.fault is not None:
        return f"the call failed: {call.fault.args[0]}"
    if call.end is None:
        return None
    return f"the call ended: {call.end.cause} ({call.end.code}) at {call.since_answered(call.ended_at):.2f} s"
