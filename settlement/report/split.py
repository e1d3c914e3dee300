"""How commission was split: who received what of it, and by which shares where they were the same for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settlement.agreements.account import payments
from settlement.agreements.facts import Accrued, facts
from settlement.report.one_day import Shared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger.history import History


def paid(shared: Sequence[Shared], parties: Sequence[str]) -> dict[str, int]:
    """Party → what it received of commission in settlements, minor units; the `parties` of agreements in
    force are there in any case.
    """
    found = dict.fromkeys(parties, 0)
    for each in shared:
        found[each.party] = found.get(each.party, 0) + each.amount
    return found


def common_shares(shared: Sequence[Shared], earned: Mapping[str, int]) -> dict[str, int]:
    """Party → its share, in millionths, of all that each payer earned (`earned`, minor units); empty where
    that is not the same for all of them and all the time, or no fixed one.
    """
    covered: dict[tuple[str, int, str], int] = {}
    ppm: dict[tuple[str, int, str], set[int | None]] = {}
    for each in shared:
        key = each.payer, each.agreement_id, each.party
        covered[key] = covered.get(key, 0) + each.total_after - each.total_before
        ppm.setdefault(key, set()).add(each.share_ppm)
    of_payers: dict[str, dict[str, int]] = {payer: {} for payer, amount in earned.items() if amount}
    for (payer, agreement_id, party), known in ppm.items():
        (share, *others) = known
        # A trade that has settled in part has accrued, and is not among what was earned.
        if share is None or others or covered[payer, agreement_id, party] < earned.get(payer, 0):
            return {}
        own = of_payers.setdefault(payer, {})
        own[party] = own.get(party, 0) + share
    found = list(of_payers.values())
    return found[0] if found and all(each == found[0] for each in found) else {}


def besides(history: History) -> int:
    """What agreements brought their parties otherwise than in settlements, less what these paid back, minor
    units: runs of periods, late payments, clawbacks.
    """
    settled = {event.transaction for event in history.netting_sets}
    return sum(_moved(history, settled))


def _moved(history: History, settled: set[bytes]) -> Iterator[int]:
    for of in facts(history.revenue, history.blocks).agreements.values():
        # Most have accruals alone, of which a day has thousands.
        if not all(isinstance(each, Accrued) for each in of.happened):
            yield from (each.amount for each in payments(of) if each.transaction not in settled)
