"""TeXML REST: calls of documents. Replies are flat, and a wrong account is not found ([SDK] resources/texml)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request

from botkit.exchange.applications import TexmlApplication
from botkit.exchange.refusal import CommandRefused, not_found
from botkit.exchange.rest.texml_bodies import CallChange, NewCall, OldCall, body_of, read
from botkit.exchange.rest.texml_resources import Json, base, call_resource, day_of, paged
from botkit.exchange.texml.fetch import HttpMethod, Source
from botkit.exchange.texml.follow import Target
from botkit.exchange.texml.house import HUMAN, CallOrder, application_of
from botkit.exchange.texml.program import Settings
from botkit.exchange.texml.records import CallRecord

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

DAY = 86400.0


def router(exchange: Exchange) -> APIRouter:
    """`/texml/Accounts/{account_sid}/Calls`, and the older `/texml/calls/{connection_id}`."""
    routes = APIRouter(prefix="/texml", tags=["TeXML"])
    calls = exchange.texml.calls

    def account(sid: str) -> str:
        if sid != calls.account_sid:
            raise not_found("The account")
        return sid

    def application(sid: str, pointer: str) -> TexmlApplication:
        found = exchange.directory.texml_applications.get(sid)
        if found is None or not found.active:
            detail = "The requested TeXML application is either invalid or does not exist."
            raise CommandRefused("10015", detail, pointer=pointer)
        return found

    @routes.post("/Accounts/{account_sid}/Calls", openapi_extra=body_of(NewCall))
    async def dial(account_sid: str, request: Request) -> Json:
        """Place a call. Its document is asked for when it is answered."""
        account(account_sid)
        body = await read(request, NewCall)
        app = application(body.application_sid, "/ApplicationSid")
        source, settings = _source_of(app, body.url, body.texml, body.url_method)
        if body.fallback_url:
            settings = dataclasses.replace(settings, fallback=Source(body.fallback_url, settings.method))
        detection = None
        if body.machine_detection != "Disable":
            if not body.async_amd:
                settings = dataclasses.replace(settings, answered_by=HUMAN)
            elif body.async_amd_status_callback:
                detection = Target(body.async_amd_status_callback, body.async_amd_status_callback_method)
        target = Target(body.status_callback, body.status_callback_method, body.status_callback_event)
        order = CallOrder(
            to=body.to,
            calling=body.from_,
            connection_id=app.id,
            source=source,
            settings=settings,
            target=target if body.status_callback else _target_of(app),
            display_name=body.caller_id,
            timeout=float(body.timeout),
            time_limit=float(body.time_limit),
            headers=tuple((header.name, header.value) for header in body.custom_headers),
            detection=detection,
        )
        return _queued(exchange.texml.place(order), body.from_, account_sid)

    @routes.post("/calls/{connection_id}", openapi_extra=body_of(OldCall))
    async def dial_for(connection_id: str, request: Request) -> Json:
        """Place a call for an application; the older form."""
        app = application(connection_id, "/connection_id")
        body = await read(request, OldCall)
        source, settings = _source_of(app, body.url, body.texml, body.method)
        order = CallOrder(body.to, body.from_, app.id, source, settings, _target_of(app))
        return _queued(exchange.texml.place(order), body.from_, calls.account_sid)

    @routes.get("/Accounts/{account_sid}/Calls")
    @routes.get("/Accounts/{account_sid}/Calls.json", include_in_schema=False)
    async def listed(
        account_sid: str,
        request: Request,
        page: Annotated[int, Query(alias="Page", ge=0)] = 0,
        size: Annotated[int, Query(alias="PageSize", ge=1)] = 50,
        to: Annotated[str | None, Query(alias="To")] = None,
        calling: Annotated[str | None, Query(alias="From")] = None,
        status: Annotated[str | None, Query(alias="Status")] = None,
    ) -> Json:
        """Calls, the latest first. Pages count from 0."""
        account(account_sid)
        found = [
            one
            for one in reversed(list(calls.records))
            if to in (None, one.facts.called)
            and calling in (None, one.facts.calling)
            and status in (None, one.status)
            and _in_days(one, request)
        ]
        return paged(
            "calls", f"{base(account_sid)}/Calls", found, lambda one: call_resource(account_sid, one), page, size
        )

    @routes.get("/Accounts/{account_sid}/Calls/{call_sid}")
    async def retrieve(account_sid: str, call_sid: str) -> Json:
        """One call."""
        return call_resource(account(account_sid), calls.record(call_sid))

    @routes.post("/Accounts/{account_sid}/Calls/{call_sid}", openapi_extra=body_of(CallChange))
    async def change(account_sid: str, call_sid: str, request: Request) -> Json:
        """End a call, or give it another document, wherever it is."""
        account(account_sid)
        body = await read(request, CallChange)
        if body.status == "completed":
            return call_resource(account_sid, calls.end(call_sid))
        if not body.url and not body.texml:
            raise CommandRefused("10004", "One of Status, Url and Texml is required.", pointer="/Url")
        fallback = Source(body.fallback_url, body.fallback_method) if body.fallback_url else None
        source = Source(body.url or "", body.method, text=body.texml)
        target = Target(body.status_callback, body.status_callback_method) if body.status_callback else None
        return call_resource(account_sid, calls.redirect(call_sid, source, fallback=fallback, target=target))

    return routes


def _source_of(
    app: TexmlApplication, url: str | None, texml: str | None, method: HttpMethod | None
) -> tuple[Source, Settings]:
    """Where the document is, and the application's settings. A text's relative URLs are the application's."""
    known = application_of(app)
    how = method or known.voice_method
    if texml is not None and texml != "":
        return Source(app.voice_url, how, text=texml), known.settings
    return (Source(url, how) if url else known.source), known.settings


def _target_of(app: TexmlApplication) -> Target | None:
    known = application_of(app)
    if not known.status_callback:
        return None
    return Target(known.status_callback, known.status_callback_method, known.status_callback_events)


def _queued(record: CallRecord, calling: str, account_sid: str) -> Json:
    """The reply to a new call. The SDK's types have no `sid`, which everybody wants; the older one has `call_sid`."""
    sid = record.facts.sid
    to = record.facts.called
    return {"from": calling, "to": to, "status": "queued", "sid": sid, "call_sid": sid, "account_sid": account_sid}


def _in_days(record: CallRecord, request: Request) -> bool:
    """Whether it is within `StartTime`, `EndTime` and their `<` and `>`."""
    for name, at in (("StartTime", record.started), ("EndTime", record.ended)):
        for sign in ("", "<", ">"):
            given = request.query_params.get(name + sign)
            if given and not _fits(at, sign, day_of(given, name + sign)):
                return False
    return True


def _fits(at: float | None, sign: str, day: float) -> bool:
    if at is None:
        return False
    if sign == "<":
        return at < day
    return at >= day + DAY if sign == ">" else day <= at < day + DAY
