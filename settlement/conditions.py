"""What institutions say of trades before they settle: hold, release, parts, cancel, dispute; and who decides.

ISO 20022 has the same as sese.030 (settlement conditions modification) and sese.020 (cancellation). Each word
is about trades of one trading day; the contract `Conditions` says who may say what, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.history import History, RecordedBatch
from ledger.ids import day_number, parse_day_number
from ledger.reverts import Joint_NoChange
from settlement.errors import NameUnknown
from settlement.operations import Ledger
from settlement.words import DECISIONS, Word

__all__ = ["DECISIONS", "Word", "locate", "say"]


def say(
    ledger: Ledger, word: Word, trading_day: date, trades: Sequence[int], institution: str | None = None
) -> list[Receipt]:
    """Say `word` of the trades, by their numbers, for `institution`; of a decision for exchange and
    regulator, or for one of them. Raises NameUnknown, and the contract's refusals.
    """
    signers = [_signer(ledger, name) for name in _speakers(ledger, word, institution)]
    places = locate(ledger.read(), trading_day, trades)
    if word in DECISIONS and institution is None:
        done = _decide(ledger, word is Word.STANDS, signers, places)
    else:
        sent = [_send(ledger, word, signer, batch, at) for signer in signers for batch, at in places]
        done = [receipt for receipts in sent for receipt in receipts]
    ledger.receipts.setdefault("conditions", []).extend(done)
    return done


def locate(
    history: History, trading_day: date, trades: Sequence[int]
) -> list[tuple[RecordedBatch, list[int]]]:
    """The batches of the trades of that day, each with their positions in it. Raises NameUnknown where a
    number was not recorded.
    """
    wanted, day = sorted(set(trades)), day_number(trading_day)
    found, seen = [], set[int]()
    for batch in history.batches.values():
        if batch.header.trading_day == day:
            there = set(batch.records.number.tolist()) & set(wanted)
            if there:
                at = np.flatnonzero(np.isin(batch.records.number, sorted(there)))
                found.append((batch, at.tolist()))
                seen |= there
    missing = [number for number in wanted if number not in seen]
    if missing:
        days = sorted({batch.header.trading_day for batch in history.batches.values()})
        known = [parse_day_number(each) for each in days]
        raise NameUnknown("trade", f"{missing[0]} of {trading_day}", [f"trades of {each}" for each in known])
    return found


def _decide(
    ledger: Ledger, stands: bool, signers: Sequence[Signer], places: Sequence[tuple[RecordedBatch, list[int]]]
) -> list[Receipt]:
    """Both decide; whose word is there already, after an interruption, is passed over."""
    contract, done = ledger.market.clients.conditions, []
    for batch, positions in places:
        for position in positions:
            for signer in signers:
                try:
                    done.append(contract.decide(signer, batch.header, batch.words, position, stands))
                except Joint_NoChange:
                    continue
                if any(event["complete"] for event in contract.events(done[-1].logs, "JointlyAgreed")):
                    break
    return done


def _speakers(ledger: Ledger, word: Word, institution: str | None) -> list[str]:
    scenario = ledger.market.scenario
    if institution is not None:
        return [institution]
    if word in DECISIONS:
        return [scenario.venue, scenario.with_role("REGULATOR")[0]]
    raise NameUnknown("institution", "", scenario.brokers)


def _signer(ledger: Ledger, name: str) -> Signer:
    if name not in ledger.market.index:
        raise NameUnknown("institution", name, list(ledger.market.index))
    return ledger.market.signers[name]


def _send(
    ledger: Ledger, word: Word, signer: Signer, batch: RecordedBatch, positions: list[int]
) -> list[Receipt]:
    contract, header, records = ledger.market.clients.conditions, batch.header, batch.words
    if word in DECISIONS:
        stands = word is Word.STANDS
        return [contract.decide(signer, header, records, position, stands) for position in positions]
    if word in (Word.ALLOW_PARTS, Word.REFUSE_PARTS):
        allowed = word is Word.ALLOW_PARTS
        return [contract.allow_partial(signer, header, records, positions, allowed)]
    call = {
        Word.HOLD: contract.hold,
        Word.RELEASE: contract.release,
        Word.CANCEL: contract.cancel,
        Word.KEEP: contract.withdraw_cancel,
        Word.DISPUTE: contract.dispute,
        Word.WITHDRAW: contract.withdraw_dispute,
    }[word]
    return [call(signer, header, records, positions)]
