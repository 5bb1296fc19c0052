"""Resources and pages of TeXML REST: flat objects, no `data` ([SDK] types/texml/accounts)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.texml.records import CallRecord
from botkit.exchange.texml.services import time_text

T = TypeVar("T")
Json = dict[str, Any]

MOST_OF_A_PAGE = 250


def call_resource(account_sid: str, record: CallRecord) -> Json:
    """A call. One that has only just begun is `ringing`, for the SDK's words have nothing before that."""
    facts = record.facts
    status = "ringing" if record.status == "initiated" else record.status
    changed = record.ended or record.answered or record.started
    return {
        "sid": facts.sid,
        "account_sid": account_sid,
        "from": facts.calling,
        "from_formatted": facts.calling,
        "to": facts.called,
        "to_formatted": facts.called,
        "direction": facts.direction,
        "status": status,
        "caller_name": None,
        "parent_call_sid": record.parent or None,
        "date_created": time_text(record.started),
        "date_updated": time_text(changed),
        "start_time": time_text(record.answered) if record.answered is not None else None,
        "end_time": time_text(record.ended) if record.ended is not None else None,
        "duration": str(round(record.duration)),
        "price": None,
        "price_unit": None,
        "uri": f"{base(account_sid)}/Calls/{facts.sid}",
    }


def base(account_sid: str) -> str:
    """The path of an account's resources."""
    return f"/v2/texml/Accounts/{account_sid}"


def paged(
    kind: str, path: str, entries: Sequence[T], shown: Callable[[T], Json], page: int, size: int, *, first: int = 0
) -> Json:
    """A page of `entries`, whose pages count from `first`. Pages past the end are empty, and name no next one."""
    size = max(1, min(size, MOST_OF_A_PAGE))
    start = max(0, page - first) * size
    part = entries[start : start + size]

    def uri(number: int) -> str:
        return f"{path}?{urlencode({'Page': number, 'PageSize': size})}"

    more = start + size < len(entries)
    return {
        kind: [shown(one) for one in part],
        "page": page,
        "page_size": size,
        "start": start,
        "end": max(start, start + len(part) - 1),
        "uri": uri(page),
        "first_page_uri": uri(first),
        "next_page_uri": uri(page + 1) if more else None,
    }


def day_of(text: str, parameter: str) -> float:
    """The first second of a day `YYYY-MM-DD` (UTC), since 1970. Raises `CommandRefused` 10015."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise CommandRefused("10015", f"{text!r} is no date YYYY-MM-DD.", parameter=parameter) from None
