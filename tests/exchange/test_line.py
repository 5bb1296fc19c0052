"""A client's line: login, and the frames of signalling.md 12.2 and 12.5."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid

import pytest

from botkit.exchange.line import CANDIDATES_KEPT, LOGIN_WITHIN
from botkit.signalling.line import LineClosed
from tests.exchange.kit import Frame, Office, Phone, closed, play, until


def refused_with(reply: Frame) -> tuple[int, str]:
    return reply["error"]["code"], reply["error"]["message"]


# --- login ------------------------------------------------------------------------------------------


def test_login_and_ready() -> None:
    """12.2: result, then clientReady; a poll says REGED; each frame has a voice_sdk_id, own requests integer ids."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        assert alice.order == ["result", "clientReady", "result"]
        login, ready, polled = alice.seen
        assert login["result"] == {"message": "logged in", "sessid": login["result"]["sessid"]}
        assert isinstance(ready["id"], int)
        assert "state" not in ready["params"]
        assert polled["result"] == {"params": {"state": "REGED"}, "sessid": login["result"]["sessid"]}
        assert len({frame["voice_sdk_id"] for frame in alice.seen}) == 1
        assert alice.seen[0]["voice_sdk_id"].startswith("VSDK1")
        assert len(office.exchange.registrar) == 1

    play(scene)


def test_login_by_token_and_by_telephony_credential() -> None:
    """A telephony credential and its token register the credential's name; with both in one frame the password wins."""

    async def scene(office: Office) -> None:
        directory, registrar = office.exchange.directory, office.exchange.registrar
        credential = directory.add_credential(directory.add_user("alice", password="secret"))
        token = directory.add_token(credential)
        secrets = {"login": credential.sip_username, "passwd": credential.sip_password}
        for count, given in enumerate(({"login_token": token}, secrets), 1):
            phone = await office.line()
            assert "result" in await phone.login(**given)
            assert len(registrar.lines_of(credential.sip_username)) == count
        both = await office.line()
        assert "result" in await both.login(login="alice", passwd="secret", login_token=token)
        assert len(registrar.lines_of("alice")) == 1

    play(scene)


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({"login": "alice", "passwd": "wrong"}, "Login Incorrect"),
        ({"login": "nobody", "passwd": "secret"}, "Login Incorrect"),
        ({"login": "alice", "passwd": "\ud800"}, "Login Incorrect"),
        ({"login": "alice", "passwd": "wrong", "login_token": "wrong"}, "Login Incorrect"),
        ({"login_token": "wrong"}, "JWT token authentication failed"),
    ],
    ids=str,
)
def test_wrong_login(credentials: Frame, words: str) -> None:
    """12.5: -32001 and words that tell the kind of login only; the socket stays open, and the right ones still work."""

    async def scene(office: Office) -> None:
        office.exchange.directory.add_user("alice", password="secret")
        alice = await office.line()
        assert refused_with(await alice.login(**credentials)) == (-32001, words)
        await alice.hears_nothing()
        assert len(office.exchange.registrar) == 0
        await alice.ready("alice", "secret")

    play(scene)


def test_login_without_credentials() -> None:
    """A login that names nobody is an error, never -32000, which would be tried again without end."""

    async def scene(office: Office) -> None:
        alice = await office.line()
        code, _ = refused_with(await alice.login())
        assert code != -32000

    play(scene)


def test_nothing_before_login() -> None:
    """Who has not logged in is told so, and no call is made."""

    async def scene(office: Office) -> None:
        bob = await office.phone("bob", "100")
        alice = await office.line()
        code, message = refused_with(await alice.reply_to(await alice.dial("100")))
        assert (code, message) == (-32000, "Authentication Required")
        await bob.hears_nothing()

    play(scene)


