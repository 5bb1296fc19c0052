"""Notices: in order, tried again, and never in a call's way."""

from __future__ import annotations

import pytest

from botkit.exchange.texml.callbacks import MOST_WAITING, Callbacks, Notice
from botkit.exchange.texml.fetch import Fetcher
from tests.exchange.texml.kit import HOST, Request, Stage, play


def notices(stage: Stage) -> Callbacks:
    return stage.calls._services.callbacks


def test_in_order() -> None:
    """Notices of one key arrive in the order in which they were given, also behind one that is slow."""

    async def scene(stage: Stage) -> None:
        async def slow(request: Request) -> int:
            await stage.sleep(5 if request.fields["n"] == "0" else 0)
            return 200

        stage.web.pages["/c"] = slow
        for number in range(3):
            notices(stage).send("leg", Notice(f"{HOST}/c", "POST", {"n": str(number)}))
        notices(stage).send("other", Notice(f"{HOST}/c", "POST", {"n": "x"}))
        await stage.calls.idle()
        assert [(request.at, request.fields["n"]) for request in stage.web.requests] == [
            (0.0, "0"),
            (0.0, "x"),
            (5.0, "1"),
            (5.0, "2"),
        ]

    play(scene)


@pytest.mark.parametrize(("failures", "times"), [(1, [0.0, 1.0]), (2, [0.0, 1.0, 4.0]), (9, [0.0, 1.0, 4.0])])
def test_tried_again(failures: int, times: list[float]) -> None:
    """A notice that fails is tried again, twice; then the next one has its turn."""

    async def scene(stage: Stage) -> None:
        stage.web.pages["/c"] = [*[500] * failures, 200]
        stage.web.sinks.add("/next")
        notices(stage).send("leg", Notice(f"{HOST}/c", "POST", {}))
        notices(stage).send("leg", Notice(f"{HOST}/next", "POST", {}))
        await stage.calls.idle()
        assert [request.at for request in stage.web.requests if request.path == "/c"] == times
        assert stage.web.requests[-1].path == "/next"

    play(scene)


@pytest.mark.parametrize("status", [200, 204, 299])
def test_delivered(status: int) -> None:
    """Any success delivers."""

    async def scene(stage: Stage) -> None:
        stage.web.pages["/c"] = status
        notices(stage).send("leg", Notice(f"{HOST}/c", "GET", {"n": "1"}))
        await stage.calls.idle()
        (request,) = stage.web.requests
        assert (request.method, request.fields) == ("GET", {"n": "1"})

    play(scene)


def test_too_many() -> None:
    """A server that takes none does not fill the memory."""

    async def scene(stage: Stage) -> None:
        async def never(request: Request) -> int:
            await stage.sleep(10)
            return 200

        stage.web.pages["/c"] = never
        callbacks = notices(stage)
        for _ in range(MOST_WAITING + 5):
            callbacks.send("leg", Notice(f"{HOST}/c", "POST", {}))
        assert len(callbacks._waiting["leg"]) == MOST_WAITING

    play(scene)


def test_closing() -> None:
    """The end waits a short while for what is under way, and drops what comes after."""

    async def scene(stage: Stage) -> None:
        callbacks = Callbacks(Fetcher(stage.calls._services.fetcher._http, stage.clock), stage.clock)

        async def slow(request: Request) -> int:
            await stage.sleep(1.5)
            return 200

        stage.web.pages["/c"] = slow
        for _ in range(2):
            callbacks.send("leg", Notice(f"{HOST}/c", "POST", {}))
        began = stage.clock.now()
        await callbacks.close()
        assert stage.clock.now() - began == pytest.approx(2.0)
        callbacks.send("leg", Notice(f"{HOST}/c", "POST", {}))
        assert len(stage.web.requests) == 2

    play(scene)


def test_of_a_call() -> None:
    """A call's own statusCallback tells of its end, and a slow server does not hold the call up."""

    async def scene(stage: Stage) -> None:
        async def slow(request: Request) -> int:
            await stage.sleep(10)
            return 200

        stage.web.pages["/status"] = slow
        stage.page("/voice", "<Say>a</Say>")
        _, drive = stage.call(
            status_callback=f"{HOST}/status", status_callback_events=("initiated", "answered", "completed")
        )
        await drive.task
        assert stage.clock.now() < 2
        await stage.calls.idle()
        told = stage.web.got("/status")
        assert [fields["CallStatus"] for fields in told] == ["initiated", "in-progress", "completed"]
        assert (told[-1]["CallDuration"], told[-1]["HangupCause"]) == ("1", "normal_clearing")
        assert "ParentCallSid" not in told[-1]

    play(scene)
