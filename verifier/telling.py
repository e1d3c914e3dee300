"""A verdict in words, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from verifier.bundle import CONTRACTS, Row
from verifier.verifying import Verdict

ANCHORED, UNANCHORED, REFUSED = 0, 1, 2
"""Exit codes."""
SHOWN = 20
"""Rows and hashes that are shown unless all are wanted."""
_RIGHT = frozenset(("number", "quantity", "settled", "amount", "recorded", "affirmed", "ended", "block"))
_UNKNOWN_TIME = 0xFFFFFF


def exit_code(verdict: Verdict) -> int:
    """What a command ends with."""
    return ANCHORED if verdict.anchored else UNANCHORED


def standing(verdict: Verdict) -> str:
    """In two words."""
    return "anchored" if verdict.anchored else "consistent, unanchored"


def claim(verdict: Verdict) -> str:
    """What the bundle claims."""
    every = [f"{c.field} {c.comparison} {c.value}" for c in verdict.bundle.conditions]
    wanted = f"every trade with {', '.join(every)}" if every else "every trade of the ledger"
    count = len(verdict.rows)
    return f"{wanted}: {count:,} {'trade' if count == 1 else 'trades'}, and no other"


def lines(verdict: Verdict, *, everything: bool = False) -> Iterator[str]:
    """The whole verdict as text, a line each."""
    limit = len(verdict.rows) + len(verdict.headers) if everything else SHOWN
    head, as_of, bundle = verdict.head, verdict.as_of, verdict.bundle
    yield f"{standing(verdict)}: {claim(verdict)}"
    yield f"as of block {as_of.number:,}, {_moment(as_of.time_s)}"
    yield f"  0x{as_of.hash.hex()}"
    yield ""
    if verdict.rows:
        yield from _table(_TRADES, [_cells(verdict, row) for row in verdict.rows], limit)
        yield ""
        yield from _table(("block", "time", "transaction", "what"), list(_deeds(verdict)), limit)
        yield ""
    yield "What it rests on"
    yield from (f"  {each}" for each in _rests(verdict))
    yield "Which ledger"
    which = "which nobody vouches for"
    if verdict.contracts_known:
        which = "those that you gave" if verdict.contracts_given else "those that its members signed for"
    yield f"  chain {bundle.chain_id}, and these contracts, {which}:"
    yield from (f"  {name:<15} 0x{bundle.contracts[name].address.hex()}" for name in CONTRACTS)
    whole, every = len(bundle.blocks), len(bundle.headers)
    yield "Complete"
    first = verdict.headers[0].number
    yield f"  blocks {first:,} to {head.number:,} follow each other; {whole:,} are here whole,"
    yield f"  {every - whole:,} are shown by their headers to hold nothing that the answer depends on"
    batches = _count(len(verdict.facts.batches), "batch", "batches")
    yield f"  {_recorded(verdict):,} recorded trades in {batches} were looked through"
    yield "Code"
    if verdict.code_proven:
        yield f"  of {_count(len(bundle.contracts), 'contract')}, by the state of block {head.number:,}:"
        yield "  each has the hash that the deployment record names"
    else:
        yield "  not proven: this chain gives no proof of its state"
    for name, at in sorted(bundle.contracts.items()) if everything else ():
        yield f"  {name:<16}0x{at.address.hex()}  0x{at.code_hash.hex()}"
    yield "Balances"
    yield from (f"  {each}" for each in _balances(verdict))


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The whole verdict; amounts in minor units as text, hashes in hex."""
    bundle, as_of = verdict.bundle, verdict.as_of
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
        "batches": len(verdict.facts.batches),
        "recorded_trades": _recorded(verdict),
        "code_proven": verdict.code_proven,
        "contracts_known": verdict.contracts_known,
        "contracts": {
            name: {"address": _hex(at.address), "code_hash": _hex(at.code_hash)}
            for name, at in sorted(bundle.contracts.items())
        },
        "balances_anchored": verdict.balances_anchored,
        "balances": [
            {
                "institution": verdict.facts.names[each.institution],
                "asset": verdict.facts.codes[each.asset],
                "amount": str(each.amount),
            }
            for each in verdict.bundle.balances
        ],
        "trades": [_row_json(row, verdict) for row in verdict.rows],
    }


def _row_json(row: Row, verdict: Verdict) -> dict[str, Any]:
    def place(at: tuple[int, bytes]) -> dict[str, Any] | None:
        block, transaction = at
        if not transaction:
            return None
        return {"block": block, "time": _moment(_time_of(verdict, block)), "transaction": _hex(transaction)}

    buyer, seller = row.affirmed_in
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
        "recorded": place(row.recorded_in),
        "buyer_affirmed": place(buyer),
        "seller_affirmed": place(seller),
        "ended": place(row.ended_in),
    }


_TRADES = (
    *("trading day", "number", "time", "buyer", "seller", "security", "quantity", "amount"),
    *("status", "settled", "recorded", "affirmed", "ended"),
)


