"""What is on the chain: the contracts, the market, every settlement again, who holds what, the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
from eth_utils import keccak

from ledger.chain import LocalChain
from ledger.clients.consortium import TRANSIT, Role
from ledger.compile import artifacts
from ledger.deploy import CONTRACTS
from ledger.history import NOBODY
from ledger.ids import parse_day_number
from ledger.keystore import Keyring
from ledger.transactions import calldata
from settlement.agreements import verifying
from settlement.agreements.account import accounts
from settlement.agreements.explaining import Naming
from settlement.agreements.facts import facts
from settlement.agreements.registry import registry
from settlement.books import among
from settlement.clients import disclosing
from settlement.doctor.findings import Examination, Wrong, count, listed
from settlement.fees import VenueSchedule
from settlement.market import accounts_of_contracts, commission_terms
from settlement.operations import Ledger
from settlement.verification import verify

_EXPLAIN = "settle nothing more before this is explained: somebody has changed the ledger past this program"


def check(examination: Examination) -> None:
    """From the contracts' code to the books."""
    path = examination.path
    is_local = examination.config is None or examination.config.is_local
    executed, keys = (("replay",), ()) if is_local else (("reading",), ("keys",))

    def see(name: str, look: Callable[[Ledger], str], remedy: str, *needs: str) -> None:
        def looked() -> str:
            assert examination.ledger is not None
            return look(examination.ledger)

        examination.check(name, looked, remedy=remedy, needs=needs or executed)

    see("contracts", _contracts, "restore deployment.json from a backup made with `clearing backup`")
    see("version", _version, "use the version of this program that made the ledger", "contracts")
    correct = "the chain decides; correct there or in scenario.yaml what is wrong"
    see("institutions", _institutions, correct, *executed, *keys)
    see("assets", _assets, correct)
    see("fees", _fees, "have the venue register the scenario's schedule, or correct scenario.yaml")
    see("agreements", _agreements, "conclude the scenario's agreements, or correct scenario.yaml")
    see("agreement lines", _agreement_lines, _EXPLAIN, "reading")
    see("settlements", _settlements, _EXPLAIN, "reading")
    see("transit", _transit, _EXPLAIN)
    see("conservation", _conservation, _EXPLAIN)
    see(
        "cycle",
        lambda ledger: _cycle(ledger, examination.writer),
        f"`clearing settle {path}` uses and closes it; until then nobody can move what they hold",
        "reading",
        "writer",
    )
    see("books", _books, "restore books/ from a backup made with `clearing backup`", "reading", *keys)
    see("clients", _clients, "restore clients/ from a backup made with `clearing backup`", "reading", *keys)


def _contracts(ledger: Ledger) -> str:
    market = ledger.market
    for name in CONTRACTS:
        code = market.chain.code(market.deployment.addresses[name])
        found, expected = "0x" + keccak(code).hex(), market.deployment.code_hashes[name]
        if not code:
            raise Wrong(
                f"there is no contract at {market.deployment.addresses[name]}, where {name} should be"
            )
        if found != expected:
            raise Wrong(f"the code of {name} hashes to {found}, and deployment.json says {expected}")
    return f"{count(len(CONTRACTS), 'contract')} with the code of deployment.json"


def _version(ledger: Ledger) -> str:
    """Deployed code is the artifact's but for the immutables' places; creation code is, to the byte."""
    market = ledger.market
    other = []
    for name in CONTRACTS:
        artifact = artifacts()[name]
        code = bytearray(market.chain.code(market.deployment.addresses[name]))
        for places in artifact.immutable_references.values():
            for start, length in places:
                code[start : start + length] = bytes(length)
        if bytes(code) != artifact.deployed_bytecode:
            other.append(name)
    if isinstance(market.chain, LocalChain):
        names = {address: name for name, address in market.deployment.addresses.items()}
        journal = market.chain.journal
        for receipt in journal.receipts(1, market.deployment.block):
            created = names.get(receipt.contract_address or "")
            if created is not None:
                sent = calldata(journal.entry(receipt.block_number).raw)
                if not sent.startswith(artifacts()[created].bytecode):
                    other.append(created)
    if other:
        raise Wrong(f"{listed(sorted({*other}))}: other code than this version compiles")
    return "the code of every contract is what this version compiles"


