"""What holds for every path of the REST side: keys, errors, lists, empty bodies, encoded segments."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from telnyx import AsyncTelnyx, AuthenticationError, NotFoundError

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.door import MAX_BODY
from botkit.exchange.rest.envelope import Page, listed, seconds_of, stamp
from tests.exchange.kit import PATIENCE
from tests.exchange.rest.kit import Desk, ask


def code_of(reply: httpx.Response) -> tuple[int, str]:
    """The status and the code of the only error; all of its shape is looked at."""
    (error,) = reply.json()["errors"]
    assert reply.headers["content-type"] == "application/json"
    assert error["title"]
    assert error["meta"]["url"].endswith(f"/{error['code']}")
    return reply.status_code, error["code"]


# --- keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "Bearer", "Bearer wrong", "Basic {key}", "{key}", "Bearer {key}x"])
@pytest.mark.parametrize("path", ["/credential_connections", "/nowhere", ""])
def test_no_key(key: str | None, path: str) -> None:
    """Without a good Bearer key every path is 401 with 10009, whether it is served or not."""

    async def scene(desk: Desk) -> None:
        headers = {} if key is None else {"Authorization": key.format(key=desk.exchange.api_key)}
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as stranger:
            reply = await stranger.get(desk.exchange.rest + path, headers=headers)
        assert code_of(reply) == (401, "10009")

    ask(scene)


def test_sdk_without_a_key() -> None:
    """The SDK raises its error of authentication."""

    async def scene(desk: Desk) -> None:
        async with AsyncTelnyx(api_key="wrong", base_url=desk.exchange.rest, max_retries=0, timeout=PATIENCE) as sdk:
            with pytest.raises(AuthenticationError):
                await sdk.telephony_credentials.list()

    ask(scene)


@pytest.mark.parametrize("ending", ["", "/"])
def test_base_url(ending: str) -> None:
    """The SDK's base URL may end in a slash or not."""

    async def scene(desk: Desk) -> None:
        key = desk.exchange.api_key
        async with AsyncTelnyx(
            api_key=key, base_url=desk.exchange.rest + ending, max_retries=0, timeout=PATIENCE
        ) as sdk:
            assert [one async for one in sdk.credential_connections.list()] == []

    ask(scene)


def test_several_keys() -> None:
    """Each of the exchange's keys lets in, and one that is taken away does not any more."""

    async def scene(desk: Desk) -> None:
        keys = desk.exchange.api_keys
        keys.append("KEYother")
        other = {"Authorization": "bearer  KEYother"}
        for path in ("/phone_numbers", "/credential_connections"):
            assert (await desk.http.get(path, headers=other)).status_code == 200
        keys.remove("KEYother")
        assert code_of(await desk.http.get("/phone_numbers", headers=other)) == (401, "10009")

    ask(scene)


@pytest.mark.parametrize("path", ["/v2%2Fphone_numbers", "//v2/phone_numbers", "/%762/phone_numbers", "/v2", "/V2/x"])
def test_no_way_round_the_door(path: str) -> None:
    """However a path is written, nothing is served without a key."""

    async def scene(desk: Desk) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.exchange.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status = (await reader.readline()).split()[1]
        writer.close()
        await writer.wait_closed()
        assert status in (b"401", b"404")

    ask(scene)


def test_description() -> None:
    """The OpenAPI description needs no key; every operation has a summary, and says how refusals look."""

    async def scene(desk: Desk) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as stranger:
            described = (await stranger.get(f"{desk.exchange.rest}/openapi.json")).json()
        assert described["info"]["title"] == "botkit exchange"
        operations = [
            (path, verb, operation) for path, verbs in described["paths"].items() for verb, operation in verbs.items()
        ]
        assert len(operations) > 20
        for path, verb, operation in operations:
            assert operation["summary"], (verb, path)
            assert operation["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Errors")
        assert described["servers"] == [{"url": "/v2"}]

    ask(scene)


