"""A verdict in words, and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from textwrap import wrap
from typing import Any

from verifier.bundle import CONTRACTS, Place, Row
from verifier.facts import NOWHERE
from verifier.verifying import Verdict

ANCHORED, UNANCHORED, REFUSED = 0, 1, 2
"""Exit codes."""
SHOWN = 20
"""Rows and hashes that are shown unless all are wanted."""
_BLOCKS = ("recorded", "affirmed", "ended")
_RIGHT = frozenset(("number", "quantity", "settled", "amount", *_BLOCKS, "block"))
_LEAST = ("time", "settled", "affirmed", "ended", "recorded", "quantity")
"""Columns of trades in the order in which a narrow page goes without them."""
_GAP = "  "
"""Between columns."""
_NOTHING = ("", "-")
_BEHIND = " " * len("In each row: ")
_NARROWEST = 20
"""Characters that a line has room for behind its indent, however narrow the page is."""
_UNKNOWN_TIME = 0xFFFFFF
_PLAIN = re.compile(r"[^\s,;:=<>\"]+( [^\s,;:=<>\"]+)*")
_NO_STATE = "not proven: no proof of the chain's state is in it"


def exit_code(verdict: Verdict) -> int:
    """What a command ends with."""
    return ANCHORED if verdict.anchored else UNANCHORED


def standing(verdict: Verdict) -> str:
    """In two words."""
    return "anchored" if verdict.anchored else "consistent, unanchored"


def claim(verdict: Verdict) -> str:
    """What the bundle claims."""
    every = [f"{c.field} {c.comparison} {_shown(c.value)}" for c in verdict.bundle.conditions]
    wanted = f"every trade with {', '.join(every)}" if every else "every trade of the ledger"
    return f"{wanted}: {_count(len(verdict.rows), 'trade')}, and no other"


def lines(verdict: Verdict, *, everything: bool = False, width: int | None = None) -> Iterator[str]:
    """The whole verdict as text, a line each. Its tables fit into `width` characters, where that is given, as
    far as what they need leaves room; what there is no room for is said below them."""
    limit = len(verdict.rows) + len(verdict.headers) if everything else SHOWN
    head, as_of, bundle = verdict.head, verdict.as_of, verdict.bundle
    first, whole, every = verdict.headers[0].number, len(bundle.blocks), len(bundle.headers)
    yield f"{standing(verdict)}: {claim(verdict)}"
    yield f"as of block {as_of.number:,}, {_moment(as_of.time_s)}"
    yield f"  {_hex(as_of.hash)}"
    yield ""
    if verdict.rows:
        cells = ([cell(verdict, row) for cell in _TRADE.values()] for row in verdict.rows)
        if len(verdict.rows) == 1:  # Its blocks are said below, with what happened in them.
            said = zip(_TRADE, *cells, strict=True)
            yield from (f"{title:<11}  {cell}".rstrip() for title, cell in said if title not in _BLOCKS)
        else:
            yield from _trades(list(islice(cells, limit)), len(verdict.rows), width)
        yield ""
        yield from _told(_deeds(verdict), limit, width)
        yield ""
    yield "What it rests on"
    yield from (f"  {each}" for each in _rests(verdict))
    yield "Which ledger"
    yield f"  chain {bundle.chain_id}, and these contracts, {_whose(verdict)}:"
    yield from (f"  {name:<15} {_hex(bundle.contracts[name].address)}" for name in CONTRACTS)
    yield "Complete"
    yield f"  blocks {first:,} to {head.number:,} follow each other; {whole:,} are here whole,"
    yield f"  {every - whole:,} are shown by their headers to hold nothing that the answer depends on"
    batches = _count(len(verdict.facts.batches), "batch", "batches")
    yield f"  {_recorded(verdict):,} recorded trades in {batches} were looked through"
    yield "Code"
    if verdict.code_proven:
        count = _count(len(bundle.contracts), "contract")
        yield f"  of {count}, by the state of block {head.number:,}{_vouched(verdict)}:"
        yield "  each has the hash that the deployment record names"
    else:
        yield f"  {_NO_STATE}"
    for name, at in sorted(bundle.contracts.items()) if everything else ():
        yield f"  {name:<16}{_hex(at.address)}  {_hex(at.code_hash)}"
    yield "Balances"
    yield from (f"  {each}" for each in _balances(verdict))


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The whole verdict; amounts in minor units as text, hashes in hex."""
    return _but_trades(verdict) | {"trades": [_row_json(verdict, row) for row in verdict.rows]}