def test_last_login_wins() -> None:
    """A second login of a user gets the calls; the first stays logged in, and gets them when the second has gone."""

    async def scene(office: Office) -> None:
        bob = await office.phone("bob")
        old = await office.phone("alice", "100")
        new = await office.phone("alice")
        await bob.dial("100")
        await new.rings()
        await new.vanish()
        await bob.hears("bye")
        await bob.dial("100")
        await old.rings()

    play(scene)


def test_reconnect_takes_the_session_over() -> None:
    """A login that names a session which its user still holds gets it, and punts the line that had it."""

    async def scene(office: Office) -> None:
        old = await office.phone("alice")
        password = office.exchange.account("alice").password
        new = await office.line()
        reply = await new.login(login="alice", passwd=password, sessid=old.session_id)
        assert reply["result"]["sessid"] == old.session_id
        assert await old.hears("punt") == {}
        assert await closed(old) == 1000
        assert len(office.exchange.registrar) == 1

    play(scene)


def test_session_of_somebody_else() -> None:
    """A session that another user holds, or that nobody holds, is not handed out."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), office.exchange.account("bob")
        for proposed in (alice.session_id, "5c7ffb0a-8f0e-4b52-9d5f-1f3c0c2b0a01"):
            phone = await office.line()
            reply = await phone.login(login="bob", passwd=bob.password, sessid=proposed)
            assert reply["result"]["sessid"] != proposed
        assert len(office.exchange.registrar) == 3

    play(scene)


def test_credential_deleted() -> None:
    """Deleting a credential punts and closes all who are logged in with it, and refuses its token; others stay."""

    async def scene(office: Office) -> None:
        directory = office.exchange.directory
        user = directory.add_user("alice")
        await office.phone("alice")
        credential = directory.add_credential(user)
        token = directory.add_token(credential)
        phones = [await office.line() for _ in range(2)]
        for phone in phones:
            await phone.login(login_token=token)
            await phone.hears("clientReady")
        directory.delete(credential)
        for phone in phones:
            await phone.hears("punt")
            assert await closed(phone) == 1000
        assert [len(office.exchange.registrar.lines_of(name)) for name in (credential.sip_username, "alice")] == [0, 1]
        late = await office.line()
        assert refused_with(await late.login(login_token=token)) == (-32001, "JWT token authentication failed")

    play(scene)


def test_credential_expires() -> None:
    """When a credential expires its clients are punted, not before; putting the time off keeps them."""

    async def scene(office: Office) -> None:
        directory, now = office.exchange.directory, office.exchange.clock.wall()
        credential = directory.add_credential(directory.add_user("alice"), expires_at=now + 60)
        phone = await office.line()
        await phone.login(login=credential.sip_username, passwd=credential.sip_password)
        await phone.hears("clientReady")
        phone.answers_pings = True
        credential.expires_at = now + 100
        directory.touch(credential)
        with pytest.raises(TimeoutError):
            await phone.hears("punt", patience=90)
        await phone.hears("punt")
        assert office.exchange.clock.wall() - now >= 100
        assert len(office.exchange.registrar) == 0

    play(scene)


def test_connection_switched_off() -> None:
    """A connection that is switched off ends its logins and those of its credentials, and refuses new ones."""

    async def scene(office: Office) -> None:
        directory = office.exchange.directory
        user = directory.add_user("alice", password="secret")
        alice = await office.phone("alice")
        by_token = await office.line()
        await by_token.login(login_token=directory.add_token(directory.add_credential(user)))
        user.active = False
        directory.touch(user)
        for phone in (alice, by_token):
            await phone.hears("punt")
        late = await office.line()
        assert refused_with(await late.login(login="alice", passwd="secret")) == (-32001, "Login Incorrect")

    play(scene)


def test_login_again_on_one_socket() -> None:
    """A fresh login on the same socket is answered like the first, and nobody is punted."""

    async def scene(office: Office) -> None:
        account = office.exchange.account("alice")
        alice = await office.phone("alice")
        assert "result" in await alice.login(login="alice", passwd=account.password)
        assert "punt" not in alice.order
        await alice.hears("clientReady")

    play(scene)


def test_login_again_during_a_call() -> None:
    """clientReady names the calls that are up: the JS SDK ends those that it does not name."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.login(login="alice", passwd=office.exchange.account("alice").password)
        assert (await alice.hears("clientReady"))["reattached_sessions"] == [alice.call_id]
        await bob.hears_nothing()

    play(scene)