def _institutions(ledger: Ledger) -> str:
    market = ledger.market
    there = {each.name: each for each in market.clients.consortium.institutions()}
    wanted = {
        each.name: frozenset(Role[role] for role in each.roles) for each in market.scenario.institutions
    }
    wanted |= dict.fromkeys(accounts_of_contracts(market.scenario), frozenset({Role.PARTNER}))
    defaulted = {each.institution for each in ledger.outcomes.defaults.by_id.values()}
    wrong = [f"{name} is not on the chain" for name in wanted if name not in there]
    wrong += [f"{name} is not in the scenario" for name in there if name not in wanted]
    keys = _addresses(ledger)
    for name, roles in wanted.items():
        found = there.get(name)
        if found is None:
            continue
        if found.roles != roles:
            held = ", ".join(sorted(role.name for role in found.roles)) or "none"
            wrong.append(f"{name} has other roles on the chain: {held}")
        if found.suspended and market.index.get(name) not in defaulted:
            wrong.append(f"{name} is suspended")
        if name in keys and keys[name].lower() != found.signer.lower():
            wrong.append(f"{name} is signed for with {found.signer}, and the key here is {keys[name]}")
    if wrong:
        raise Wrong(listed(wrong))
    return f"{count(len(there), 'institution')} as in the scenario, {count(len(keys), 'key')} here"


def _addresses(ledger: Ledger) -> Mapping[str, str]:
    """Institution → the address of the key that is here; no keystore is opened for it."""
    signers = ledger.market.signers
    if isinstance(signers, Keyring):
        return {name: signers.address(name) for name in signers if name in ledger.market.index}
    return {name: signer.address for name, signer in signers.items() if name in ledger.market.index}


def _assets(ledger: Ledger) -> str:
    scenario, index = ledger.market.scenario, ledger.market.index
    there = {each.code: each for each in ledger.market.clients.register.assets()}
    cash, listing = scenario.cash, scenario.securities
    wrong = [f"{code} is not listed" for code in (cash.currency, *listing.codes) if code not in there]
    for code, asset in there.items():
        issuer, decimals = (cash.issuer, scenario.exponent) if code == cash.currency else (listing.issuer, 0)
        if asset.issuer != index.get(issuer):
            wrong.append(f"{code} is not issued by {issuer}")
        if asset.decimals != decimals:
            wrong.append(f"{code} has {asset.decimals} decimals")
        if code != cash.currency and listing.listing == "listed" and code not in listing.codes:
            wrong.append(f"{code} is not in the scenario")
    if wrong:
        raise Wrong(listed(wrong))
    return f"{cash.currency} and {count(len(there) - 1, 'security', 'securities')}"


def _fees(ledger: Ledger) -> str:
    market, schedule = ledger.market, VenueSchedule.of(ledger.market.scenario)
    if not market.fee_schedule_id:
        raise Wrong("the venue has no fee schedule on the chain")
    found = market.clients.clearing_house.call("feeSchedule", market.fee_schedule_id)
    venue, beneficiary, levy_ppm, graduated, tiers = found
    wanted = (
        market.index.get(market.scenario.venue),
        market.index.get(market.scenario.fees.levy.beneficiary),
        schedule.levy_ppm,
        schedule.graduated,
        schedule.as_registered(),
    )
    if (venue, beneficiary, levy_ppm, graduated, [tuple(tier) for tier in tiers]) != wanted:
        raise Wrong(f"the newest fee schedule, number {market.fee_schedule_id}, is not the scenario's")
    return f"{count(len(tiers), 'tier')} and the levy as in the scenario"


def _agreements(ledger: Ledger) -> str:
    """Whose agreement the scenario says has concluded it; a later version is by consent of all, too."""
    market, scenario = ledger.market, ledger.market.scenario
    there, shares = registry(ledger.read().revenue), scenario.agreements.shares
    wrong = []
    for name in scenario.brokers if shares else ():
        wanted = commission_terms(market, name) if name in market.index else None
        found = there.named(wanted.payer, wanted.name) if wanted else None
        if found is None or found.versions[0].terms != wanted:
            wrong.append(name)
    if wrong:
        raise Wrong(f"{listed(wrong)}: not the agreement of the scenario")
    return f"{count(len(scenario.brokers) if shares else 0, 'agreement')} as in the scenario"


def _agreement_lines(ledger: Ledger) -> str:
    """What was computed and paid under every agreement is what comes out of the terms again."""
    market, history = ledger.market, ledger.read()
    found = facts(history.revenue, history.blocks)
    naming = Naming({index: name for name, index in market.index.items()}, market.scenario.exponent)
    verifying.verify(found, naming)
    verifying.verify_paid(found, history.movements, history.netting_sets, naming)
    periods = [of_all for of in found.agreements.values() for of_all in accounts(of, naming).values()]
    lines = sum(len(account.lines) for of_all in periods for account in of_all)
    return f"{count(lines, 'line')} of {count(len(found.agreements), 'agreement')} recomputed from the terms"