def json_text(verdict: Verdict) -> Iterator[str]:
    """The same as text, in pieces, a line each trade: of many of them the whole would take much memory."""
    yield json.dumps(_but_trades(verdict), indent=2).removesuffix("\n}") + ',\n  "trades": ['
    for i, row in enumerate(verdict.rows):
        yield f"{',' if i else ''}\n    {json.dumps(_row_json(verdict, row))}"
    yield "\n  ]\n}\n"


def _but_trades(verdict: Verdict) -> dict[str, Any]:
    bundle, facts, as_of = verdict.bundle, verdict.facts, verdict.as_of
    return {
        "verdict": standing(verdict),
        "exit_code": exit_code(verdict),
        "conditions": [list(each) for each in bundle.conditions],
        "chain_id": bundle.chain_id,
        "as_of": {"block": as_of.number, "hash": _hex(as_of.hash), "time": _moment(as_of.time_s)},
        "last_block": verdict.head.number,
        "head": _hex(verdict.head.hash),
        "anchored_to": verdict.anchored_to,
        "anchored_by": list(verdict.anchored_by),
        "not_anchored": list(verdict.hints),
        "rests_on_block": verdict.last_block,
        "first_block": verdict.headers[0].number,
        "whole_blocks": list(bundle.blocks),
        "batches": len(facts.batches),
        "recorded_trades": _recorded(verdict),
        "code_proven": verdict.code_proven,
        "contracts_known": verdict.contracts_known,
        "contracts": {
            name: {"address": _hex(at.address), "code_hash": _hex(at.code_hash)}
            for name, at in sorted(bundle.contracts.items())
        },
        "balances_anchored": verdict.head_anchored,
        "balances": [
            {"institution": facts.names[who], "asset": facts.codes[asset], "amount": str(amount)}
            for who, asset, amount in bundle.balances
        ],
    }


def _row_json(verdict: Verdict, row: Row) -> dict[str, Any]:
    affirmed = _affirmed_in(verdict, row)
    return {
        "trading_day": _day(row.trading_day),
        "number": row.number,
        "time": _clock(row.time_s) or None,
        "buyer": row.buyer,
        "seller": row.seller,
        "security": row.security,
        "quantity": row.quantity,
        "amount_minor": str(row.amount_minor),
        "currency": row.currency,
        "status": row.status,
        "settled_quantity": row.settled_quantity,
        "venue": _venue(verdict, row),
        "batch": _hex(row.batch_hash),
        "position": row.position,
        "recorded": _place_json(verdict, row.recorded_in),
        "buyer_affirmed": _place_json(verdict, affirmed[0]),
        "seller_affirmed": _place_json(verdict, affirmed[1]),
        "excepted_by": _excepted_by(verdict, row),
        "ended": _place_json(verdict, row.ended_in),
    }


def _place_json(verdict: Verdict, place: Place) -> dict[str, Any] | None:
    block, transaction = place
    said = {"block": block, "time": _time_of(verdict, block), "transaction": _hex(transaction)}
    return said if transaction else None


_TRADE: dict[str, Callable[[Verdict, Row], str]] = {
    "trading day": lambda _, row: _day(row.trading_day),
    "number": lambda _, row: str(row.number),
    "time": lambda _, row: _clock(row.time_s),
    "buyer": lambda _, row: _shown(row.buyer),
    "seller": lambda _, row: _shown(row.seller),
    "security": lambda _, row: _shown(row.security),
    "quantity": lambda _, row: f"{row.quantity:,}",
    "amount": lambda verdict, row: (
        f"{_shown(row.currency)} {_amount(verdict, row.amount_minor, row.currency)}"
    ),
    "status": lambda _, row: row.status,
    "settled": lambda _, row: f"{row.settled_quantity:,}",
    "recorded": lambda _, row: _block(row.recorded_in),
    "affirmed": lambda verdict, row: " ".join(dict.fromkeys(map(_block, _affirmed_in(verdict, row)))),
    "ended": lambda _, row: _block(row.ended_in),
}
"""What is shown of a trade, and how."""


