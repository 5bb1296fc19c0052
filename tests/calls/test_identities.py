"""The platform's worked example: six clients, three SIP identities, and who is reached at each address.

The connection is `john1234`; its telephony credentials are `gencred1` (token `1_1`) and `gencred2` (tokens `2_1`,
`2_2`). All is real: an exchange on a port, WebSockets, JWTs, calls ([OV] WebRTC Voice SDKs Commonalities, whose
table this is).

| dialled | logged in under that key | reached |
|---|---|---|
| `john1234@` | a (`john1234`) | a |
| `gencred1@` | b (`gencred1`), c (`token1_1`) | the last to register of b, c |
| `gencred2@` | d (`gencred2`), e (`token2_1`), f (`token2_2`) | the last to register of d, e, f |
| number on the connection, format `sip_username` | as `john1234@` | a |
| number on the connection, other format | none | nobody |
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.exchange.connections import CredentialConnection, Inbound, TelephonyCredential
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.exchange.registrar import Fallback
from botkit.media.plane import MediaPlane, media_plane
from botkit.settings import Account

NUMBER = "+13128889999"
PATIENCE = 20.0


class Example:
    """The connection with its credentials and tokens, and a bot that calls."""

    def __init__(self, exchange: Exchange, plane: MediaPlane, caller: Client) -> None:
        self.exchange, self.plane, self.caller = exchange, plane, caller
        directory = exchange.directory
        self.connection = directory.add_connection(
            CredentialConnection(
                user_name="john1234",
                password="secret12",
                sip_uri_calling_preference="internal",
                inbound=Inbound(dnis_number_format="sip_username"),
            )
        )
        directory.add_number(NUMBER, self.connection)
        self.gencred1 = directory.add_credential(self.connection, name="gencred1")
        self.gencred2 = directory.add_credential(self.connection, name="gencred2")
        token1_1 = directory.add_token(self.gencred1)
        token2_1, token2_2 = directory.add_token(self.gencred2), directory.add_token(self.gencred2)
        self.accounts = {
            "a": self.account("a", login="john1234", password="secret12"),
            "b": self.by_password("b", self.gencred1),
            "c": self.account("c", token=token1_1),
            "d": self.by_password("d", self.gencred2),
            "e": self.account("e", token=token2_1),
            "f": self.account("f", token=token2_2),
        }
        self.called: asyncio.Queue[tuple[str, Call]] = asyncio.Queue()

    def account(self, name: str, **credentials: str) -> Account:
        return Account(name, server=self.exchange.url, **credentials)  # type: ignore[arg-type]

    def by_password(self, name: str, credential: TelephonyCredential) -> Account:
        return self.account(name, login=credential.sip_username, password=credential.sip_password)

    def client(self, name: str, account: Account | None = None) -> Client:
        """A client that tells when it is called."""
        client = Client(account or self.accounts[name], plane=self.plane)
        client.on("incoming", lambda call: self.called.put_nowait((name, call)))
        return client

    @contextlib.asynccontextmanager
    async def logged_in(self, names: str) -> AsyncIterator[dict[str, Client]]:
        """These clients, logged in one after the other."""
        async with contextlib.AsyncExitStack() as stack:
            yield {name: await stack.enter_async_context(self.client(name)) for name in names}

    async def reached(self, to: str) -> str:
        """Which client a call to `to` reaches; or the cause why it reaches none."""
        placed = await self.caller.dial(to)
        async with placed:
            ended = asyncio.ensure_future(placed.ended())
            rung = asyncio.ensure_future(self.called.get())
            try:
                async with asyncio.timeout(PATIENCE):
                    await asyncio.wait((ended, rung), return_when=asyncio.FIRST_COMPLETED)
                if not rung.done():
                    return (await ended).cause
                name, call = rung.result()
                await call.refuse("USER_BUSY")
                await ended
                assert self.called.empty()  # one of them is called, and no other
                return name
            finally:
                for task in (ended, rung):
                    task.cancel()

    async def gone(self, count: int) -> None:
        """Wait until only so many logins are left."""
        async with asyncio.timeout(PATIENCE):
            while len(self.exchange.registrar) != count:  # noqa: ASYNC110 - the registrar has no events
                await asyncio.sleep(0.01)


def show(scene: Callable[[Example], Awaitable[None]], *, fallback: Fallback = "previous") -> None:
    """Run a scene of the example over real WebSockets."""

    async def whole() -> None:
        async with (
            media_plane() as plane,
            run_exchange(plane=plane, fallback=fallback) as exchange,
            Client(exchange.account("caller"), plane=plane) as caller,
        ):
            await scene(Example(exchange, plane, caller))
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks stayed: {left}"

    clock.run(whole())


def orders() -> list[str]:
    """All orders in which the clients of each group can register, the groups mixed."""
    pairs = itertools.product(itertools.permutations("bc"), itertools.permutations("def"))
    return ["".join((second[0], first[0], "a", second[1], first[1], second[2])) for first, second in pairs]


@pytest.mark.parametrize("order", orders())
def test_six_clients(order: str) -> None:
    """Whoever of a group registered last is reached at the group's address; the number reaches the connection's."""

    async def scene(example: Example) -> None:
        def last(group: str) -> str:
            return [name for name in order if name in group][-1]

        async with example.logged_in(order):
            assert await example.reached("sip:john1234@sip.telnyx.com") == "a"
            assert await example.reached(f"sip:{example.gencred1.sip_username}@sip.telnyx.com") == last("bc")
            assert await example.reached(f"sip:{example.gencred2.sip_username}@sip.telnyx.com") == last("def")
            assert await example.reached(NUMBER) == "a"
            example.connection.inbound.dnis_number_format = "e164"
            assert await example.reached(NUMBER) == "NO_ROUTE_DESTINATION"

    show(scene)


def test_number_never_reaches_a_credential() -> None:
    """With nobody logged in as the connection, its number and name reach nobody, though its credentials are in use."""

    async def scene(example: Example) -> None:
        async with example.logged_in("bcdef"):
            assert await example.reached(NUMBER) == "SUBSCRIBER_ABSENT"
            assert await example.reached("sip:john1234@sip.telnyx.com") == "SUBSCRIBER_ABSENT"

    show(scene)


def test_number_as_login() -> None:
    """Who logs in with the connection's number and password is reached at the connection's name and number."""

    async def scene(example: Example) -> None:
        account = example.account("g", login=NUMBER, password="secret12")
        async with example.client("g", account):
            assert await example.reached("sip:john1234@sip.telnyx.com") == "g"
            assert await example.reached(NUMBER) == "g"

    show(scene)


@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("def")])
def test_newest_drops(order: str) -> None:
    """When the last one goes away the one before it is reached, and so on until there is nobody."""

    async def scene(example: Example) -> None:
        address = f"sip:{example.gencred2.sip_username}@sip.telnyx.com"
        async with contextlib.AsyncExitStack() as first, contextlib.AsyncExitStack() as second:
            await first.enter_async_context(example.client(order[0]))
            await second.enter_async_context(example.client(order[1]))
            async with example.client(order[2]):
                assert await example.reached(address) == order[2]
            await example.gone(3)
            assert await example.reached(address) == order[1]
            await second.aclose()
            await example.gone(2)
            assert await example.reached(address) == order[0]
        await example.gone(1)
        assert await example.reached(address) == "SUBSCRIBER_ABSENT"

    show(scene)


def test_newest_drops_without_fallback() -> None:
    """On an exchange without a fallback, nobody is reached after the last one went, until somebody logs in anew."""

    async def scene(example: Example) -> None:
        address = f"sip:{example.gencred2.sip_username}@sip.telnyx.com"
        async with example.logged_in("d"):
            async with example.client("e"):
                pass
            await example.gone(2)
            assert await example.reached(address) == "SUBSCRIBER_ABSENT"
            async with example.client("f"):
                assert await example.reached(address) == "f"

    show(scene, fallback="none")


def test_same_token_twice() -> None:
    """One token may log in many times, also at once: both stay logged in, and the later one is reached."""

    async def scene(example: Example) -> None:
        address = f"sip:{example.gencred1.sip_username}@sip.telnyx.com"
        account = example.accounts["c"]
        async with example.client("first", account), example.client("second", account):
            assert await example.reached(address) == "second"
            assert len(example.exchange.registrar.lines_of(example.gencred1.sip_username)) == 2

    show(scene)


def test_token_and_password_under_one_key(caplog: pytest.LogCaptureFixture) -> None:
    """A token and a password of one credential are one identity: the later login is reached, and a warning told."""

    async def scene(example: Example) -> None:
        address = f"sip:{example.gencred1.sip_username}@sip.telnyx.com"
        for order in ("bc", "cb"):
            caplog.clear()
            async with example.logged_in(order):
                assert await example.reached(address) == order[-1]
            assert "login.mixed_means" in caplog.text
            await example.gone(1)
        caplog.clear()
        async with example.logged_in("ef"):
            assert await example.reached(address.replace(example.gencred1.sip_username, example.gencred2.sip_username))
        assert "login.mixed_means" not in caplog.text

    show(scene)


def test_credential_deleted_while_others_stay() -> None:
    """Deleting a credential ends the logins of its password and its tokens; those of the others are untouched."""

    async def scene(example: Example) -> None:
        async with example.logged_in("abcdef"):
            example.exchange.directory.delete(example.gencred2)
            await example.gone(4)
            assert await example.reached(f"sip:{example.gencred2.sip_username}@sip.telnyx.com") == "UNALLOCATED_NUMBER"
            assert await example.reached(f"sip:{example.gencred1.sip_username}@sip.telnyx.com") == "c"

    show(scene)


def test_simultaneous_ringing() -> None:
    """With simultaneous ringing all clients of the connection's name are called."""

    async def scene(example: Example) -> None:
        example.connection.inbound.simultaneous_ringing = "enabled"
        account = example.accounts["a"]
        async with (
            example.client("one", account),
            example.client("two", account),
            await example.caller.dial(NUMBER) as placed,
        ):
            async with asyncio.timeout(PATIENCE):
                rung = [await example.called.get() for _ in range(2)]
            assert {name for name, _ in rung} == {"one", "two"}
            for _, call in rung:
                await call.refuse("USER_BUSY")
            assert (await placed.ended()).cause == "USER_BUSY"

    show(scene)


def test_trunk() -> None:
    """A trunk's client calls in from outside, where a name is not reached, and gets the calls that leave by it."""

    async def scene(example: Example) -> None:
        account = example.exchange.trunk_account("carrier", "+49*")
        trunk = example.client("carrier", account)
        async with trunk, example.logged_in("a"):
            assert await example.reached("+4930123") == "carrier"
            assert await example.reached("+33123") == "UNALLOCATED_NUMBER"
            example.caller = trunk
            assert await example.reached(NUMBER) == "a"
            assert await example.reached("sip:john1234@sip.telnyx.com") == "CALL_REJECTED"
            assert await example.reached("+4930123") == "UNALLOCATED_NUMBER"

    show(scene)
