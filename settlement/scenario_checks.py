"""What must fit together inside a scenario: references, roles, bounds.

The checks take the scenario as plain data and look only at the parts that have the right form, so
that one file's mistakes of form and of meaning are reported together. Each finding is the path of
the wrong key and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ledger.errors import InvalidValue
from ledger.ids import currency_exponent
from ledger.units import MAX_AMOUNT, MAX_FLAT, PPM, format_minor, parse_minor, parse_ppm
from settlement import scenario_day
from settlement.marked_yaml import Path

Found = tuple[Path, str]

MAX_TIERS = 32
"""Of a fee schedule on the ledger."""
MAX_INDEX = 2**16 - 1
MAX_SECURITIES = 2**15 - 1
"""The largest index that the record's u16 fields can hold; one asset is the cash."""


def check(data: Mapping[str, Any]) -> list[Found]:
    """Every mistake of meaning in a scenario's plain data, in no particular order."""
    roles = _roles(data)
    return [
        *_names(data),
        *_references(data, roles),
        *_codes(data),
        *_currency(data),
        *_tiers(data),
        *_shares(data, roles),
        *_cover(data),
        *scenario_day.check(data, roles, _exponent(data)),
    ]


def _part(data: Any, *path: str | int) -> Any:
    """What stands at `path`, or None where something on the way is missing or of another form."""
    for key in path:
        if isinstance(key, str) and isinstance(data, Mapping):
            data = data.get(key)
        elif isinstance(key, int) and isinstance(data, tuple) and key < len(data):
            data = data[key]
        else:
            return None
    return data


def _items(data: Any, *path: str | int) -> tuple[Any, ...]:
    found = _part(data, *path)
    return found if isinstance(found, tuple) else ()


