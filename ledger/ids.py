"""Identifiers, checked: ISIN, LEI, BIC, ISO 4217 currencies, local codes and trading days.

Every `parse_…` returns its argument when it is well formed and raises InvalidValue when not.
Sources: ISO 6166 (ISIN), ISO 17442 (LEI), ISO 9362 (BIC), ISO 4217, ISO 7064 MOD 97-10.
"""

from __future__ import annotations

import re
from datetime import date

from ledger.errors import InvalidValue

LOCAL_CODE_PATTERN = r"[!-~](?:[ -~]{0,29}[!-~])?"
"""1 to 31 printable ASCII characters, no space at either end: what fits a bytes32 with its length."""

_LOCAL_CODE = re.compile(LOCAL_CODE_PATTERN)
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")

_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
    "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_CURRENCIES = {code: exponent for exponent, codes in _EXPONENTS.items() for code in codes.split()}


def currency_exponent(code: str) -> int:
    """How many decimals the currency has (ISO 4217): NPR 2, JPY 0, KWD 3."""
    exponent = _CURRENCIES.get(code)
    if exponent is None:
        raise InvalidValue("currency", code, 'an ISO 4217 code is wanted, as "EUR"')
    return exponent


def parse_local_code(text: str) -> str:
    """A name or symbol of the market's own: 1 to 31 printable ASCII characters, no space at the ends."""
    if not isinstance(text, str) or not _LOCAL_CODE.fullmatch(text):
        raise InvalidValue(
            "code", text, "1 to 31 printable ASCII characters, no space at the ends, are wanted"
        )
    return text


def parse_isin(text: str) -> str:
    """An ISIN: two letters, nine letters or digits, and the check digit of ISO 6166."""
    if not isinstance(text, str) or not _ISIN.fullmatch(text):
        raise InvalidValue("ISIN", text, "two letters, nine letters or digits and a check digit are wanted")
    expected = isin_check_digit(text[:11])
    if int(text[11]) != expected:
        raise InvalidValue("ISIN", text, f"its check digit should be {expected}")
    return text


def isin_check_digit(body: str) -> int:
    """The last digit of the ISIN whose first eleven characters are `body`.

    Letters count as two digits (A is 10); from the right every second digit, the last one first,
    is doubled, and the digits of all of them add up (Luhn).
    """
    digits = "".join(str(int(character, 36)) for character in body)
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value // 10 + value % 10
    return -total % 10


def parse_lei(text: str) -> str:
    """A Legal Entity Identifier: 18 letters or digits and two check digits, 1 modulo 97."""
    if not isinstance(text, str) or not _LEI.fullmatch(text):
        raise InvalidValue("LEI", text, "18 letters or digits and two check digits are wanted")
    if int("".join(str(int(character, 36)) for character in text)) % 97 != 1:
        raise InvalidValue("LEI", text, "its check digits do not fit")
    return text


def parse_bic(text: str) -> str:
    """A Business Identifier Code, 8 or 11 characters. Only the form is checked: there is no check digit."""
    if not isinstance(text, str) or not _BIC.fullmatch(text):
        raise InvalidValue("BIC", text, "8 or 11 capital letters or digits, as ABCDNP2AXXX, are wanted")
    return text


def day_number(day: date) -> int:
    """A trading day as the batch header has it: 2019-11-21 is 20191121."""
    return day.year * 10_000 + day.month * 100 + day.day


def parse_day_number(number: int) -> date:
    """The day that yyyymmdd `number` names; raises InvalidValue where there is no such day."""
    try:
        return date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        raise InvalidValue("trading day", number, "a calendar day as yyyymmdd is wanted") from None


def to_bytes32(text: str) -> bytes:
    """A name or code as the contracts keep it: ASCII, left-aligned, padded with zeros."""
    return parse_local_code(text).encode("ascii").ljust(32, b"\0")


def from_bytes32(word: bytes) -> str:
    """The text that `to_bytes32` packed; what is not ASCII, which a contract may hold, shows as `?`."""
    return word.rstrip(b"\0").decode("ascii", errors="replace")
