"""What all calls of one event loop share."""

import asyncio

import pytest

from botkit import clock
from botkit.clock import MonotonicClock, VirtualLoop
from botkit.media.peer import Peer
from botkit.media.plane import MediaPlane, media_plane
from botkit.media.playback import Playback
from botkit.media.transport import MemoryTransport
from tests.media.waiting import PATIENCE, until


def test_one_plane_for_a_loop() -> None:
    """All who ask within one loop get the same plane, also one inside the other."""

    async def main() -> None:
        async with media_plane() as one, media_plane() as other:
            assert one is other

    clock.run(main(), virtual=True)


def test_first_in_starts_and_last_out_stops() -> None:
    """The beat runs from the first that enters to the last that leaves, in whatever order they do."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        first, second = media_plane(), media_plane()
        plane = await first.__aenter__()
        await second.__aenter__()
        endpoint, other = plane.endpoint(), plane.endpoint()
        endpoint.accept(await other.answer(await endpoint.offer()))
        await asyncio.gather(endpoint.connect(), other.connect())
        await first.__aexit__(None, None, None)
        beats = plane.pacer.health.beats
        await loop.clock.sleep(1.0)
        assert plane.pacer.health.beats == beats + 50
        await endpoint.close()
        await other.close()
        await second.__aexit__(None, None, None)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        async with media_plane() as fresh:
            assert fresh is not plane

    clock.run(main(), virtual=True)


def test_every_loop_has_its_own() -> None:
    """Two loops, one after the other, have different planes."""
    planes: list[MediaPlane] = []

    async def main() -> None:
        async with media_plane() as plane:
            planes.append(plane)

    for _ in range(2):
        clock.run(main(), virtual=True)
    assert planes[0] is not planes[1]


def test_failing_user_leaves_it_to_the_others() -> None:
    """Who leaves with an error gives back its share and no more."""

    async def main() -> None:
        async with media_plane() as plane:
            with pytest.raises(ZeroDivisionError):
                async with media_plane():
                    raise ZeroDivisionError
            async with media_plane() as again:
                assert again is plane

    clock.run(main(), virtual=True)


def test_in_virtual_time_lines_are_in_memory() -> None:
    """On a virtual loop endpoints are joined in memory, by the loop's clock, and arrival times are exact."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        async with media_plane() as plane:
            assert plane.clock is loop.clock
            assert isinstance(plane.endpoint().transport, MemoryTransport)
            assert plane.pacer.health.kernel_times

    clock.run(main(), virtual=True)


def test_in_real_time_packets_go_over_the_network() -> None:
    """On a real loop endpoints are peers, and a whole path works on the plane's own beat."""

    async def main() -> None:
        async with media_plane() as plane:
            assert isinstance(plane.clock, MonotonicClock)
            caller, callee = plane.endpoint(connected=True), plane.endpoint(connected=True)
            assert isinstance(caller.transport, Peer)
            try:
                caller.accept(await callee.answer(await caller.offer()))
                await asyncio.gather(caller.connect(PATIENCE), callee.connect(PATIENCE))
                heard: list[bytes | None] = []
                callee.session.on_payload = lambda payload, at: heard.append(payload)
                caller.session.play(Playback([b"a" * 160], lambda at: None))
                await until(lambda: b"a" * 160 in heard)
            finally:
                await caller.close()
                await callee.close()
            assert (caller.transport.errors, callee.transport.errors) == (0, 0)

    clock.run(main())
