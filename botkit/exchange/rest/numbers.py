"""`/v2/phone_numbers`: the numbers that there are, and whose they are ([SDK] resources/phone_numbers).

Numbers are made by the settings; none can be ordered here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from botkit.exchange.connections import PhoneNumber
from botkit.exchange.refusal import CommandRefused
from botkit.exchange.rest.envelope import Body, Json, Paging, Segment, data, listed
from botkit.exchange.rest.owners import name_of
from botkit.exchange.rest.resources import shown, sorted_by

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange


class NumberUpdate(Body):
    """Members of a number; an empty `connection_id` takes it from its owner."""

    connection_id: str | None = None
    tags: list[str] | None = None
    customer_reference: str | None = None


def router(exchange: Exchange) -> APIRouter:
    """List numbers, and give them to connections and applications."""
    api = APIRouter(tags=["Phone numbers"])
    directory = exchange.directory

    def resource(number: PhoneNumber) -> Json:
        name = name_of(directory.owner(number.connection_id))
        return {**shown(number), "connection_name": name, "status": "active"}

    @api.get("/phone_numbers", summary="List phone numbers")
    async def index(
        page: Paging,
        phone_number: Annotated[str | None, Query(alias="filter[phone_number]")] = None,
        connection_id: Annotated[str | None, Query(alias="filter[connection_id]")] = None,
        tag: Annotated[str | None, Query(alias="filter[tag]")] = None,
        sort: str | None = None,
    ) -> Json:
        digits = re.sub(r"^\+", "", phone_number) if phone_number is not None else ""
        found = [
            one
            for one in directory.numbers.values()
            if digits in one.phone_number
            and (connection_id is None or one.connection_id == connection_id)
            and (tag is None or tag in one.tags)
        ]
        keys = {
            "created_at": lambda one: one.created_at,
            "purchased_at": lambda one: one.created_at,
            "phone_number": lambda one: one.phone_number,
            "connection_name": lambda one: resource(one)["connection_name"],
        }
        return listed([resource(one) for one in sorted_by(found, sort, keys)], page)

    @api.get("/phone_numbers/{ident}", summary="Retrieve a phone number, by its id or by itself")
    async def retrieve(ident: Segment) -> Json:
        return data(resource(directory.number(ident)))

    @api.patch("/phone_numbers/{ident}", summary="Update a phone number: give it to a connection or application")
    async def update(ident: Segment, body: NumberUpdate) -> Json:
        number = directory.number(ident)
        given = body.given()
        if "connection_id" in given:
            owner = directory.owner(body.connection_id) if body.connection_id else None
            if body.connection_id and owner is None:
                says = "There is no connection or application of that id."
                raise CommandRefused("10015", says, pointer="/connection_id")
            directory.assign(number, owner)
        if "tags" in given:
            number.tags = body.tags or ()
        if "customer_reference" in given:
            number.customer_reference = body.customer_reference or ""
        directory.touch(number)
        return data(resource(number))

    return api
