"""XML with line numbers and without entities, DTDs or network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml import sax
from defusedxml.common import DefusedXmlException

from interlock.errors import InputError, Location

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 200


@dataclass(slots=True)
class Element:
    """An element with its names as written: prefixes matter, since ACE puts them into attribute values."""

    tag: str
    attributes: Mapping[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    @property
    def name(self) -> str:
        """The local name."""
        return self.tag.rpartition(":")[2]

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in document order."""
        pending = [self]
        while pending:
            element = pending.pop()
            yield element
            pending.extend(reversed(element.children))

    def all(self, name: str) -> Iterator[Element]:
        return (element for element in self.walk() if element.name == name)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(element.text.strip() for element in self.all(name) if element.text.strip())


class _Builder(ContentHandler):
    def __init__(self, file: str) -> None:
        super().__init__()
        self.root: Element | None = None
        self._file = file
        self._open: list[Element] = []
        self._locator: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        line = (self._locator.getLineNumber() if self._locator else None) or 0
        element = Element(tag=name, attributes=dict(attrs.items()), line=line)
        if len(self._open) >= MAX_DEPTH:
            raise InputError(
                "xml-depth", "nested too deeply", expected=f"<= {MAX_DEPTH}", where=Location(self._file, line)
            )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def endElement(self, name: str) -> None:  # noqa: N802
        self._open.pop()

    def characters(self, content: str) -> None:
        if self._open:
            self._open[-1].text += content


def parse(data: bytes, *, file: str) -> Element:
    """The root element. Raises InputError ``xml-malformed``, ``xml-forbidden`` (DTD, entities), ``xml-size``."""
    if len(data) > MAX_BYTES:
        raise InputError("xml-size", "file too large", got=len(data), expected=f"<= {MAX_BYTES}", where=file)
    builder = _Builder(file)
    try:
        sax.parseString(data, builder, forbid_dtd=True)
    except SAXParseException as error:
        where = Location(file, error.getLineNumber() or 0, (error.getColumnNumber() or 0) + 1)
        raise InputError("xml-malformed", f"not XML: {error.getMessage()}", where=where) from error
    except DefusedXmlException as error:
        raise InputError(
            "xml-forbidden", "DTDs and entities are not allowed", got=type(error).__name__, where=file
        ) from error
    except (ValueError, LookupError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("xml-malformed", "not XML", got=error, where=file) from error
    if builder.root is None:
        raise InputError("xml-malformed", "not XML: no element", where=file)
    return builder.root