def _roles(data: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    entries = _items(data, "institutions")
    return {
        name: _items(entry, "roles") for entry in entries if isinstance(name := _part(entry, "name"), str)
    }


def _names(data: Mapping[str, Any]) -> Iterator[Found]:
    seen: dict[str, int] = {}
    for index, entry in enumerate(_items(data, "institutions")):
        name = _part(entry, "name")
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            yield ("institutions", index, "name"), f"{name!r} is taken by institutions[{seen[name]}]"
        given = _items(entry, "roles")
        for place, role in enumerate(given):
            if isinstance(role, str) and role in given[:place]:
                yield ("institutions", index, "roles", place), f"{role} is given twice"
    if not any("BROKER" in roles for roles in _roles(data).values()) and _items(data, "institutions"):
        yield ("institutions",), "nobody has the role BROKER"


def _references(data: Mapping[str, Any], roles: dict[str, tuple[Any, ...]]) -> Iterator[Found]:
    wanted: list[tuple[Path, str]] = [
        (("venue",), "EXCHANGE"),
        (("cash", "issuer"), "SETTLEMENT_BANK"),
        (("securities", "issuer"), "DEPOSITORY"),
        (("fees", "levy", "beneficiary"), "REGULATOR"),
    ]
    for path, role in wanted:
        name = _part(data, *path)
        if not isinstance(name, str) or not roles:
            continue
        if name not in roles:
            yield path, _no_institution(name, roles)
        elif role not in roles[name]:
            yield path, f"{name} has not the role {role}"
        elif path[0] == "fees" and "BROKER" in roles[name]:
            yield path, f"{name} is a broker, whose book cannot know the levies of others"


def _no_institution(name: str, roles: Mapping[str, Any]) -> str:
    near = get_close_matches(name, roles, n=1, cutoff=0.5)
    return f"there is no institution {name!r}" + (f" (did you mean {near[0]}?)" if near else "")


def _codes(data: Mapping[str, Any]) -> Iterator[Found]:
    codes = _items(data, "securities", "codes")
    seen: dict[str, int] = {}
    for index, code in enumerate(codes):
        if isinstance(code, str) and seen.setdefault(code, index) != index:
            yield ("securities", "codes", index), f"{code!r} is listed twice"
    if not codes and _part(data, "securities", "listing") == "listed":
        yield ("securities", "codes"), "must name at least one security where listing is listed"
    if len(codes) > MAX_SECURITIES:
        yield ("securities", "codes"), f"the register has room for {MAX_SECURITIES:,} securities"
    currency = _part(data, "cash", "currency")
    if isinstance(currency, str) and currency in seen:
        yield ("securities", "codes", seen[currency]), f"{currency} is the settlement currency, no security"


def _currency(data: Mapping[str, Any]) -> Iterator[Found]:
    currency = _part(data, "cash", "currency")
    if isinstance(currency, str) and _exponent(data) is None:
        yield ("cash", "currency"), f'{currency!r} is no currency: an ISO 4217 code is wanted, as "EUR"'


def _exponent(data: Mapping[str, Any]) -> int | None:
    try:
        return currency_exponent(_part(data, "cash", "currency"))
    except (InvalidValue, TypeError):  # TypeError: a mapping cannot be looked up
        return None


def _tiers(data: Mapping[str, Any]) -> Iterator[Found]:
    tiers = _items(data, "fees", "tiers")
    exponent = _exponent(data)
    last = 0
    for index, tier in enumerate(tiers):
        path: Path = ("fees", "tiers", index, "up_to")
        yield from _flat(tier, index, exponent)
        if not isinstance(tier, Mapping) or "up_to" not in tier:
            continue
        bound, is_last = tier["up_to"], index == len(tiers) - 1
        if bound is None and not is_last:
            yield path, "only the last tier may be without bound"
        elif bound is not None and is_last:
            yield path, "the last tier must be without bound: null"
        if isinstance(bound, str) and exponent is not None:
            try:
                amount = parse_minor(bound, exponent)
            except InvalidValue as error:
                yield path, str(error)
                continue
            if amount <= last:
                yield path, f"must be above {format_minor(last, exponent)}: tiers go from small to large"
            if amount == MAX_AMOUNT:
                yield path, "no amount is larger: the tier after it would be for none"
            last = max(last, amount)


def _flat(tier: Any, index: int, exponent: int | None) -> Iterator[Found]:
    flat = _part(tier, "flat")
    if not isinstance(flat, str) or exponent is None:
        return
    try:
        if parse_minor(flat, exponent) > MAX_FLAT:
            yield ("fees", "tiers", index, "flat"), f"must be at most {format_minor(MAX_FLAT, exponent)}"
    except InvalidValue as error:
        yield ("fees", "tiers", index, "flat"), str(error)


def _shares(data: Mapping[str, Any], roles: dict[str, tuple[Any, ...]]) -> Iterator[Found]:
    shares = _items(data, "agreements", "shares")
    seen: dict[str, int] = {}
    for index, share in enumerate(shares):
        party = _part(share, "party")
        path: Path = ("agreements", "shares", index, "party")
        if not isinstance(party, str):
            continue
        if seen.setdefault(party, index) != index:
            yield path, f"{party} already has a share, agreements.shares[{seen[party]}]"
        elif roles and party not in roles:
            yield path, _no_institution(party, roles)
        elif "BROKER" in roles.get(party, ()):
            yield path, f"{party} is a broker, and so the payer of its own agreement"
    yield from _reserve_account(data, roles)
    total = sum(rate for share in shares if isinstance(rate := _part(share, "share_ppm"), int))
    if total > PPM:
        yield ("agreements", "shares"), f"add up to {total:,} ppm, more than the whole of {PPM:,}"


def _reserve_account(data: Mapping[str, Any], roles: dict[str, tuple[Any, ...]]) -> Iterator[Found]:
    account, path = _part(data, "agreements", "reserve_account"), ("agreements", "reserve_account")
    fund = _part(data, "default_fund", "account") or scenario_day.DefaultFund.model_fields["account"].default
    if not isinstance(account, str):
        return
    if account in roles:
        yield path, f"{account!r} is an institution; reserves are kept by one of their own"
    elif account == fund and _part(data, "default_fund") is not None:
        yield path, f"{account!r} is the default fund's account"


def _cover(data: Mapping[str, Any]) -> Iterator[Found]:
    for key in ("cover", "securities"):
        part = _part(data, "opening", key)
        if not isinstance(part, str):
            continue
        try:
            if not parse_ppm(part):
                yield ("opening", key), "must be more than 0"
        except InvalidValue as error:
            yield ("opening", key), str(error)
