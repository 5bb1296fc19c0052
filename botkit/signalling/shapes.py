"""What a frame's members say, as facts. Both dialects share these shapes; they come from mod_verto.

Readers are tolerant, as the SDKs differ among themselves: a number may come as text and text as a
number, a member may be missing, null or of another type. Nothing here raises anything but
`BadFrame`, for what a call cannot do without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit.causes import CAUSES
from botkit.events import CandidateReceived, DisplayChanged, Ended, Incoming, InfoReceived

from .facts import AnswerReceived, AttachOffered, ByeReceived, InviteReceived, ModifyReceived
from .messages import SESSION_ERROR, BadFrame, RequestId
from .orders import HoldState, Pairs

RINGS_MAX = 600.0
"""The longest `timeout_secs` in Call Control, in seconds."""

TELNYX_IDS = ("telnyx_call_control_id", "telnyx_session_id", "telnyx_leg_id")
_CODES = {row.code: row.name for row in CAUSES.values()} | {802: "ALLOTTED_TIMEOUT", 808: "INVALID_GATEWAY"}


def text(members: Mapping[str, Any], *names: str) -> str:
    """The first of these members that is text (or an integer), else nothing."""
    for name in names:
        value = members.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def number(members: Mapping[str, Any], name: str) -> int | None:
    """A member as an integer, also one written as text."""
    value = members.get(name)
    if isinstance(value, str) and len(value) <= 9 and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object, else an empty one."""
    value = members.get(name)
    return value if isinstance(value, dict) else {}


def dialog(params: Mapping[str, Any]) -> dict[str, Any]:
    """The `dialogParams`."""
    return mapping(params, "dialogParams")


def call_id(params: Mapping[str, Any]) -> str:
    """The call id, in any of its places and spellings: `callId` is [AND] and [FLU] in their bye."""
    return text(dialog(params), "callID", "callId") or text(params, "callID", "callId")


def headers(members: Mapping[str, Any]) -> Pairs:
    """Custom headers: `custom_headers`, or `customHeaders` in a server's bye ([JS])."""
    found = members.get("custom_headers") or members.get("customHeaders")
    if not isinstance(found, list):
        return ()
    return tuple((text(h, "name"), text(h, "value")) for h in found if isinstance(h, dict) and text(h, "name"))


def telnyx_ids(params: Mapping[str, Any]) -> Pairs:
    """Those of the platform's own ids that are there."""
    return tuple((name, text(params, name)) for name in TELNYX_IDS if text(params, name))


def needed(value: str, complaint: str) -> str:
    """`value`, or `BadFrame` with mod_verto's words when there is none."""
    if not value:
        raise BadFrame(complaint, SESSION_ERROR)
    return value


def string_list(value: Any) -> tuple[str, ...]:
    """The texts of a list, whatever else is in it."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


# --- read by either role ------------------------------------------------------------------------


def cause(params: Mapping[str, Any]) -> tuple[str, int]:
    """Cause and code; the text wins over the number, and a missing one follows from the other ([FS])."""
    name, code = text(params, "cause"), number(params, "causeCode")
    if not name:
        name = _CODES.get(code, f"CAUSE_{code}") if code else "NORMAL_CLEARING"
    if code is None:
        code = CAUSES[name].code if name in CAUSES else 0
    return name, code


def candidate(params: Mapping[str, Any]) -> CandidateReceived:
    """A candidate without its prefix; all SDKs write `candidate:`, some servers `a=candidate:`."""
    line = text(params, "candidate").removeprefix("a=").removeprefix("candidate:").strip()
    mid = params.get("sdpMid")
    return CandidateReceived(
        call_id(params), line or None, mid if isinstance(mid, str) else None, number(params, "sdpMLineIndex")
    )


def info(params: Mapping[str, Any]) -> InfoReceived:
    """Digits or a message."""
    return InfoReceived(call_id(params), text(params, "dtmf"), mapping(params, "msg"))


# --- read by the client -------------------------------------------------------------------------


def incoming(params: Mapping[str, Any], headers: Pairs) -> Incoming:
    """A server's invite, with the headers that the dialect found in it."""
    return Incoming(
        needed(call_id(params), "CallID missing"),
        sdp=needed(text(params, "sdp"), "SDP missing"),
        caller_name=text(params, "caller_id_name"),
        caller_number=text(params, "caller_id_number"),
        callee_name=text(params, "callee_id_name"),
        callee_number=text(params, "callee_id_number"),
        headers=headers,
        client_state=text(params, "client_state") or None,
        telnyx_ids=telnyx_ids(params),
    )