def _deeds(verdict: Verdict) -> list[list[str]]:
    """Every transaction that did something to the trades of the answer: what, and who."""
    found: dict[Place, dict[str, dict[str, None]]] = {}
    for row in verdict.rows:
        sides, excepted_by = (
            zip(row.affirmed_in, (row.buyer, row.seller), strict=True),
            _excepted_by(verdict, row),
        )
        for place, what, who in (
            (row.recorded_in, "recorded by", _shown(_venue(verdict, row))),
            *((at, "excepted by" if who in excepted_by else "affirmed by", _shown(who)) for at, who in sides),
            (row.ended_in, row.status, ""),
        ):
            if place[1]:
                found.setdefault(place, {}).setdefault(what, {})[who] = None
    return [
        [
            *(f"{block:,}", _time_of(verdict, block), _hex(transaction)),
            "; ".join(f"{did} {', '.join(who)}".strip() for did, who in said.items()),
        ]
        for (block, transaction), said in sorted(found.items())
    ]


def _rests(verdict: Verdict) -> Iterator[str]:
    if verdict.anchored_to is None:
        yield "nothing that you trust: give the hash of a block that you know (--trusted-head),"
        yield "or keys of institutions that signed (--key NAME=ADDRESS, --keys FILE)"
    else:
        yield f"block {verdict.anchored_to:,} and all before it: {', '.join(verdict.anchored_by)}"
        if not verdict.anchored:
            yield f"but the answer depends on block {verdict.last_block:,}, which comes after"
        elif not verdict.head_anchored:
            yield f"what came after it up to block {verdict.head.number:,}, nobody vouches for"
    if not verdict.contracts_known:
        yield "that the contracts named below are the ledger's, and no others on its chain: compare their"
        yield "addresses, or give the deployment record (--deployment FILE)"
    yield from verdict.hints


def _balances(verdict: Verdict) -> Iterator[str]:
    names, codes = verdict.facts.names, verdict.facts.codes
    if not any(each.field == "institution" for each in verdict.bundle.conditions):
        yield "not part of it: it names no institution"
    elif not verdict.code_proven:
        yield _NO_STATE
    elif not verdict.bundle.balances:
        yield f"none in block {verdict.head.number:,}{_vouched(verdict)}"
    else:
        yield f"in block {verdict.head.number:,}, by its state{_vouched(verdict)}"
    for who, asset, amount in verdict.bundle.balances:
        yield f"  {_shown(names[who])}  {_shown(codes[asset])}  {_amount(verdict, amount, codes[asset])}"


def _vouched(verdict: Verdict) -> str:
    """Behind what the state of the last block proves."""
    return "" if verdict.head_anchored else ", which nobody vouches for"


def _whose(verdict: Verdict) -> str:
    if verdict.contracts_given:
        return "those that you gave"
    return "those that its members signed for" if verdict.contracts_known else "which nobody vouches for"


def _trades(rows: list[list[str]], count: int, width: int | None) -> Iterator[str]:
    """A table of trades. On a narrow page it goes without columns that are the same in each row, from the
    last on, then without those that are needed least; both is said."""
    columns = dict(zip(_TRADE, zip(*rows, strict=True), strict=True))
    kept, same, missing = list(columns), list[str](), list[str]()
    room = {title: max(map(len, (title, *cells))) + len(_GAP) for title, cells in columns.items()}
    alike = [title for title in reversed(kept) if len(set(columns[title])) == 1 and title != "number"]
    for title in (*alike, *(each for each in _LEAST if each not in alike)):
        if width is None or sum(room[each] for each in kept) - len(_GAP) <= width:
            break
        kept.remove(title)
        (same if title in alike else missing).append(title)
    shown = zip(*(columns[title] for title in kept), strict=True)
    yield from _table(kept, map(list, shown), count, len(rows))
    if said := [f"{title} {columns[title][0]}" for title in same if columns[title][0] not in _NOTHING]:
        which = "row" if count == len(rows) else "row above"
        yield from _wrapped(f"In each {which}: {', '.join(said)}", width, _BEHIND)
    if missing:
        yield from _wrapped(f"No room for: {', '.join(missing)}; --json has them", width, _BEHIND)


