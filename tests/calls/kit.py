"""Small flows, written where they are used, and ways to run them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botkit import clock
from botkit.results import CallResult, FlowResult, Problem, RunResult, StepResult
from botkit.runner.options import Notice, RunOptions
from botkit.runner.run import run_flows

ROOT = Path(__file__).parents[2]
FLOWS = ROOT / "flows"

TONE_LINE = """
flow: Tone line
answer: "5100"
on:
  answered:
    - play: {tone: 440, for: 600ms}
    - wait_for: {event: ended, within: 20s}
"""
"""Answers at once, says 440 Hz, and waits to be hung up on."""

TONE_CALLER = """
flow: Tone caller
dial: "5100"
on:
  answered:
    - expect_tone: {hz: 440, within: 10s}
    - hangup
"""


def written(folder: Path, flows: Mapping[str, str]) -> list[Path]:
    """Flow files named so in `folder`."""
    paths = []
    for name, text in flows.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def run(
    paths: list[Path],
    out: Path,
    *,
    virtual: bool = True,
    progress: Callable[[Notice], None] = lambda notice: None,
    cancel_after: float | None = None,
    **options: Any,
) -> RunResult:
    """Run flow files together; in virtual time and in memory unless told otherwise."""
    out.mkdir(parents=True, exist_ok=True)
    options.setdefault("read_roots", (ROOT, out.parent))
    options.setdefault("seed", 1)

    async def whole() -> RunResult:
        work = asyncio.ensure_future(run_flows(paths, RunOptions(out=out, paths=tuple(paths), **options), progress))
        if cancel_after is not None:
            asyncio.get_running_loop().call_later(cancel_after, work.cancel)
        result = await work
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks stayed: {left}"
        return result

    return clock.run(whole(), virtual=virtual)


def play(folder: Path, flows: Mapping[str, str], **options: Any) -> RunResult:
    """Write flows into `folder` and run them; the output goes to `folder`/out."""
    return run(written(folder, flows), folder / "out", **options)


def flow_of(result: RunResult, bot: str) -> FlowResult:
    """What became of a bot."""
    return next(flow for flow in result.flows if flow.bot == bot)


def call_of(result: RunResult, bot: str) -> CallResult:
    """The bot's only call."""
    (call,) = flow_of(result, bot).calls
    return call


def problem_of(result: RunResult, bot: str) -> Problem:
    """The only problem of the bot's only call."""
    (problem,) = call_of(result, bot).problems
    return problem


def step_of(call: CallResult, label: str) -> StepResult:
    """The step of that label."""
    return next(step for step in call.steps if step.label == label)


def journal(folder: Path, call: str) -> list[dict[str, Any]]:
    """The lines of a call's events.jsonl below `folder`/out."""
    text = (folder / "out" / "calls" / call / "events.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
