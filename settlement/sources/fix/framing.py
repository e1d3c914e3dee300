"""FIX on the wire and in logs: messages cut out of bytes, each held to its BodyLength and CheckSum.

Fields are `tag=value` with SOH between them; logs often write `|` or `^A` for it, and put a time before each
message. A message whose length or sum is wrong is refused, the next one is looked for behind it, and remains
of a message whose beginning is lost are refused too: nothing is dropped in silence. A message has less than
100,000 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from settlement.sources.messages import shown

SOH = b"\x01"

_BEGIN = b"8=FIX"
_HEADER = re.compile(rb"8=(FIXT?\.[0-9]\.[0-9])(\x01|\||\^A)9=([0-9]{1,5})\2")
_TRAILER = re.compile(rb"10=([0-9]{3})(?:\x01|(?=[\r\n])|\Z)")
_REMAINS = re.compile(rb"9=[0-9]+(?:\x01|\||\^A)35=|(?:\x01|\||\^A)10=[0-9]{3}")
_LINE_END = re.compile(rb"[\r\n]")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_TAG = re.compile(rb"[1-9][0-9]{0,8}")
_RAW = {
    90: 91,
    93: 89,
    95: 96,
    212: 213,
    348: 349,
    350: 351,
    352: 353,
    354: 355,
    356: 357,
    358: 359,
    360: 361,
}
_RAW |= {362: 363, 364: 365, 445: 446, 618: 619, 621: 622}
"""The tag that says the length of the field behind it, which may hold anything, and that field's."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message that is whole: `fields` in order, tag and text. `line` is where it starts, or its place
    among the messages where they stand on one line.
    """

    version: str
    fields: tuple[tuple[int, str], ...]
    line: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """A message that is not whole: the field that shows it, its text and what is wrong."""

    line: int
    field: str
    value: str
    reason: str


def messages(data: bytes) -> Iterator[Message | Damaged]:
    """Each message in the bytes, in order."""
    lines = b"\n" in data.strip()
    place = counted = 0
    line = ordinal = 1
    while place < len(data):
        start = data.find(_BEGIN, place)
        between = data[place:] if start < 0 else data[place:start]
        if remains := _REMAINS.search(between):
            line += data.count(b"\n", counted, place + remains.start())
            counted = place + remains.start()
            yield Damaged(
                line if lines else ordinal, "8", _text(between), "the beginning of a message is lost"
            )
            ordinal += 1
        if start < 0:
            return
        line += data.count(b"\n", counted, start)
        counted = start
        found, place = _cut(data, start, line if lines else ordinal)
        ordinal += 1
        yield found


def _cut(data: bytes, start: int, line: int) -> tuple[Message | Damaged, int]:
    """The message that begins at `start`, and where to look for the next one."""
    header = _HEADER.match(data, start)
    after = data.find(_BEGIN, start + len(_BEGIN))
    after = len(data) if after < 0 else after
    if header is None:
        text = _text(data[start:after])
        return Damaged(line, "8", text, "BeginString and BodyLength do not stand at the beginning"), after
    version, separator, length = header.group(1).decode(), header.group(2), int(header.group(3))
    if separator == SOH:
        body, whole, stretch = header.end() - start, data[start : header.end() + length + 7], 1
    else:
        # The separator may be longer than the byte it stands for; a log has a message on a line.
        end = _LINE_END.search(data, start, after)
        whole = data[start : end.start() if end else after]
        if _CONTROL.search(whole):
            return Damaged(line, "8", _text(whole), "a control character is in it"), after
        stretch = len(separator)
        whole = whole.replace(separator, SOH)
        body = header.end() - start - 2 * (stretch - 1)
    trailer = _TRAILER.match(whole, body + length)
    if trailer is None or whole[body + length - 1 : body + length] != SOH:
        return _mislaid(data[start:after], line, length), after
    total, stated = sum(whole[: body + length]) % 256, int(trailer.group(1))
    if total != stated:
        return Damaged(line, "10", f"{stated:03}", f"CheckSum is not what was counted, {total:03}"), after
    fields = _fields(whole[: body + length])
    if isinstance(fields, str):
        return Damaged(line, "35", _text(whole), fields), after
    width = trailer.end() + (stretch - 1) * whole.count(SOH, 0, trailer.end())
    return Message(version, fields, line), start + width


def _mislaid(text: bytes, line: int, length: int) -> Damaged:
    """A message whose CheckSum is not where its BodyLength says: both lengths, both sums."""
    separator = next((each for each in (SOH, b"^A", b"|") if each + b"35=" in text), SOH)
    plain = text.replace(separator, SOH)
    end = plain.find(SOH + b"10=")
    if end < 0:
        return Damaged(line, "9", str(length), "there is no CheckSum where BodyLength says, nor behind it")
    begin = plain.find(SOH + b"35=")
    counted = end - begin if 0 <= begin < end else end
    sums = f"its CheckSum is {_text(plain[end + 4 : end + 7])}, counted {sum(plain[: end + 1]) % 256:03}"
    return Damaged(line, "9", str(length), f"BodyLength is not what was counted, {counted}; {sums}")


def _fields(whole: bytes) -> tuple[tuple[int, str], ...] | str:
    """Tag and text of each field, or why there are none."""
    found: list[tuple[int, str]] = []
    place, raw = 0, 0
    while place < len(whole):
        equals = whole.find(b"=", place)
        tag = whole[place:equals] if equals >= 0 else b""
        if not _TAG.fullmatch(tag):
            return f"field {len(found) + 1} has no tag"
        end = whole.find(SOH, equals)
        if raw and int(tag) == _RAW.get(found[-1][0]):
            end = equals + 1 + raw
            if whole[end : end + 1] != SOH:
                return f"field {len(found) + 1} is not as long as the field before it says"
        text = whole[equals + 1 : end].decode("utf-8", errors="backslashreplace")
        if not text:
            return f"tag {int(tag)} has no value"
        raw = int(text) if int(tag) in _RAW and text.isascii() and text.isdigit() and len(text) < 9 else 0
        found.append((int(tag), text))
        place = end + 1
    if len(found) < 3 or found[2][0] != 35:
        return "MsgType does not stand behind BodyLength"
    return tuple(found)


def _text(data: bytes) -> str:
    return shown(data[:80].replace(SOH, b"|").decode("utf-8", errors="backslashreplace"))