def test_reached_as_last_logged_in() -> None:
    """A line that logs in as somebody else is that user from then on."""

    async def scene(office: Office) -> None:
        bob = await office.phone("bob")
        carol = office.exchange.account("carol", "200")
        alice = await office.phone("alice", "100")
        assert "result" in await alice.login(login="carol", passwd=carol.password)
        await alice.hears("clientReady")
        await bob.dial("100")
        assert (await bob.hears("bye"))["cause"] == "SUBSCRIBER_ABSENT"
        await bob.dial("200")
        await alice.rings()

    play(scene)


# --- keepalive and courtesies -------------------------------------------------------------------------


def test_pings_both_ways() -> None:
    """Some frame comes at least every 20 s, and a client's own ping is answered."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        began = asyncio.get_running_loop().time()
        for count in range(1, 4):
            await alice.hears("ping")
            assert asyncio.get_running_loop().time() - began < 20 * count
        assert (await alice.ask("telnyx_rtc.ping"))["result"]["message"] == "PONG"

    play(scene)


def test_silent_client_is_given_up() -> None:
    """A client that answers no ping at all is closed, and is registered no more."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        async with asyncio.timeout(120):
            await until(lambda: not office.exchange.lines)
        assert len(office.exchange.registrar) == 0
        assert await closed(alice) == 1000

    play(scene)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", -32600),
        ("[]", -32600),
        ("42", -32600),
        ("{}", None),
        ('{"id":"x","method":"login"}', None),
        ('{"jsonrpc":"2.0","id":"x","method":"telnyx_rtc.nonsense","params":{}}', -32601),
        ('{"jsonrpc":"2.0","id":"x","method":"telnyx_rtc.invite","params":[]}', -32600),
        ('{"jsonrpc":"2.0","id":"x","method":"telnyx_rtc.invite","params":{}}', None),
        ('{"jsonrpc":"2.0","id":"x","method":"telnyx_rtc.modify","params":{"action":"hold"}}', None),
        ('{"jsonrpc":"2.0","id":"x","method":"telnyx_rtc.answer","params":{"sdp":"v=0","dialogParams":{}}}', None),
    ],
)
def test_bad_frames(text: str, code: int | None) -> None:
    """What cannot be read or obeyed gets an error; the line, and calls on it, go on."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.write(text)
        frame = await alice.read()
        assert frame["error"]["code"] < 0
        if code is not None:
            assert frame["error"]["code"] == code
        if '"id":"x"' in text:
            assert frame["id"] == "x"
        assert (await alice.ask("telnyx_rtc.ping"))["result"]["message"] == "PONG"
        alice.speak([bytes([7]) * 160])
        await asyncio.sleep(0.2)
        assert bytes([7]) * 160 in bob.heard

    play(scene)


@pytest.mark.parametrize("verb", ["modify", "info", "bye", "answer", "candidate"])
def test_unknown_call(verb: str) -> None:
    """Every request about a call that is not there is answered: a bye and stray candidates well, others by an error."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        alice.call_id = str(uuid.uuid4())
        more = {"action": "hold", "sdp": "v=0", "dtmf": "1", "candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host"}
        reply = await alice.ask(f"telnyx_rtc.{verb}", **alice.about(**more))
        if verb in ("bye", "info", "candidate"):
            assert isinstance(reply["result"], dict)
        else:
            assert refused_with(reply) == (-32002, "CALL DOES NOT EXIST")

    play(scene)


