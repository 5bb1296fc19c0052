"""Connections, credentials, applications, numbers and registrations by REST, as the official SDK sees them."""

from __future__ import annotations

import datetime as dt

import pytest
from telnyx import NotFoundError, UnprocessableEntityError

from botkit.exchange.connections import CredentialConnection
from botkit.signalling.auth import Password, Token
from tests.exchange.kit import closed
from tests.exchange.rest.kit import Desk, ask


async def connection(desk: Desk, user_name: str = "john1234") -> CredentialConnection:
    """A connection that was made by REST."""
    made = await desk.sdk.credential_connections.create(
        connection_name="desk", user_name=user_name, password="secret12"
    )
    assert made.data is not None
    return desk.exchange.directory.connection(made.data.id or "")


def code_of(error: UnprocessableEntityError) -> tuple[str, str]:
    (told,) = error.body["errors"]  # type: ignore[index]
    return told["code"], told.get("source", {}).get("pointer", "")


# --- credential connections --------------------------------------------------------------------------


def test_connection_defaults() -> None:
    """A new connection has the documented defaults: no SIP URI calls, numbers by number, no parking."""

    async def scene(desk: Desk) -> None:
        one = (
            await desk.sdk.credential_connections.create(
                connection_name="desk", user_name="john1234", password="secret12"
            )
        ).data
        assert one is not None
        assert one.id is not None
        assert one.inbound is not None
        assert one.outbound is not None
        assert (len(one.id), one.record_type, one.active) == (19, "credential_connection", True)
        assert (one.user_name, one.password, one.connection_name) == ("john1234", "secret12", "desk")
        assert one.sip_uri_calling_preference == "disabled"
        assert one.inbound.dnis_number_format == "e164"
        assert one.inbound.simultaneous_ringing == "disabled"
        assert one.outbound.call_parking_enabled is False
        assert one.created_at is not None
        assert one.created_at.endswith("Z")
        assert one == (await desk.sdk.credential_connections.retrieve(one.id)).data

    ask(scene)


def test_connection_life() -> None:
    """What is made can be read, changed in part, listed by a part of its name, and deleted."""

    async def scene(desk: Desk) -> None:
        connections = desk.sdk.credential_connections
        made = await connection(desk)
        await connection(desk, "other")
        changed = await connections.update(
            made.id,
            connection_name="Front Desk",
            sip_uri_calling_preference="internal",
            webhook_event_url="http://127.0.0.1:9000/hook",
            webhook_timeout_secs=25,
            inbound={"dnis_number_format": "sip_username"},
            outbound={"call_parking_enabled": True},
        )
        assert changed.data is not None
        assert changed.data.inbound is not None
        assert changed.data.inbound.dnis_number_format == "sip_username"
        assert changed.data.inbound.timeout_2xx_secs == 90  # not given, not changed
        assert made.outbound.call_parking_enabled
        found = [one.id async for one in connections.list(filter={"connection_name": {"contains": "front"}})]
        assert found == [made.id]
        names = [one.connection_name async for one in connections.list(sort="connection_name")]
        assert names == ["Front Desk", "desk"]
        assert [one.user_name async for one in connections.list()] == ["other", "john1234"]  # the newest first
        gone = await connections.delete(made.id)
        assert gone.data is not None
        assert gone.data.id == made.id
        with pytest.raises(NotFoundError):
            await connections.retrieve(made.id)

    ask(scene)


def test_user_name_taken() -> None:
    """A user name is one connection's: neither a new one nor a renamed one gets it, and nothing else changes."""

    async def scene(desk: Desk) -> None:
        await connection(desk)
        other = await connection(desk, "other")
        with pytest.raises(UnprocessableEntityError) as refused:
            await connection(desk)
        assert code_of(refused.value) == ("10015", "/user_name")
        with pytest.raises(UnprocessableEntityError) as refused:
            await desk.sdk.credential_connections.update(other.id, user_name="john1234", connection_name="new")
        assert code_of(refused.value) == ("10015", "/user_name")
        assert other.connection_name == "desk"

    ask(scene)


