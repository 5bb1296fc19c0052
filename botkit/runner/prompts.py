"""The audio that a flow names, read before any call: what is wrong with it shows at the start, and no
caller waits for a file to be decoded."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from botkit.errors import ConfigError
from botkit.flow.document import Flow, Library
from botkit.flow.explain import FlowErrors, at_place
from botkit.flow.source import Issue
from botkit.media.codec import codec_by_name
from botkit.media.prompt import load, load_payloads
from botkit.media.reference import Reference, reference_of_file
from botkit.runner.named_audio import NamedAudio, named_audio


async def read_prompts(flows: list[Flow], readable: Callable[[Path], Path]) -> list[tuple[Reference, ...]]:
    """Check that each file may be read, and prepare it, off the loop: those that are played for the codecs that
    the calls are likely to have, those that must be heard as what to listen for. Gives the latter, flow by flow.

    Raises `FlowErrors` with every file that is missing, forbidden, no audio or too short, at the step that names it.
    """
    issues: list[Issue] = []
    loop = asyncio.get_running_loop()
    codecs = [codec_by_name(name) for name in dict.fromkeys(flow.codecs[0] for flow in flows)]
    wanted: list[tuple[Reference, ...]] = []
    for flow in flows:
        references: list[Reference] = []
        for named in named_audio(flow):
            try:
                file = readable(named.file)
                if named.heard:
                    references.append(await loop.run_in_executor(None, reference_of_file, file))
                    continue
                for codec in codecs:
                    await loop.run_in_executor(None, load_payloads, file, codec, named.gain)
            except ConfigError as error:
                issues.append(_issue(named, error))
        wanted.append(tuple(dict.fromkeys(references)))
    if issues:
        raise FlowErrors(issues)
    return wanted


def audio_issues(documents: Iterable[Flow | Library], readable: Callable[[Path], Path]) -> list[Issue]:
    """What `read_prompts` would refuse, in the same words, each thing once; nothing is prepared for calls.

    A file that is not there is a warning: it may be made before the run.
    """
    issues: list[Issue] = []
    for document in documents:
        for named in named_audio(document):
            try:
                file = readable(named.file)
                if named.heard:
                    reference_of_file(file)
                else:
                    load(file)
            except ConfigError as error:
                issue = _issue(named, error)
                issues.append(issue if named.file.exists() else dataclasses.replace(issue, severity="warning"))
    return list(dict.fromkeys(issues))


def _issue(named: NamedAudio, error: ConfigError) -> Issue:
    return at_place(named.spec.place, str(error.args[0]), error.hint)
