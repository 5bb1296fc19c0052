"""The audio that a flow names, read before any call: what is wrong with it shows at the start, and no
caller waits for a file to be decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

from botkit.errors import ConfigError
from botkit.flow.document import Flow, StepSpec
from botkit.flow.explain import FlowErrors, at_place
from botkit.flow.source import Issue
from botkit.media.codec import codec_by_name
from botkit.media.prompt import load_payloads


def named_audio(flow: Flow) -> Iterator[tuple[StepSpec, Path, float]]:
    """Each file that a step names as it stands, with the gain in dB; those in expressions are not known yet."""
    for spec in flow.every_step():
        for holder in (spec.step, getattr(spec.step, "play", None)):
            gain, files = getattr(holder, "gain", 0.0), getattr(holder, "audio", None)
            for file in files if isinstance(files, tuple) else ():
                if isinstance(file, Path):
                    yield spec, file, gain if isinstance(gain, int | float) else 0.0


async def read_prompts(flows: list[Flow], readable: Callable[[Path], Path]) -> None:
    """Check that each file may be read, and encode it for the codecs that the calls are likely to have, off the loop.

    Raises `FlowErrors` with every file that is missing, forbidden or no audio, at the step that names it.
    """
    issues: list[Issue] = []
    loop = asyncio.get_running_loop()
    codecs = [codec_by_name(name) for name in dict.fromkeys(flow.codecs[0] for flow in flows)]
    for flow in flows:
        for spec, file, gain in named_audio(flow):
            try:
                for codec in codecs:
                    await loop.run_in_executor(None, load_payloads, readable(file), codec, gain)
            except ConfigError as error:
                issues.append(at_place(spec.place, str(error.args[0]), error.hint))
    if issues:
        raise FlowErrors(issues)