def test_texml_webhooks_need_parking() -> None:
    """`webhook_api_version: texml` is refused unless outbound calls are parked."""

    async def scene(desk: Desk) -> None:
        made = await connection(desk)
        reply = await desk.http.patch(f"/credential_connections/{made.id}", json={"webhook_api_version": "texml"})
        assert reply.status_code == 422
        body = {"webhook_api_version": "texml", "outbound": {"call_parking_enabled": True}}
        assert (await desk.http.patch(f"/credential_connections/{made.id}", json=body)).status_code == 200
        body = {"outbound": {"call_parking_enabled": False}}
        assert (await desk.http.patch(f"/credential_connections/{made.id}", json=body)).status_code == 422
        assert made.outbound.call_parking_enabled

    ask(scene)


def test_renamed_connection() -> None:
    """A new user name ends the logins under the old one, which is free again; the new one logs in."""

    async def scene(desk: Desk) -> None:
        made = await connection(desk)
        phone = await desk.line()
        await phone.ready("john1234", "secret12")
        await desk.sdk.credential_connections.update(made.id, user_name="jane1234")
        await phone.hears("punt")
        assert await closed(phone) == 1000
        again = await desk.line()
        await again.ready("jane1234", "secret12")
        await connection(desk)

    ask(scene)


def test_registration_status() -> None:
    """Both looks at a registration tell who is logged in, from where, and when nobody is."""

    async def scene(desk: Desk) -> None:
        made = await connection(desk)
        actions = desk.sdk.credential_connections.actions
        before = (await actions.check_registration_status(made.id)).data
        assert before is not None
        assert before.status == "Not Registered"
        phone = await desk.line()
        await phone.ready("john1234", "secret12")
        after = (await actions.check_registration_status(made.id)).data
        assert after is not None
        assert (after.status, after.ip_address, after.user_agent) == ("Registered", "127.0.0.1", "test")
        flat = await desk.sdk.sip_registration_status.list(
            credential_type="sip_credential_connection", username="john1234"
        )
        assert flat.registered is True
        assert flat.sip_registration_details is not None
        assert flat.sip_registration_details.ua_port == after.port
        assert (flat.connection_id, flat.connection_name) == (made.id, "desk")
        credential = desk.exchange.directory.add_credential(made)
        idle = await desk.sdk.sip_registration_status.list(
            credential_type="telephony_credential", username=credential.sip_username
        )
        assert (idle.registered, idle.sip_registration_status) == (False, "unknown")
        with pytest.raises(NotFoundError):  # of another kind
            await desk.sdk.sip_registration_status.list(credential_type="telephony_credential", username="john1234")
        reply = await desk.http.get("/sip_registration_status?credential_type=telephony_credential")
        assert reply.json()["errors"][0]["code"] == "10004"

    ask(scene)


# --- telephony credentials ---------------------------------------------------------------------------


def test_credential_life() -> None:
    """A credential is made for a connection, logs in, gives tokens as bare text, and is deleted with all of them."""

    async def scene(desk: Desk) -> None:
        owner = await connection(desk)
        credentials = desk.sdk.telephony_credentials
        made = (await credentials.create(connection_id=owner.id, name="desk 7", tag="desks")).data
        assert made is not None
        assert made.id is not None
        assert (made.record_type, made.name, made.expired, made.expires_at) == (
            "telephony_credential",
            "desk 7",
            False,
            None,
        )
        assert made.resource_id == f"connection:{owner.id}"
        assert (made.sip_username or "").startswith("gencred")
        directory = desk.exchange.directory
        assert directory.authenticate(Password(made.sip_username or "", made.sip_password or ""))
        token = await credentials.create_token(made.id)
        identity = directory.authenticate(Token(token))
        assert identity is not None
        assert identity.name == made.sip_username
        phone = await desk.line()
        await phone.login(login_token=token)
        await phone.hears("clientReady")
        changed = (await credentials.update(made.id, name="desk 8")).data
        assert changed is not None
        assert changed.name == "desk 8"
        await credentials.delete(made.id)
        await phone.hears("punt")
        assert await closed(phone) == 1000
        assert directory.authenticate(Token(token)) is None
        with pytest.raises(NotFoundError):
            await credentials.create_token(made.id)

    ask(scene)


