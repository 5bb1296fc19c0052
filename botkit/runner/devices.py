"""What the bots of a run say between plays, and who hears them: `--audio-in` and `--audio-out`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from typing import TypeVar

from botkit.errors import ConfigError
from botkit.media.device import SinkName, check
from botkit.media.live import LiveDevice
from botkit.media.pipe import PipeDevice
from botkit.media.source import Source
from botkit.runner.options import RunOptions

Device = Source | SinkName | LiveDevice
T = TypeVar("T")


def of_bot(chosen: Mapping[str, T], bot: str) -> T | None:
    """What was chosen for a bot, or for all."""
    return chosen.get(bot, chosen.get(""))


async def check_devices(options: RunOptions, bots: Sequence[str]) -> None:
    """Whether every device can be used, told before any call is made. Raises `ConfigError`."""
    users: dict[tuple[Device, bool], list[str]] = {}
    for bot in bots:
        for says, device in ((True, of_bot(options.audio_in, bot)), (False, of_bot(options.audio_out, bot))):
            if device is not None:
                users.setdefault((device, says), []).append(bot)
    for (device, says), shared in users.items():
        option = "--audio-in" if says else "--audio-out"
        if isinstance(device, PipeDevice) and len(shared) > 1:
            raise ConfigError(
                f"{option} {device}: a pipe serves one bot, and {', '.join(shared)} would share it",
                hint=f"name the bot: {option} {shared[0]}={device}",
            )
        await asyncio.get_running_loop().run_in_executor(None, functools.partial(check, device, says=says))
