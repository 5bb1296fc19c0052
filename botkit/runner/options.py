"""What a run is told, and what it tells while it goes on: the contract of `botkit.runner.run.run_flows`.

    async def run_flows(
        paths: Sequence[Path],
        options: RunOptions,
        progress: Callable[[Notice], None],
        begin: Callable[[RunOptions], RunOptions],
    ) -> RunResult: ...

It runs every flow named, and returns a result whatever the calls did; a fault that lets no call be
made at all (a flow with errors, no such account) may be raised instead. When it is cancelled it
first ends every call with a bye, under a short deadline of its own, then either raises
`CancelledError` or, better, returns what it knows so far with the calls it cut off as `ABORTED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botkit.media.device import SinkName
from botkit.media.live import LiveDevice
from botkit.media.source import Source
from botkit.results import CallResult
from botkit.settings import Confinement, Settings


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The command line of `botkit run`, read and checked. Picklable: workers get a copy."""

    out: Path
    """The output folder. From `begin` on it exists, and is empty or was made by an earlier run."""
    paths: tuple[Path, ...] = ()
    settings: Settings = field(default_factory=Settings)
    account: str | None = None
    """The account of every bot; None: what `settings.account_for` says."""
    codecs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`--codec [BOT=]NAME,…`: codecs in order of preference, by bot, or under "" for all; they win over the flows'."""
    audio_in: Mapping[str, Source | LiveDevice] = field(default_factory=dict)
    """`--audio-in [BOT=]NAME`: what calls say between plays, by bot, or under "" for all."""
    audio_out: Mapping[str, SinkName | LiveDevice] = field(default_factory=dict)
    """`--audio-out [BOT=]NAME`: who hears calls, the same way."""
    vars: Mapping[str, str] = field(default_factory=dict)
    """`--var k=v`: texts; the rule for plain scalars applies (flow-language.md section 2)."""
    seed: int | None = None
    """For spans, weights and `random`; None: choose one, and tell it in the log."""
    over_network: bool = True
    """Real peers on loopback for bots of the embedded exchange, too."""
    time_limit: float | None = None
    """Seconds for the whole run; reaching it is a fault."""
    read_roots: tuple[Path, ...] = ()

    @property
    def confinement(self) -> Confinement:
        """The rule for every path that a flow names."""
        return Confinement(read_roots=self.read_roots, out=self.out)


NOTICE_KINDS = (
    "exchange",
    "ready",
    "waits",
    "login",
    "lost",
    "calling",
    "ringing",
    "answered",
    "step",
    "log",
    "failed",
    "ended",
    "audio",
    "done",
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to show while a run goes on. `t` is seconds since the run began.

    `exchange`: the embedded exchange listens (`text`: its address). `ready`: a bot logged in.
    `waits`: a bot of a run that only answers waits for calls (`text`: which, where, until when). `login`: how somebody
    else logs in to the embedded exchange, to call it (`text`). `lost`: a bot's connection is lost and is tried anew
    (`text`: the reason).
    `calling ringing answered ended`: a call came that far (`text`: the number, the cause). `step`: a
    step begins (`text`: its summary, `label`). `log`: a flow says `text`. `failed`: a step was not
    met (`text`: what the report will say in one line). `audio`: what went through a pipe, a program or a
    sound card (`text`), when the call is over. `done`: a call is judged (`result`).
    """

    t: float
    kind: str
    bot: str = ""
    call: str = ""
    text: str = ""
    label: str | None = None
    result: CallResult | None = None
