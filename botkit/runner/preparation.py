"""Bots before they have clients: their flows read, their variables settled, their audio prepared, and all that can be
said against a run before any call is made."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from botkit.errors import ConfigError
from botkit.flow.begin import begin, secrets_of
from botkit.flow.compile import load_flow
from botkit.flow.document import Flow
from botkit.flow.explain import FlowErrors
from botkit.flow.runtime import Inputs
from botkit.flow.source import Issue, plain
from botkit.log import hide
from botkit.media.reference import Reference
from botkit.runner.devices import check_devices
from botkit.runner.numbers import check_numbers
from botkit.runner.options import RunOptions
from botkit.runner.prompts import read_prompts
from botkit.settings import Account, did_you_mean


@dataclass(slots=True)
class PreparedBot:
    """A bot before it has a client."""

    name: str
    flow: Flow
    inputs: Inputs
    account: Account
    secrets: list[object]
    prompts: tuple[Reference, ...] = ()
    """What its flow expects to hear."""


async def prepare_bots(paths: Sequence[Path], options: RunOptions, seed: int) -> list[PreparedBot]:
    """A bot for each flow in `paths`, in their order.

    Raises `FlowErrors` with all errors of all files, and `ConfigError` where the options do not fit them.
    """
    flows = _load(paths)
    bots = [_prepare(name, flow, options, seed) for name, flow in zip(_names(paths), flows, strict=True)]
    hide(*secrets_of_all(bots))  # in the log's wire lines, too
    prompts = await read_prompts([bot.flow for bot in bots], options.confinement.readable)
    for bot, there in zip(bots, prompts, strict=True):
        bot.prompts = there
    _check_bots(bots, options)
    await check_devices(options, [bot.name for bot in bots])
    _one_bot_per_number(bots)
    _check_variables(bots, options)
    return bots


def secrets_of_all(bots: Sequence[PreparedBot]) -> tuple[str, ...]:
    """What one bot keeps secret another one hears as digits: it is masked for all."""
    return tuple(dict.fromkeys(str(secret) for bot in bots for secret in bot.secrets))


def _load(paths: Sequence[Path]) -> list[Flow]:
    flows: list[Flow] = []
    issues: list[Issue] = []
    for path in paths:
        try:
            flows.append(load_flow(path))
        except FlowErrors as errors:
            issues += errors.issues
    if issues:
        raise FlowErrors(issues)
    return flows


def _names(paths: Sequence[Path]) -> list[str]:
    """A name for each bot: its file's, numbered where there are several of one name."""
    # a file's name may be no text, or several lines
    stems = [re.sub(r"[\x00-\x1f\x7f]", "_", os.fsencode(path.stem).decode("utf-8", "replace")) for path in paths]
    taken = {stem for stem in stems if stems.count(stem) == 1}
    names = []
    for stem in stems:
        if stems.count(stem) == 1:
            names.append(stem)
            continue
        names.append(next(name for n in itertools.count(1) if (name := f"{stem}_{n}") not in taken))
        taken.add(names[-1])
    return names


def _prepare(name: str, flow: Flow, options: RunOptions, seed: int) -> PreparedBot:
    declared = {key: value for key, value in options.vars.items() if key in flow.vars}
    inputs = Inputs(
        vars=_plain_scalars(declared),
        env=dict(os.environ),
        bot={"name": name},
        seed=f"{seed}:{name}",
    )
    settled, inputs = begin(flow, inputs)
    account = options.settings.account_for(options.account, settled.account)
    inputs = replace(inputs, secrets=account.secrets)
    codecs = options.codecs.get(name) or options.codecs.get("")
    if codecs:
        settled = settled.model_copy(update={"codecs": codecs})
    check_numbers(settled, account, options.settings)
    return PreparedBot(name, settled, inputs, account, secrets_of(settled, inputs.vars))


def _one_bot_per_number(prepared: Sequence[PreparedBot]) -> None:
    """Two flows that answer one number would race for its calls. Raises `ConfigError`."""
    taken: dict[tuple[str, str], PreparedBot] = {}
    for one in prepared:
        if one.flow.answer is None:
            continue
        before = taken.setdefault((one.account.name, one.flow.answer), one)
        if before is not one:
            raise ConfigError(
                f"{before.flow.file} and {one.flow.file} both answer {one.flow.answer!r}",
                hint="give them numbers of their own, or run one of them; `at_most` says how many calls one takes",
            )


def _check_bots(prepared: Sequence[PreparedBot], options: RunOptions) -> None:
    """Options that name a bot must name one of this run. Raises `ConfigError`."""
    bots = [one.name for one in prepared]
    named = {"--codec": options.codecs, "--audio-in": options.audio_in, "--audio-out": options.audio_out}
    for option, chosen in named.items():
        for stranger in sorted(set(chosen) - {"", *bots}):
            raise ConfigError(
                f"{option} {stranger}=…: no bot of this run is called so",
                hint=did_you_mean(stranger, bots) or f"bots are called {', '.join(bots)}",
            )


def _check_variables(prepared: Sequence[PreparedBot], options: RunOptions) -> None:
    """Each `--var` must name a variable that some flow declares. Raises `ConfigError`."""
    declared = {name for one in prepared for name in one.flow.vars}
    unknown = sorted(set(options.vars) - declared)
    if unknown:
        there = f"they declare {', '.join(sorted(declared))}" if declared else "none declares any, under `vars`"
        raise ConfigError(f"--var {unknown[0]}: no flow of this run declares such a variable", hint=there)


def _plain_scalars(given: dict[str, str]) -> dict[str, object]:
    """`--var` values follow the rule for plain scalars (flow-language.md section 2)."""
    return {name: plain(text) for name, text in given.items()}
