"""The exchange as a whole: its accounts, its lines, its end."""

from __future__ import annotations

import asyncio

import pytest

from botkit import clock
from botkit.exchange.exchange import run_exchange
from botkit.media.plane import media_plane
from tests.exchange.kit import Office, closed, play


def test_accounts_are_users() -> None:
    """An account is made on the spot, once for each name; it logs in, and its numbers reach it."""

    async def scene(office: Office) -> None:
        exchange = office.exchange
        first, again = exchange.account("alice", "100"), exchange.account("alice", "200")
        assert first == again
        assert first.is_embedded
        assert first.server is None
        alice = await office.line()
        await alice.ready("alice", first.password or "")
        bob = await office.phone("bob")
        for number in ("100", "200", "alice"):
            await bob.dial(number)
            await alice.rings()
            await alice.hang_up("USER_BUSY", 17)

    play(scene)


def test_sessions_have_ids_of_their_own() -> None:
    """No two logins get one session id."""

    async def scene(office: Office) -> None:
        phones = [await office.phone(name) for name in ("alice", "bob", "alice")]
        assert len({phone.session_id for phone in phones}) == 3

    play(scene)


def test_closing_ends_all_calls() -> None:
    """Leaving the scope ends calls with byes, in whatever state they are, and then the lines; no task stays."""

    async def whole() -> None:
        async with media_plane() as plane:
            async with run_exchange(port=None, plane=plane) as exchange:
                office = Office(exchange, plane)
                alice, bob = await office.joined()
                carol, dave = await office.phone("carol"), await office.phone("dave", "300")
                await carol.dial("300")
                await dave.rings()
                await carol.hears("media")
            byes = [(await phone.hears("bye"))["cause"] for phone in (alice, bob, carol, dave)]
            assert byes == ["SYSTEM_SHUTDOWN", "SYSTEM_SHUTDOWN", "SYSTEM_SHUTDOWN", "ORIGINATOR_CANCEL"]
            for phone in (alice, bob, carol, dave):
                assert await closed(phone) == 1000
                await phone.close()
            assert len(plane.pacer) == 0
        assert len(asyncio.all_tasks()) == 1

    clock.run(whole(), virtual=True)


def test_error_of_one_call_is_heard_and_stays_one_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in one call ends that call with a bye, is told to the event loop, and the others go on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        carol = await office.phone("carol")

        def broken(destination: str, origin: object) -> None:
            raise RuntimeError(f"no {destination}")

        with monkeypatch.context() as patch:
            patch.setattr(office.exchange.directory, "route", broken)
            await carol.dial("100")
            assert (await carol.hears("bye"))["cause"] == "SYSTEM_SHUTDOWN"
        await asyncio.sleep(0.1)
        (trouble,) = office.troubles
        assert "no 100" in trouble
        office.troubles.clear()
        alice.speak([bytes([7]) * 160])
        await asyncio.sleep(0.2)
        assert bytes([7]) * 160 in bob.heard

    play(scene)


def test_many_calls_leave_nothing() -> None:
    """A hundred calls, half of them cancelled, leave no leg, no line state and no session on the beat."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        for number in range(100):
            await alice.dial("100")
            invite = await bob.rings()
            await alice.hears("ringing")
            media = await alice.hears("media")
            if number % 2:
                await asyncio.gather(alice.connect(media["sdp"]), bob.take(invite["sdp"]))
                await alice.hears("answer")
            await alice.hang_up()
            await bob.hears("bye")
            for phone in (alice, bob):
                if phone.media is not None:
                    await phone.media.close()
        await office.idle()
        await asyncio.sleep(0.1)
        assert office.plane.network is not None
        assert not office.plane.network.ends
        assert len(office.exchange._owned._tasks) == 2  # the two lines

    play(scene)