def _settlements(ledger: Ledger) -> str:
    history = ledger.read()
    verify(ledger.market, history)
    trades = sum(int(batch.settled.sum()) for batch in history.batches.values())
    sets = count(len(history.netting_sets), "netting set")
    return f"{sets} of {count(trades, 'trade')} recomputed from the recorded trades"


def _transit(ledger: Ledger) -> str:
    places = [(TRANSIT, asset) for asset in ledger.market.asset.values()]
    held = ledger.market.clients.register.balances(places)
    if held:
        codes = {index: code for code, index in ledger.market.asset.items()}
        raise Wrong(
            "the transit account holds " + listed([f"{n:,} {codes[a]}" for (_, a), n in held.items()])
        )
    return "the transit account is empty"


def _conservation(ledger: Ledger) -> str:
    """Of every asset as much is held as was issued and not redeemed, and the register says so."""
    market, moves = ledger.market, ledger.read().movements
    held: Counter[int] = Counter()
    for (_, asset), amount in ledger.balances().items():
        held[asset] += amount
    issued: Counter[int] = Counter()
    for (_, asset), amount in moves.net(list(market.index.values()), other=[NOBODY]).items():
        issued[asset] += amount
    wrong = [
        f"of {asset.code} {issued[asset.index]:,} were issued and not redeemed, {held[asset.index]:,} "
        f"are held, and the register says {asset.supply:,}"
        for asset in market.clients.register.assets()
        if not asset.supply == held[asset.index] == issued[asset.index]
    ]
    if wrong:
        raise Wrong("; ".join(wrong[:3]))
    return f"{count(len(market.asset), 'asset')}: what was issued and not redeemed is held"


def _cycle(ledger: Ledger, writer: str | None) -> str:
    names = {index: name for name, index in ledger.market.index.items()}
    open_ = [f"cycle {cycle:,} of {names[venue]}" for venue, cycle in ledger.read().open_cycles.items()]
    if open_ and not writer:
        raise Wrong(f"{listed(open_)} was left open")
    return f"{listed(open_)} is open" if open_ else "none is open"


def _books(ledger: Ledger) -> str:
    """Every trade that an institution has affirmed is in its book, and every issue in some book."""
    files = ledger.shelf.files()
    missing: Counter[str] = Counter()
    compared = 0
    for name in ledger.market.scenario.brokers:
        if name not in ledger.market.signers:
            continue  # its book is elsewhere
        agreed = _agreed(ledger, ledger.market.index[name])
        kept = ledger.shelf.days(name, ledger.market.scenario)
        for day, numbers in agreed.items():
            compared += len(numbers)
            there = np.sort(kept[day].number) if day in kept else ()
            lacking = int((~among(numbers, there)).sum())
            if lacking:
                missing[name] += lacking
    if missing:
        lacks = [f"{name} ({count(number, 'trade')})" for name, number in missing.items()]
        raise Wrong(f"trades that were affirmed are in no book of {listed(lacks)}")
    known = ledger.shelf.deposits()
    unknown = [reference for _, reference in ledger.read().issues if reference not in known]
    if unknown:
        raise Wrong(f"{count(len(unknown), 'issue')} on the chain of which no book knows")
    return f"{count(len(files), 'file')}; {count(compared, 'side')} of trades in their books"


def _clients(ledger: Ledger) -> str:
    """What brokers keep of their clients comes to the roots that they affirmed."""
    market, batches = ledger.market, 0
    for broker, day in ledger.allocations.days():
        ledger.allocations.find(broker, day)
    for name in market.scenario.brokers:
        if name in market.signers:  # others keep theirs elsewhere
            batches += len(disclosing.affirmed(ledger, name))
    exposed = ledger.allocations.open_to_others()
    if exposed:
        raise Wrong(
            f"others may read {listed(exposed)} in clients/", "let only their owner read them: chmod 600"
        )
    return f"{count(batches, 'affirmation')} with the root of kept allocations"


def _agreed(ledger: Ledger, institution: int) -> dict[date, npt.NDArray[np.uint32]]:
    """The numbers of the trades that an institution has affirmed without exception, by trading day."""
    found: dict[date, npt.NDArray[np.uint32]] = {}
    for batch in ledger.read().batches.values():
        if institution not in batch.affirmed_in:
            continue
        own = (batch.records.buyer == institution) | (batch.records.seller == institution)
        numbers = batch.records.number[own]
        excepted = [number for number, who in batch.disputed.items() if institution in who]
        day = parse_day_number(batch.header.trading_day)
        known = found.get(day, np.zeros(0, dtype=np.uint32))
        found[day] = np.concatenate([known, numbers[~np.isin(numbers, excepted)]])
    return found