def test_somebody_elses_call() -> None:
    """A call is its own clients': nobody else can end it, answer it or send digits into it."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        mallory = await office.phone("mallory")
        mallory.call_id = bob.call_id
        await mallory.hang_up()
        assert "error" in await mallory.ask("telnyx_rtc.modify", **mallory.about(action="hold"))
        await mallory.ask("telnyx_rtc.info", **mallory.about(dtmf="1"))
        await alice.hears_nothing(0.5)
        assert not alice.digits
        assert office.exchange.switch.bridges

    play(scene)


def test_debug_report_is_answered() -> None:
    """5.7: a frame with a type and no method gets a result, or the JS SDK would never call."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        await alice.write(json.dumps({"jsonrpc": "2.0", "id": "d-1", "type": "debug_report_start"}))
        assert "result" in await alice.reply_to("d-1")

    play(scene)


# --- what one client may use up -----------------------------------------------------------------------


def test_too_long_candidates_are_dropped() -> None:
    """A candidate, or a call id, of a length that none has is answered and not kept."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        (line,) = office.exchange.lines
        alice.call_id = "nope"
        assert "result" in await alice.ask("telnyx_rtc.candidate", **alice.about(candidate="x" * 100_000))
        alice.call_id = "n" * 100_000
        assert "result" in await alice.ask("telnyx_rtc.candidate", **alice.about(candidate="x"))
        assert not line._early

    play(scene)


def test_candidates_of_unknown_calls_make_room() -> None:
    """Candidates for very many calls that are not there take the place of the oldest, not that of later calls."""

    async def scene(office: Office) -> None:
        alice = await office.phone("alice")
        (line,) = office.exchange.lines
        for number in range(CANDIDATES_KEPT + 1):
            alice.call_id = f"nope-{number}"
            await alice.ask("telnyx_rtc.candidate", **alice.about(candidate="candidate:1 1 udp 1 127.0.0.1 9 typ host"))
        assert len(line._early) == CANDIDATES_KEPT
        assert "nope-0" not in line._early
        assert f"nope-{CANDIDATES_KEPT}" in line._early

    play(scene)


def test_who_does_not_log_in_is_closed() -> None:
    """A connection without a login is closed in time, whatever else it says; one with a login is not."""

    async def reading(phone: Phone) -> None:
        phone.answers_pings = True
        with contextlib.suppress(LineClosed):
            while True:
                await phone.read()

    async def scene(office: Office) -> None:
        bob = asyncio.ensure_future(reading(await office.phone("bob")))
        phone = await office.line()
        await phone.login(login="nobody", passwd="wrong")
        alice = asyncio.ensure_future(reading(phone))
        await asyncio.sleep(LOGIN_WITHIN - 1)
        assert len(office.exchange.lines) == 2
        await asyncio.sleep(2)
        assert alice.done()
        await asyncio.sleep(60)
        assert not bob.done()
        assert len(office.exchange.lines) == 1
        bob.cancel()
        await asyncio.wait((bob,))

    play(scene)


def test_too_many_calls_of_one_client() -> None:
    """A call beyond the limit ends with a bye at once; when one is over, the next goes through."""

    async def scene(office: Office) -> None:
        office.exchange.legs_per_line = 2
        bob = await office.phone("bob", "100")
        alice = await office.phone("alice")
        for _ in range(2):
            await alice.dial("100")
            await bob.rings()
        first = alice.call_id
        await alice.dial("100")
        bye = await alice.hears("bye")
        assert (bye["callID"], bye["cause"], bye["causeCode"]) == (alice.call_id, "NORMAL_TEMPORARY_FAILURE", 41)
        await bob.hears_nothing()
        alice.call_id = first
        await alice.hang_up()
        await bob.hears("bye")
        await asyncio.sleep(0.1)
        await alice.dial("100")
        await bob.rings()

    play(scene)