def _cells(verdict: Verdict, row: Row) -> list[str]:
    exponent = _exponents(verdict)[row.currency]
    buyer, seller = ("-" if not block else f"{block:,}" for block, _ in row.affirmed_in)
    return [
        *(_day(row.trading_day), str(row.number), _clock(row.time_s), row.buyer, row.seller, row.security),
        f"{row.quantity:,}",
        f"{row.currency} {_amount(row.amount_minor, exponent)}",
        row.status,
        f"{row.settled_quantity:,}",
        f"{row.recorded_in[0]:,}",
        buyer if buyer == seller else f"{buyer} {seller}",
        f"{row.ended_in[0]:,}" if row.ended_in[0] else "-",
    ]


def _deeds(verdict: Verdict) -> Iterator[list[str]]:
    """Every transaction that did something to the trades of the answer: what, and who."""
    found: dict[tuple[int, bytes], dict[str, list[str]]] = {}

    def note(place: tuple[int, bytes], what: str, who: str) -> None:
        said = found.setdefault(place, {}).setdefault(what, [])
        if who not in said:
            said.append(who)

    for row in verdict.rows:
        note(row.recorded_in, "recorded by", _venue(verdict, row))
        for place, who in zip(row.affirmed_in, (row.buyer, row.seller), strict=True):
            if place[1]:
                note(place, "affirmed by", who)
        if row.ended_in[1]:
            note(row.ended_in, row.status, "")
    for (block, transaction), said in sorted(found.items()):
        what = "; ".join(f"{did} {', '.join(who)}".strip() for did, who in said.items())
        yield [f"{block:,}", _moment(_time_of(verdict, block)), _hex(transaction), what]


def _rests(verdict: Verdict) -> Iterator[str]:
    if verdict.anchored_to is None:
        yield "nothing that you trust: give the hash of a block that you know (--trusted-head),"
        yield "or keys of institutions that signed (--key NAME=ADDRESS, --keys FILE)"
    else:
        yield f"block {verdict.anchored_to:,} and all before it: {', '.join(verdict.anchored_by)}"
        if not verdict.anchored:
            yield f"but the answer depends on block {verdict.last_block:,}, which comes after"
        elif verdict.anchored_to < verdict.head.number:
            yield f"what came after it up to block {verdict.head.number:,}, nobody vouches for"
    if not verdict.contracts_known:
        yield "that the clearing house named below is the ledger's, and no other on its chain, as the others"
        yield "follow from it: compare its address, or give the deployment record (--deployment FILE)"
    yield from verdict.hints


def _balances(verdict: Verdict) -> Iterator[str]:
    if not any(each.field == "institution" for each in verdict.bundle.conditions):
        yield "not part of it: it names no institution"
    elif not verdict.code_proven:
        yield "not proven: this chain gives no proof of its state"
    elif not verdict.bundle.balances:
        yield f"none in block {verdict.head.number:,}"
    else:
        vouched = "" if verdict.balances_anchored else ", which nobody vouches for"
        yield f"in block {verdict.head.number:,}, by its state{vouched}"
        for each in verdict.bundle.balances:
            code = verdict.facts.codes[each.asset]
            amount = _amount(each.amount, _exponents(verdict)[code])
            yield f"  {verdict.facts.names[each.institution]}  {code}  {amount}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], limit: int) -> Iterator[str]:
    shown = [titles, *rows[:limit]]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for cells in shown:
        each = (
            cell.rjust(width) if title in _RIGHT else cell.ljust(width)
            for title, cell, width in zip(titles, cells, widths, strict=True)
        )
        yield "  ".join(each).rstrip()
    if len(rows) > limit:
        yield f"… and {len(rows) - limit:,} more (--all)"


def _time_of(verdict: Verdict, block: int) -> int:
    return verdict.headers[block - verdict.headers[0].number].time_s


def _recorded(verdict: Verdict) -> int:
    return sum(map(len, verdict.facts.batches.values()))


def _venue(verdict: Verdict, row: Row) -> str:
    return verdict.facts.names.get(verdict.facts.batches[row.batch_hash].venue, "")


def _exponents(verdict: Verdict) -> dict[str, int]:
    facts = verdict.facts
    return {code: facts.exponents[asset] for asset, code in facts.codes.items()}


def _amount(minor: int, exponent: int) -> str:
    whole, rest = divmod(minor, 10**exponent)
    return f"{whole:,}" + (f".{rest:0{exponent}d}" if exponent else "")


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _day(number: int) -> str:
    return f"{number // 10_000:04}-{number // 100 % 100:02}-{number % 100:02}"


def _clock(time_s: int) -> str:
    if time_s == _UNKNOWN_TIME:
        return ""
    return f"{time_s // 3600:02}:{time_s // 60 % 60:02}:{time_s % 60:02}"


def _moment(time_s: int) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {time_s}"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