def test_credential_filters() -> None:
    """Lists are filtered by each documented member; the connection's id stands behind `connection:`."""

    async def scene(desk: Desk) -> None:
        owner, other = await connection(desk), await connection(desk, "other")
        directory = desk.exchange.directory
        one = directory.add_credential(owner, name="one", tag="a", expires_at=directory.now() - 1)
        two = directory.add_credential(other, name="two", tag="a")

        async def found(**wanted: str) -> list[str | None]:
            return [each.id async for each in desk.sdk.telephony_credentials.list(filter=wanted)]  # type: ignore[arg-type]

        assert await found(tag="a") == [two.id, one.id]
        assert await found(tag="b") == []
        assert await found(name="one") == [one.id]
        assert await found(resource_id=f"connection:{other.id}") == [two.id]
        assert await found(sip_username=one.sip_username) == [one.id]
        assert await found(status="expired") == [one.id]
        assert await found(status="active", tag="a") == [two.id]

    ask(scene)


def test_credential_expiry() -> None:
    """A time that has passed, or is none, is refused; an expired credential can be neither changed nor used."""

    async def scene(desk: Desk) -> None:
        owner = await connection(desk)
        credentials, now = desk.sdk.telephony_credentials, dt.datetime.now(dt.UTC)
        for wrong in ("yesterday", (now - dt.timedelta(hours=1)).isoformat()):
            with pytest.raises(UnprocessableEntityError) as refused:
                await credentials.create(connection_id=owner.id, expires_at=wrong)
            assert code_of(refused.value) == ("10015", "/expires_at")
        made = (
            await credentials.create(connection_id=owner.id, expires_at=(now + dt.timedelta(hours=1)).isoformat())
        ).data
        assert made is not None
        assert made.id is not None
        phone = await desk.line()
        await phone.ready(made.sip_username or "", made.sip_password or "")
        gone = (await credentials.update(made.id, expires_at=(now - dt.timedelta(hours=1)).isoformat())).data
        assert gone is not None
        assert gone.expired is True
        await phone.hears("punt")
        with pytest.raises(UnprocessableEntityError):
            await credentials.update(made.id, name="x")
        with pytest.raises(UnprocessableEntityError):
            await credentials.create_token(made.id)

    ask(scene)


def test_credential_of_no_connection() -> None:
    """An unknown connection, or one of another kind, is refused with a pointer."""

    async def scene(desk: Desk) -> None:
        application = (
            await desk.sdk.call_control_applications.create(application_name="a", webhook_event_url="http://x/")
        ).data
        assert application is not None
        for ident in ("1", application.id or ""):
            with pytest.raises(UnprocessableEntityError) as refused:
                await desk.sdk.telephony_credentials.create(connection_id=ident)
            assert code_of(refused.value) == ("10015", "/connection_id")

    ask(scene)


# --- applications and numbers --------------------------------------------------------------------------