def attach_offered(params: Mapping[str, Any]) -> AttachOffered:
    """A server's attach."""
    sdp = needed(text(params, "sdp"), "SDP missing")
    return AttachOffered(call_id(params), sdp, telnyx_ids(params))


def ended(params: Mapping[str, Any]) -> Ended:
    """A server's bye."""
    name, code = cause(params)
    return Ended(
        call_id(params),
        cause=name,
        code=code,
        sip_code=number(params, "sipCode"),
        sip_reason=text(params, "sipReason") or None,
    )


def display(params: Mapping[str, Any]) -> DisplayChanged:
    """A server's display."""
    return DisplayChanged(call_id(params), text(params, "display_name"), text(params, "display_number"))


def gateway_state(members: Mapping[str, Any]) -> str:
    """The registration state in a poll's result (`params.state`) or in a push's params (`state`)."""
    return text(mapping(members, "params"), "state") or text(members, "state")


def hold_state(result: Mapping[str, Any]) -> HoldState:
    """Anything but "active" means held, as [JS] reads it."""
    return "active" if result.get("holdState") == "active" else "held"


# --- read by the server -------------------------------------------------------------------------


def _named_call(params: Mapping[str, Any]) -> str:
    needed("yes" if params else "", "Params data missing")
    return needed(call_id(params), "CallID missing")


def invite_received(request_id: RequestId, params: Mapping[str, Any]) -> InviteReceived:
    """A client's invite; the words of the complaints are mod_verto's."""
    said = dialog(params)
    needed("yes" if params else "", "Params data missing")
    needed("yes" if said else "", "Dialog data missing")
    return InviteReceived(
        _named_call(params),
        request_id=request_id,
        sdp=needed(text(params, "sdp"), "SDP missing"),
        destination=text(said, "destination_number"),
        caller_name=text(said, "caller_id_name"),
        caller_number=text(said, "caller_id_number"),
        headers=headers(said),
        client_state=text(said, "clientState") or None,
        trickle=params.get("trickle") is True,
        dialog=said,
    )


def answer_received(request_id: RequestId, params: Mapping[str, Any], *, attach: bool) -> AnswerReceived:
    """A client's answer, or its attach."""
    return AnswerReceived(
        _named_call(params),
        request_id=request_id,
        sdp=needed(text(params, "sdp"), "SDP missing"),
        headers=headers(dialog(params)),
        trickle=params.get("trickle") is True,
        attach=attach,
    )


STAYS = ("enqueue", "conference")
"""Actions that let the other party into a place from which it comes back: replied to when it is over."""

_ACTIONS = ("hold", "unhold", "toggleHold", "transfer", "updateMedia", "replace", "takeBack", *STAYS)


def modify_received(request_id: RequestId, params: Mapping[str, Any], held: bool) -> ModifyReceived:
    """A client's modify of a call that is `held` or not. Actions count in any case of letters ([FS])."""
    known = {name.lower(): name for name in _ACTIONS}
    said = needed(text(params, "action"), "action missing")
    action = known.get(said.lower(), said)
    if action in ("transfer", *STAYS):
        needed(text(params, "destination"), "destination missing")
    if action == "replace":
        needed(text(params, "replaceCallID"), "replaceCallID missing")
    if action == "updateMedia":
        needed(text(params, "sdp"), "SDP missing")
    return ModifyReceived(
        _named_call(params),
        request_id=request_id,
        action=action,
        hold_state=hold_after(action, held),
        destination=text(params, "destination"),
        ring_timeout=ring_timeout(params),
        replace_call_id=text(params, "replaceCallID"),
        sdp=text(params, "sdp"),
        trickle=params.get("trickle") is True,
    )


def ring_timeout(params: Mapping[str, Any]) -> float | None:
    """How long the new party of a transfer may ring; what is no such time says nothing."""
    value = params.get("timeout_secs")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        return None
    return min(float(value), RINGS_MAX)


def hold_after(action: str, held: bool) -> HoldState:
    """What a call is in once `action` is granted."""
    wanted = {"hold": True, "unhold": False, "toggleHold": not held}.get(action, held)
    return "held" if wanted else "active"


def bye_received(params: Mapping[str, Any]) -> ByeReceived:
    """A client's bye."""
    name, code = cause(params)
    return ByeReceived(call_id(params), name, code, number(params, "sipCode"), text(params, "sipReason") or None)
