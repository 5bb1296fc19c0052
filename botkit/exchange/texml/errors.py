"""What is wrong with a document, or with the server that it should come from.

Documents arrive while a call is up, so these end up in the log for whoever wrote the web server, and the call
is hung up; nobody else is to blame.
"""

from __future__ import annotations

from botkit.errors import RemoteProtocolError


class TexmlError(RemoteProtocolError):
    """A document that cannot be run. `line` counts from 1; `verb` and `attribute` are empty where none is at fault."""

    def __init__(
        self, message: str, *, line: int = 0, verb: str = "", attribute: str = "", hint: str | None = None
    ) -> None:
        place = f"line {line}: " if line else ""
        at = f"<{verb}> " if verb else ""
        of = f"attribute {attribute}: " if attribute else ""
        super().__init__(f"{place}{at}{of}{message}", hint=hint)
        self.line = line
        self.verb = verb
        self.attribute = attribute


class NotADocument(TexmlError):
    """What came is no TeXML at all: not XML, not safe, too large, or with another root than `Response`."""


class UnsupportedVerb(TexmlError):
    """A verb or noun that the platform, or this exchange, does not have."""


class FetchFailed(RemoteProtocolError):
    """A web server gave no document: unreachable, too slow, or a status other than 200."""
