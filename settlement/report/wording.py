"""Words of others, made fit to be shown: names and reasons are anybody's."""

from __future__ import annotations

import unicodedata

_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""Categories of Unicode that nobody sees, or that turn what is written around."""
_FORMULA = "=+-@＝＋－＠−"


def plain(text: str) -> str:
    """The text on one line, with what cannot be seen, or changes the direction of reading, written out as
    its number; terminals and pages then do nothing but show it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(each) if unicodedata.category(each) in _UNSEEN else each for each in text)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def like_a_formula(text: str) -> bool:
    """Whether a spreadsheet might take the text for a formula when it reads or edits it."""
    return text.lstrip()[:1] in tuple(_FORMULA)


def cell(text: str) -> str:
    """The text for a cell of a spreadsheet: one that a spreadsheet might take for a formula gets an
    apostrophe in front."""
    shown = plain(text)
    return f"'{shown}" if like_a_formula(shown) else shown