def test_voice_application_life() -> None:
    """A Voice API application is made, changed in part, listed and deleted; it needs a URL with its scheme."""

    async def scene(desk: Desk) -> None:
        applications = desk.sdk.call_control_applications
        made = (await applications.create(application_name="ivr", webhook_event_url="http://127.0.0.1:9/h")).data
        assert made is not None
        assert made.id is not None
        assert (made.record_type, made.active, made.first_command_timeout) == ("call_control_application", True, False)
        changed = (
            await applications.update(
                made.id,
                application_name="ivr",
                webhook_event_url="http://127.0.0.1:9/h",
                inbound={"sip_subdomain": "ivr", "sip_subdomain_receive_settings": "only_my_connections"},
                webhook_event_failover_url=None,
            )
        ).data
        assert changed is not None
        assert changed.inbound is not None
        assert changed.inbound.sip_subdomain == "ivr"
        found = [one.id async for one in applications.list(filter={"application_name": {"contains": "IVR"}})]
        assert found == [made.id]
        for url in ("127.0.0.1/h", ""):
            with pytest.raises(UnprocessableEntityError):
                await applications.create(application_name="x", webhook_event_url=url)
        await applications.delete(made.id)
        with pytest.raises(NotFoundError):
            await applications.retrieve(made.id)

    ask(scene)


def test_texml_application_life() -> None:
    """A TeXML application likewise."""

    async def scene(desk: Desk) -> None:
        applications = desk.sdk.texml_applications
        made = (await applications.create(friendly_name="menu", voice_url="http://127.0.0.1:9/v")).data
        assert made is not None
        assert made.id is not None
        assert (made.record_type, made.voice_method) == ("texml_application", "post")
        changed = (
            await applications.update(
                made.id, friendly_name="menu 2", voice_url="http://127.0.0.1:9/v", voice_method="get"
            )
        ).data
        assert changed is not None
        assert (changed.voice_method, changed.friendly_name) == ("get", "menu 2")
        assert [one.id async for one in applications.list(filter={"friendly_name": "menu"})] == [made.id]
        await applications.delete(made.id)
        with pytest.raises(NotFoundError):
            await applications.retrieve(made.id)

    ask(scene)


def test_all_owners() -> None:
    """Connections and applications of all kinds are listed together and read by their id."""

    async def scene(desk: Desk) -> None:
        one = await connection(desk)
        two = (
            await desk.sdk.call_control_applications.create(application_name="ivr", webhook_event_url="http://x/")
        ).data
        three = (await desk.sdk.texml_applications.create(friendly_name="menu", voice_url="http://x/")).data
        assert two is not None
        assert three is not None
        found = {each.id: each.record_type async for each in desk.sdk.connections.list(page_size=1)}
        assert found == {
            one.id: "credential_connection",
            two.id: "call_control_application",
            three.id: "texml_application",
        }
        names = [each.connection_name async for each in desk.sdk.connections.list(sort="-connection_name")]
        assert names == ["menu", "ivr", "desk"]
        read = (await desk.sdk.connections.retrieve(three.id or "")).data
        assert read is not None
        assert read.connection_name == "menu"
        with pytest.raises(NotFoundError):
            await desk.sdk.connections.retrieve("1")

    ask(scene)


def test_numbers() -> None:
    """A number is moved between a connection and an application; it has one owner at a time."""

    async def scene(desk: Desk) -> None:
        owner = await connection(desk)
        number = desk.exchange.directory.add_number("+13128889999", owner)
        assert number is not None
        numbers = desk.sdk.phone_numbers
        (listed,) = [one async for one in numbers.list(filter={"phone_number": "3128"})]
        assert (listed.id, listed.connection_id, listed.connection_name) == (number.id, owner.id, "desk")
        application = (
            await desk.sdk.call_control_applications.create(application_name="ivr", webhook_event_url="http://x/")
        ).data
        assert application is not None
        assert application.id is not None
        await numbers.update(number.id, connection_id=application.id)
        assert [one.id async for one in numbers.list(filter={"connection_id": owner.id})] == []
        moved = (await numbers.retrieve(number.id)).data
        assert moved is not None
        assert moved.connection_name == "ivr"
        with pytest.raises(UnprocessableEntityError) as refused:
            await numbers.update(number.id, connection_id="1")
        assert code_of(refused.value) == ("10015", "/connection_id")
        await desk.sdk.call_control_applications.delete(application.id)
        assert not number.connection_id

    ask(scene)