def _told(deeds: list[list[str]], limit: int, width: int | None) -> Iterator[str]:
    """A table of transactions; where a page has no room for it, each has its hash below what it did."""
    titles = ["block", "time", "transaction", "what"]
    lengths = [max(map(len, column)) for column in zip(titles, *deeds, strict=True)]
    if width is None or sum(lengths) + len(_GAP) * (len(titles) - 1) <= width:
        yield from _table(titles, deeds, len(deeds), limit)
        return
    indent = " " * (lengths[0] + len(_GAP))
    yield _GAP.join((titles[0].rjust(lengths[0]), titles[1].ljust(lengths[1]), titles[3]))
    for block, time, transaction, what in deeds[:limit]:
        start = _GAP.join((block.rjust(lengths[0]), time.ljust(lengths[1]), ""))
        yield from _wrapped(f"{start}{what}", width, " " * len(start))
        yield f"{indent}{transaction}"
    yield from _more(len(deeds), limit)


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    """In lines, broken between words, the later ones behind an indent: no name passes for a line of its
    own."""
    if width is None:
        return [text]
    room = max(width, len(indent) + _NARROWEST)
    return wrap(text, room, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _table(titles: list[str], rows: Iterable[list[str]], count: int, limit: int) -> Iterator[str]:
    shown = [titles, *islice(rows, limit)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for cells in shown:
        each = (
            cell.rjust(width) if title in _RIGHT else cell.ljust(width)
            for title, cell, width in zip(titles, cells, widths, strict=True)
        )
        yield _GAP.join(each).rstrip()
    yield from _more(count, limit)


def _more(count: int, limit: int) -> Iterator[str]:
    if count > limit:
        yield f"... and {count - limit:,} more (--all)"


def _recorded(verdict: Verdict) -> int:
    return sum(map(len, verdict.facts.batches.values()))


def _excepted_by(verdict: Verdict, row: Row) -> list[str]:
    """Who does not agree to a trade, though it affirmed the batch that the trade is in."""
    names, by = verdict.facts.names, verdict.facts.batches[row.batch_hash].disputed.get(row.number, ())
    return sorted(names.get(each, "") for each in by)


def _affirmed_in(verdict: Verdict, row: Row) -> list[Place]:
    """Where the buyer affirmed a trade, and the seller; nowhere where it excepted it."""
    excepted_by, sides = _excepted_by(verdict, row), (row.buyer, row.seller)
    both = zip(row.affirmed_in, sides, strict=True)
    return [NOWHERE if who in excepted_by else place for place, who in both]


def _venue(verdict: Verdict, row: Row) -> str:
    return verdict.facts.names.get(verdict.facts.batches[row.batch_hash].venue, "")


def _amount(verdict: Verdict, minor: int, code: str) -> str:
    exponent = verdict.facts.exponents[verdict.facts.assets[code]]
    whole, rest = divmod(minor, 10**exponent)
    return f"{whole:,}" + (f".{rest:0{exponent}d}" if exponent else "")


def _shown(name: str) -> str:
    """A name or code, in quotes where it could pass for more than one, or for something else in a line."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _block(place: Place) -> str:
    return f"{place[0]:,}" if place[1] else "-"


def _day(number: int) -> str:
    return f"{number // 10_000:04}-{number // 100 % 100:02}-{number % 100:02}"


def _clock(time_s: int) -> str:
    if time_s == _UNKNOWN_TIME:
        return ""
    return f"{time_s // 3600:02}:{time_s // 60 % 60:02}:{time_s % 60:02}"


def _time_of(verdict: Verdict, block: int) -> str:
    return _moment(verdict.headers[block - verdict.headers[0].number].time_s)


def _moment(time_s: int) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {time_s}"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
