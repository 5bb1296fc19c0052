"""Asks a web server for a document.

GET puts the fields into the query, POST into a form. A reply counts when its status is 200 and its body is TeXML;
redirects of HTTP are not followed. Else the fallback URL is asked once, with the same fields (TeXML applications,
`voice_fallback_url`). A document that is TeXML but has a mistake in it is the answer, not a failure of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

import httpx

from botkit.clock import Clock
from botkit.exchange.texml.document import Document, parse
from botkit.exchange.texml.elements import MAX_BYTES
from botkit.exchange.texml.errors import FetchFailed, NotADocument, TexmlError
from botkit.exchange.texml.fields import Fields
from botkit.log import logger

log = logger(__name__)

HttpMethod = Literal["GET", "POST"]
Signer = Callable[[bytes], Mapping[str, str]]
"""Gives the headers that sign a body (empty for GET)."""

TIMEOUT = 15.0
"""Seconds for one request, from the connect to the last byte."""
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a program comes from: a URL with `fields` of its own, or `text` as it is.

    `url` is absolute. With `text`, relative URLs in it are resolved against `url`, which may be empty.
    """

    url: str = ""
    method: HttpMethod = "POST"
    fields: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document and where it came from."""

    document: Document
    source: Source

    def link(self, reference: str, method: HttpMethod, fields: Mapping[str, str] | None = None) -> Source:
        """The source that a URL in this document names. Raises `TexmlError` where it names none."""
        return Source(absolute(self.source.url, reference), method, fields or {})


def absolute(base: str, reference: str) -> str:
    """A URL in a document, against the document's own. Raises `TexmlError` for what is no HTTP URL."""
    try:
        url = urljoin(base, reference.strip())
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises ValueError for one that is no number
    except ValueError:
        usable = False
    if not usable:
        against = f" (in a document from {base})" if base else " (in a document that has no URL of its own)"
        raise TexmlError(f"{reference[:100]!r} is no http or https URL{against}")
    return url


class Fetcher:
    """Gets documents over `http`, which is not closed here. `signer` signs what is sent."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock, signer: Signer | None = None) -> None:
        self._http = http
        self._clock = clock
        self._signer = signer

    async def load(self, source: Source, common: Fields, fallback: Source | None = None) -> Loaded:
        """The document of `source`, asked for with the `common` fields and its own, or that of the `fallback`.

        Raises `FetchFailed` or `NotADocument` when neither gives one, `TexmlError` for one with a mistake.
        """
        try:
            return await self._load(source, common)
        except (FetchFailed, NotADocument) as error:
            if fallback is None or fallback.url == source.url:
                raise
            log.warning("texml.fallback", url=source.url, reason=str(error), fallback=fallback.url)
            return await self._load(Source(fallback.url, fallback.method, source.fields), common)

    async def _load(self, source: Source, common: Fields) -> Loaded:
        if source.text is not None:
            body = source.text.encode(errors="replace")
        else:
            body = await self.request(source.url, source.method, {**common, **source.fields})
        try:
            document = parse(body)
        except TexmlError as error:
            error.add_note(f"in the document from {source.url or 'a command'}")
            raise
        for note in document.notes:
            log.warning("texml.ignored", url=source.url, what=note)
        verbs = " ".join(type(verb).__name__ for verb in document.verbs)
        log.info("texml.document", url=source.url, verbs=verbs)
        return Loaded(document, source)

    async def request(self, url: str, method: HttpMethod, fields: Mapping[str, str]) -> bytes:
        """Ask; gives the body. Raises `FetchFailed` for any other outcome than 200 with a body that is not too long."""
        return await self._exchange(url, method, fields, (200,))

    async def notify(self, url: str, method: HttpMethod, fields: Mapping[str, str]) -> None:
        """Tell. Raises `FetchFailed` for a status outside of 200 to 299, or none."""
        await self._exchange(url, method, fields, range(200, 300))

    async def _exchange(self, url: str, method: HttpMethod, fields: Mapping[str, str], good: Container[int]) -> bytes:
        try:
            async with self._clock.timeout(TIMEOUT), self._http.stream(**self._call(url, method, fields)) as reply:
                if reply.status_code not in good:
                    raise FetchFailed(f"{method} {url}: status {reply.status_code}")
                coding = reply.headers.get("content-encoding", "identity")
                if coding != "identity":  # a small body may hide a huge one, and was asked not to
                    raise FetchFailed(f"{method} {url}: the body is encoded as {coding}")
                body = b""
                async for piece in reply.aiter_raw():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise FetchFailed(f"{method} {url}: the body has more than {MAX_BYTES} bytes")
                return body
        except TimeoutError as error:
            raise FetchFailed(f"{method} {url}: no reply within {TIMEOUT:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchFailed(f"{method} {url}: {str(error) or type(error).__name__}") from error

    def _call(self, url: str, method: HttpMethod, fields: Mapping[str, str]) -> dict[str, Any]:
        form = urlencode(list(fields.items()), errors="replace")
        body = b""
        headers = {"Accept": "application/xml, text/xml", "Accept-Encoding": "identity"}
        if method == "GET":
            parts = urlsplit(url)
            url = urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, form)))))
        else:
            body = form.encode()
            headers["Content-Type"] = FORM
        if self._signer is not None:
            headers |= self._signer(body)
        return {
            "method": method,
            "url": url,
            "content": body,
            "headers": headers,
            "follow_redirects": False,
            "timeout": None,  # the clock's own counts: what httpx waits for is in the loop's time
        }
