"""The long proofs: `make accept`."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botkit import clock
from botkit.client.client import Client
from botkit.errors import BotkitError, FlowError, RemoteProtocolError
from botkit.exchange.exchange import run_exchange
from botkit.flow.expression import Expression, ExpressionFault
from botkit.flow.source import Mark, read
from botkit.media import negotiation, rtcp, rtp, sdp
from botkit.signalling.messages import parse as parse_message
from botkit.vocabulary import Entry, Tone
from tests.load.bench import ratio_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
MILLION = 1_000_000


def mutate(rng: random.Random, seeds: list[bytes]) -> bytes:
    """A seed with some of its bytes changed, cut out, doubled or mixed with another seed's."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randrange(1, 6)):
        if not data:
            data = bytearray(rng.choice(seeds))
        at = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 9)]
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            case 3:
                other = rng.choice(seeds)
                cut = rng.randrange(len(other))
                data[at:] = other[cut:]
            case 4:
                data[at:at] = data[at : at + rng.randrange(1, 20)]
    return bytes(data[:4096])


def as_text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: parse(data.decode("utf-8", "replace"))


ENDS = negotiation.Transport("abcd1234", "p" * 32, ":".join(["AB"] * 32), ("1 1 udp 1 127.0.0.1 9 typ host",), 7)
OFFER = str(negotiation.offer(ENDS))
FLOW = b"""flow: x
answer: any
vars: {a: 1}
on:
  answered:
    - log: "${a} and ${b.c | upper}"
    - wait: 1s # end
"""
FRAME = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "telnyx_rtc.invite", "params": {"sdp": "v=0", "callID": "x"}})

TARGETS = {
    "rtp": (
        rtp.parse,
        [rtp.pack(rtp.RtpPacket(0, 1, 2, 3, b"x" * 20, True, (1, 2), (7, b"abcd")))],
        RemoteProtocolError,
    ),
    "rtcp": (
        rtcp.parse,
        [rtcp.pack([rtcp.SenderReport(1, 2, 3, 4, 5, (rtcp.ReportBlock(9),)), rtcp.SourceDescription(((1, "me"),))])],
        RemoteProtocolError,
    ),
    "sdp": (as_text(sdp.parse), [OFFER.encode()], RemoteProtocolError),
    "json-rpc": (as_text(parse_message), [FRAME.encode()], RemoteProtocolError),
    "yaml": (as_text(lambda text: read(text, "f.yaml")), [FLOW, b"a: [1, {b: &x c}, *x]\n"], FlowError),
    "expression": (
        as_text(lambda text: Expression(text, Mark("f", 1, 1)).evaluate({"a": 1, "b": "text", "c": [1, 2]})),
        [b"a + 1 == 2 and b | upper ~ 'x'", b"c[0] * 3 // a", b"(b if a > 1 else c) is defined"],
        (ExpressionFault, FlowError, BotkitError),
    ),
}
SHARES = {"rtp": 0.3, "rtcp": 0.2, "sdp": 0.15, "json-rpc": 0.25, "yaml": 0.06, "expression": 0.04}


@pytest.mark.parametrize("name", TARGETS)
def test_a_million_mutated_inputs_raise_only_their_own_errors(name: str) -> None:
    """10^6 inputs over all readers: nothing but the reader's own error type comes out."""
    read_it, seeds, own = TARGETS[name]
    rng = random.Random(f"accept {name}")
    refused = 0
    count = int(MILLION * SHARES[name])
    for _ in range(count):
        data = mutate(rng, seeds)
        try:
            read_it(data)
        except own:
            refused += 1
    assert 0 < refused <= count


def test_the_shares_make_a_million() -> None:
    """All readers together get 10^6 inputs."""
    assert sum(int(MILLION * share) for share in SHARES.values()) == pytest.approx(MILLION, abs=6)


def test_the_bench_meets_its_targets(tmp_path: Path) -> None:
    """stock aiortc / botkit at least 30, botkit / C floor at most 2.2, set-up at most 4 ms a leg.

    Every leg listening to 20 prompts: at most 1.6 times as much as not listening, and 3 times the floor."""
    out = tmp_path / "bench.json"
    subprocess.run([sys.executable, "-m", "tests.load.bench", "--out", str(out)], check=True, cwd=ROOT)
    rows = json.loads(out.read_text())

    def ratio(one: dict[str, Any], other: dict[str, Any]) -> float:
        found = ratio_of(rows, one, other)
        assert found is not None
        return found

    for legs in (200, 400):
        floor, ours = {"what": "floor", "legs": legs}, {"what": "botkit", "legs": legs, "listening": False}
        hearing = {**ours, "listening": True}
        assert ratio({"what": "stock_aiortc"}, ours) >= 30
        assert ratio(ours, floor) <= 2.2
        assert ratio(hearing, ours) <= 1.6
        assert ratio(hearing, floor) <= 3
    assert max(row["setup_ms"] for row in rows if row["what"] == "botkit") <= 4


async def one_call(caller: Client, number: str) -> None:
    async with await caller.dial(number) as call:
        await call.answered(within=10)
        await call.expect_tone(440, within=10)
        await call.send_dtmf("12#")
        await call.ended()


async def soak(seconds: float, at_once: int) -> tuple[int, int, int]:
    """Calls for so long; gives their number and the resident memory after the first tenth and at the end, kB."""
    done, early = 0, 0
    async with run_exchange() as exchange, Client(exchange.account("ivr", "100")) as ivr:
        answering: set[asyncio.Task[None]] = set()

        async def answer(call) -> None:  # type: ignore[no-untyped-def]
            async with call:
                await call.answer()
                await call.play(Tone((440,), 0.5))
                await call.expect_dtmf(Entry(digits="12#"), within=10)

        def take(call) -> None:  # type: ignore[no-untyped-def]
            task = asyncio.ensure_future(answer(call))
            answering.add(task)
            task.add_done_callback(answering.discard)

        ivr.on("incoming", take)
        async with Client(exchange.account("caller")) as caller:
            began = caller.plane.clock.now()

            async def one_after_the_other() -> None:
                nonlocal done, early
                while (elapsed := caller.plane.clock.now() - began) < seconds:
                    await one_call(caller, "100")
                    done += 1
                    if elapsed > seconds / 10 and not early:
                        gc.collect()
                        early = resident()

            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(one_after_the_other())
        if answering:
            await asyncio.wait(answering)
    gc.collect()
    return done, early, resident()


def resident() -> int:
    """Resident memory now, kB."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize() // 1024


def test_a_soak_of_five_minutes_keeps_its_memory() -> None:
    """Twenty callers, call after call, for five minutes: every call goes as written, memory stays flat."""
    done, early, late = clock.run(soak(300, 20))
    print(f"{done} calls; resident {early} kB after 30 s, {late} kB at the end")
    assert done > 1000
    assert late < early * 1.25 + 20_000
