"""What an attacker says: frames, descriptions, datagrams, bodies; made from good ones, repeatably by a seed."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parents[1] / "data" / "transcripts" / "js-sdk.jsonl"
METHODS = (
    "login",
    "telnyx_rtc.login",
    "telnyx_rtc.invite",
    "telnyx_rtc.answer",
    "telnyx_rtc.bye",
    "telnyx_rtc.modify",
    "telnyx_rtc.info",
    "telnyx_rtc.candidate",
    "telnyx_rtc.endOfCandidates",
    "telnyx_rtc.ping",
    "telnyx_rtc.gatewayState",
    "telnyx_rtc.attach",
    "telnyx_rtc.ringing",
    "telnyx_rtc.punt",
    "telnyx_rtc.nonsense",
)

DEEP = "[" * 800 + "]" * 800

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    1.5,
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e\x1b[2J",
    "x" * 5000,
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "${7*7}{{7*7}}",
    "v=0",
    "sip:",
    "sip:@",
    "+",
    "%00",
    "' OR 1=1 --",
    [],
    [[]],
    {},
    {"": ""},
    {"callID": "k"},
    [None] * 50,
)
"""What stands where something else was expected."""


def recorded() -> list[dict[str, Any]]:
    """Frames that a real SDK sent."""
    lines = [json.loads(line) for line in RECORD.read_text().splitlines()]
    return [line["msg"] for line in lines if line["dir"] == "recv"]


def _spoilt(dice: random.Random, value: Any, share: float) -> Any:
    if dice.random() < share:
        return copy.deepcopy(dice.choice(VALUES))
    if isinstance(value, dict):
        kept = {key: _spoilt(dice, one, share) for key, one in value.items() if dice.random() > share / 3}
        if dice.random() < share:
            kept[str(dice.choice(VALUES))[:50]] = dice.choice(VALUES)
        return kept
    if isinstance(value, list):
        return [_spoilt(dice, one, share) for one in value]
    if isinstance(value, str) and dice.random() < share:
        return spoilt_text(dice, value)
    return value


def spoilt_text(dice: random.Random, text: str) -> str:
    """A text with some of it cut out, doubled, or replaced."""
    for _ in range(dice.randint(1, 4)):
        at, to = sorted(dice.randint(0, len(text)) for _ in range(2))
        to = min(to, at + 40)
        middle = dice.choice(("", text[at:to] * 2, chr(dice.randrange(0xD800)), "\r\n", "=", "-1", "9" * 20))
        text = text[:at] + middle + text[to:]
    return text


def frames(seed: int, count: int) -> Iterator[str]:
    """Frames of which hardly any is good."""
    dice = random.Random(seed)
    good = recorded()
    for index in range(count):
        match dice.randrange(8):
            case 0:
                yield spoilt_text(dice, json.dumps(dice.choice(good)))
            case 1:
                yield dice.choice(("", "{", "[]", "null", "#SPU 1", '{"a":' * 500, DEEP, '{"id":1,"id":2}', "NaN"))
            case 2:
                method = dice.choice(METHODS)
                params = {"sessid": dice.choice(VALUES), "dialogParams": dice.choice(VALUES)}
                yield json.dumps({"jsonrpc": "2.0", "id": index, "method": method, "params": params})
            case 3:
                params = dice.choice(VALUES)
                yield json.dumps({"jsonrpc": "2.0", "id": index, "method": dice.choice(METHODS), "params": params})
            case 4:
                method = dice.choice(METHODS)
                frame = {"jsonrpc": "2.0", "id": index, "method": method, "params": {"x": "\ud800", "deep": "DEEP"}}
                yield json.dumps(frame).replace('"DEEP"', DEEP)
            case _:
                frame = _spoilt(dice, dice.choice(good), dice.choice((0.05, 0.2, 0.5)))
                if isinstance(frame, dict) and dice.random() < 0.5:
                    frame["id"] = index
                yield json.dumps(frame)


def descriptions(seed: int, offer: str, count: int) -> Iterator[str]:
    """Session descriptions that were an offer once."""
    dice = random.Random(seed)
    for _ in range(count):
        lines = offer.split("\r\n")
        for _ in range(dice.randint(1, 5)):
            at = dice.randrange(len(lines))
            match dice.randrange(6):
                case 0:
                    del lines[at]
                case 1:
                    lines.insert(at, lines[dice.randrange(len(lines))])
                case 2:
                    lines[at] = spoilt_text(dice, lines[at])
                case 3:
                    lines[at] = lines[at].partition(":")[0] + ":" + str(dice.choice(VALUES))[:300]
                case 4:
                    words = lines[at].split(" ")
                    words[dice.randrange(len(words))] = dice.choice(
                        ("0", "-1", "99999999999", "", "a b", "\x00", "IP6")
                    )
                    lines[at] = " ".join(words)
                case _:
                    other = dice.randrange(len(lines))
                    lines[at], lines[other] = lines[other], lines[at]
            lines = lines or [""]
        yield "\r\n".join(lines)


def datagrams(seed: int, count: int) -> Iterator[bytes]:
    """What a media socket may get: by its first byte STUN, DTLS, RTP and RTCP, or none of them (RFC 7983)."""
    dice = random.Random(seed)
    cookie = b"\x21\x12\xa4\x42"
    for _ in range(count):
        body = dice.randbytes(dice.choice((0, 1, 3, 19, 20, 40, 172, 1200)))
        match dice.randrange(7):
            case 0:
                yield b"\x00\x01" + len(body).to_bytes(2, "big") + cookie + dice.randbytes(12) + body
            case 1:
                yield dice.choice((b"\x01\x01", b"\x01\x11", b"\x00\x17")) + b"\xff\xff" + cookie + body
            case 2:
                version = dice.choice((b"\xfe\xfd", b"\xfe\xff", b"\x03\x03"))
                kind = dice.choice((20, 21, 22, 23, 63))
                yield bytes((kind,)) + version + dice.randbytes(8) + len(body).to_bytes(2, "big") + body
            case 3:
                yield b"\x80\x00" + body
            case 4:
                yield bytes((0x80 | dice.randrange(32), dice.choice((200, 201, 202, 203, 206)))) + body
            case 5:
                yield b"\x9f\xff\x00\x01" + body
            case _:
                yield body


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