# --- errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/credential_connections/%ff%00", "/credential_connections/1", "/credential_connections/1/", "/a%2Fb"],
)
def test_unknown(path: str) -> None:
    """A path or an id that nobody knows is 404 with 10005."""

    async def scene(desk: Desk) -> None:
        assert code_of(await desk.http.get(path)) == (404, "10005")

    ask(scene)


def test_method_that_a_path_has_not() -> None:
    """It is 404 with 10005 as well: there is no such resource."""

    async def scene(desk: Desk) -> None:
        assert code_of(await desk.http.put("/credential_connections")) == (404, "10005")

    ask(scene)


@pytest.mark.parametrize(
    ("body", "status", "code", "source"),
    [
        ({"user_name": "john1234", "password": "secret12"}, 422, "10004", {"pointer": "/connection_name"}),
        (
            {"connection_name": "c", "user_name": "john1234", "password": "short"},
            422,
            "10033",
            {"pointer": "/password"},
        ),
        (
            {"connection_name": "c", "user_name": "1234567", "password": "secret12"},
            422,
            "10015",
            {"pointer": "/user_name"},
        ),
        ({"connection_name": "c", "user_name": 7, "password": "secret12"}, 422, "10015", {"pointer": "/user_name"}),
        (
            {
                "connection_name": "c",
                "user_name": "john1234",
                "password": "secret12",
                "inbound": {"dnis_number_format": "x"},
            },
            422,
            "10032",
            {"pointer": "/inbound/dnis_number_format"},
        ),
        (
            {"connection_name": "\ud800", "user_name": "john1234", "password": "secret12"},
            422,
            "10015",
            {"pointer": "/connection_name"},
        ),
        ([], 422, "10015", None),
        ("[" * 100_000, 400, "10015", None),
        ('{"webhook_timeout_secs": ' + "9" * 5000 + "}", 400, "10015", None),
        ("{", 400, "10015", None),
        ("\x00", 400, "10015", None),
    ],
)
def test_bad_bodies(body: object, status: int, code: str, source: dict[str, str] | None) -> None:
    """What is wrong with a body is told with its code, and a pointer to the member."""

    async def scene(desk: Desk) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        reply = await desk.http.post(
            "/credential_connections", content=text, headers={"Content-Type": "application/json"}
        )
        told = reply.json()["errors"][0]
        assert (reply.status_code, told["code"], told.get("source")) == (status, code, source)
        assert not desk.exchange.directory.connections

    ask(scene)


def test_several_errors_at_once() -> None:
    """Each member that is wrong has its error."""

    async def scene(desk: Desk) -> None:
        reply = await desk.http.post("/credential_connections", json={})
        assert [error["source"]["pointer"] for error in reply.json()["errors"]] == [
            "/connection_name",
            "/user_name",
            "/password",
        ]

    ask(scene)


def test_unknown_members_are_ignored() -> None:
    """A body may hold what we do not know."""

    async def scene(desk: Desk) -> None:
        body = {"connection_name": "c", "user_name": "john1234", "password": "secret12", "rtcp_settings": {"port": "x"}}
        reply = await desk.http.post("/credential_connections", json=body)
        assert reply.status_code == 201
        assert "rtcp_settings" not in reply.json()["data"]

    ask(scene)


