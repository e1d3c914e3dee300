"""Elements of ISO 20022 messages as text: what every message that is written here is made of."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from ledger.errors import InvalidValue
from ledger.ids import parse_bic

ISSUER = "CLEARING"
"""Who gives the proprietary ids."""
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def text(name: str, said: str, **attributes: str) -> str:
    """A leaf; nothing where it has no text."""
    return tag(name, escape(said), **attributes) if said else ""


def tag(name: str, *inner: str, **attributes: str) -> str:
    """An element; what it holds is there as it is."""
    if not attributes:
        return f"<{name}>{''.join(inner)}</{name}>"
    said = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{said}>{''.join(inner)}</{name}>"


def party(name: str) -> str:
    """Who somebody is: a BIC, or a proprietary id."""
    try:
        return text("AnyBIC", parse_bic(name))
    except InvalidValue:
        return tag("PrtryId", text("Id", name), text("Issr", ISSUER))


def document(version: str, message: str) -> str:
    """One message, of "sese.025.001.11", say."""
    return tag("Document", message, xmlns=NAMESPACE + version)


def wrapped(version: str, messages: Sequence[str]) -> bytes:
    """A file of messages of one kind: one alone, or several in a wrapper without a namespace."""
    documents = [document(version, each) for each in messages]
    whole = (
        documents[0] if len(documents) == 1 else tag("Messages", "\n", *(f"{each}\n" for each in documents))
    )
    return f"{HEAD}{whole}\n".encode()
