"""XML from a stranger, read into small elements that know their lines.

The parser is defusedxml's: document types, entities and external references are refused before anything of
them is expanded, so a reply cannot make the exchange read files, call out, or fill its memory. What is left
is bounded by the size, the depth, and the number of elements.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Never
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler, ErrorHandler
from xml.sax.xmlreader import Locator

from defusedxml.common import DefusedXmlException, DTDForbidden
from defusedxml.sax import make_parser

from botkit.exchange.texml.errors import NotADocument

MAX_BYTES = 65536
"""The longest document that is read. Long ones in the field have some kilobytes."""
MAX_DEPTH = 16
MAX_ELEMENTS = 1000


@dataclass(slots=True)
class Element:
    """One element. `pieces` are its own text and that of the elements inside, in order."""

    name: str
    line: int
    attributes: Mapping[str, str]
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The whole text, with spaces and line breaks as one space each, none at the ends."""
        return " ".join("".join(self.pieces).split())


class _Builder(ContentHandler):
    """Builds the tree; stops as soon as a limit is passed."""

    def __init__(self) -> None:
        super().__init__()
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0
        self._place: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self._place = locator

    def startElement(self, name: str, attrs: Any) -> None:  # the name is SAX's
        line = (self._place.getLineNumber() or 0) if self._place is not None else 0
        element = Element(name, line, dict(attrs.items()))
        self._count += 1
        if len(self._open) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            limit = f"more than {MAX_ELEMENTS} elements" if self._count > MAX_ELEMENTS else "elements too deep"
            raise NotADocument(limit, line=line, verb=name[:40])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def characters(self, content: str) -> None:
        for element in self._open:
            element.pieces.append(content)

    def endElement(self, name: str) -> None:
        self._open.pop()


class _Raiser(ErrorHandler):
    """Every error of the parser is raised; its warnings are nobody's business."""

    def error(self, exception: BaseException) -> Never:
        raise exception

    def fatalError(self, exception: BaseException) -> Never:
        raise exception

    def warning(self, exception: BaseException) -> None:
        pass


def read_elements(body: bytes) -> Element:
    """The root element of `body`. Raises `NotADocument` for whatever cannot be read safely, and nothing else."""
    if len(body) > MAX_BYTES:
        raise NotADocument(f"the document has more than {MAX_BYTES // 1024} kB")
    if not body.strip():
        raise NotADocument("the document is empty", hint="an empty program is written <Response/>")
    builder = _Builder()
    parser = make_parser()
    parser.forbid_dtd = parser.forbid_entities = parser.forbid_external = True
    parser.setContentHandler(builder)
    parser.setErrorHandler(_Raiser())
    try:
        parser.parse(io.BytesIO(body))
    except DTDForbidden as error:
        raise NotADocument("a document type (<!DOCTYPE …>) is not allowed") from error
    except DefusedXmlException as error:
        raise NotADocument(f"not allowed: {type(error).__name__}") from error
    except SAXParseException as error:
        raise NotADocument(f"not well-formed XML: {error.getMessage()}", line=error.getLineNumber() or 0) from error
    except (SAXException, ValueError, LookupError, OverflowError) as error:  # encodings that expat asks Python for
        raise NotADocument(f"cannot be read as XML: {error}") from error
    if builder.root is None:
        raise NotADocument("the document has no element")
    return builder.root