@pytest.mark.parametrize("chunked", [False, True])
def test_body_too_large(chunked: bool) -> None:
    """A body beyond the limit is refused, whether it says its length or not."""

    async def scene(desk: Desk) -> None:
        async def chunks() -> object:
            for _ in range(MAX_BODY // 50_000 + 1):
                yield b" " * 50_000

        content = chunks() if chunked else b" " * (MAX_BODY + 1)
        reply = await desk.http.post(
            "/credential_connections",
            content=content,  # type: ignore[arg-type]
            headers={"Content-Type": "application/json"},
        )
        assert code_of(reply) == (413, "10015")

    ask(scene)


def test_empty_body() -> None:
    """A JSON content type with nothing behind it is a body without members."""

    async def scene(desk: Desk) -> None:
        connection = desk.exchange.directory.add_user("john1234")
        for method, path in (("PATCH", ""), ("POST", "/actions/check_registration_status")):
            reply = await desk.http.request(
                method, f"/credential_connections/{connection.id}{path}", headers={"Content-Type": "application/json"}
            )
            assert reply.status_code == 200

    ask(scene)


# --- paths and lists -----------------------------------------------------------------------------------


def test_encoded_segment() -> None:
    """A segment is decoded once, after the path was split: the SDK escapes what stands in an id."""

    async def scene(desk: Desk) -> None:
        desk.exchange.directory.add_number("+15550001", None)
        found = await desk.sdk.phone_numbers.retrieve("+15550001")
        assert found.data is not None
        assert found.data.phone_number == "+15550001"
        reply = await desk.http.get("/phone_numbers/%2B15550001")
        assert reply.status_code == 200
        with pytest.raises(NotFoundError):
            await desk.sdk.phone_numbers.retrieve("v3:abc+/=")
        assert code_of(await desk.http.get("/phone_numbers/%252B15550001")) == (404, "10005")

    ask(scene)


def test_lists_end() -> None:
    """The SDK's walk through all pages comes to an end, and sees each entry once."""

    async def scene(desk: Desk) -> None:
        made = {desk.exchange.directory.add_user(f"user{number}").id for number in range(45)}
        seen = [one.id async for one in desk.sdk.credential_connections.list(page_size=10)]
        assert len(seen) == 45
        assert set(seen) == made
        assert [one async for one in desk.sdk.telephony_credentials.list()] == []

    ask(scene)


@pytest.mark.parametrize("query", ["page[number]=0", "page[number]=x", "page[size]=0"])
def test_pages_that_there_are_not(query: str) -> None:
    """A page's number and size count from 1; the error names the parameter."""

    async def scene(desk: Desk) -> None:
        reply = await desk.http.get(f"/credential_connections?{query}")
        assert reply.status_code == 422
        assert reply.json()["errors"][0]["source"] == {"parameter": query.split("=")[0]}

    ask(scene)


def test_page_arithmetic() -> None:
    """A page is a slice; beyond the last one there is nothing; no entries are one empty page."""
    entries = [{"n": number} for number in range(5)]
    meta = {"page_number": 3, "page_size": 2, "total_pages": 3, "total_results": 5}
    assert listed(entries, Page(3, 2)) == {"data": [{"n": 4}], "meta": meta}
    assert listed(entries, Page(4, 2))["data"] == []
    assert listed([], Page())["meta"] == {"page_number": 1, "page_size": 20, "total_pages": 1, "total_results": 0}


def test_times() -> None:
    """Times go out in UTC with microseconds, and come in with any zone; without one they are UTC."""
    assert stamp(0.5) == "1970-01-01T00:00:00.500000Z"
    assert seconds_of("1970-01-01T01:00:00+01:00", "/x") == 0.0
    assert seconds_of("1970-01-01T00:00:01", "/x") == 1.0
    last = ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59")
    for text in ("", "tomorrow", "2026-13-01T00:00:00Z", *last):
        with pytest.raises(CommandRefused, match="10015"):
            seconds_of(text, "/x")


def test_many_at_once() -> None:
    """Requests that come at the same time each get their own reply."""

    async def scene(desk: Desk) -> None:
        bodies = [
            {"connection_name": f"c{number}", "user_name": f"user{number:03}", "password": "secret12"}
            for number in range(30)
        ]
        replies = await asyncio.gather(*(desk.http.post("/credential_connections", json=body) for body in bodies))
        assert [reply.json()["data"]["user_name"] for reply in replies] == [body["user_name"] for body in bodies]

    ask(scene)


def test_built_when_it_is_asked_for() -> None:
    """An exchange begins without its REST side; the first request, or who wants it, builds it, once."""

    async def scene(desk: Desk) -> None:
        opened = desk.exchange.open_rest
        assert opened is not None
        lazy = opened.__self__  # type: ignore[attr-defined]
        assert not lazy.routers
        assert (await desk.http.get("/queues")).status_code == 200
        assert lazy.routers
        assert opened() is opened()

    ask(scene)
