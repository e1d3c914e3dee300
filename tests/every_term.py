"""An agreement that uses every term, of several payers, and what is measured under it in two months."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.reckoned import Month

TEXT = (Path(__file__).resolve().parent / "data" / "every-term.yaml").read_text()
NAME = "every term"
PAYERS = ("45", "38", "58", "57", "17")
"""The brokers with the most trades of the four days. 38 and 17 have no cash once October's are settled."""
OCTOBER, NOVEMBER = (2019, 10), (2019, 11)
MEASURED: Mapping[Month, Mapping[str, tuple[int, ...]]] = {
    OCTOBER: {
        "USERS": (900_000, 960_000, 1_000_000, 1_000_001, 1_140_000),
        "LTV": (10_000_000, 10_000_001, 0, 90_000_000, 5),
        "LOSSES": (500_000, 500_001, 800_001, 0, 900_000),
        "HOURS": (100, 107, 0, 121, 3),
        "CALLS": (10_000, 50_001, 9_999, 50_000, 123_456),
        "UPTIME": (9_990, 9_989, 10_000, 9_000, 9_990),
        "CONVERSION": (250, 249, 0, 100, 300),
        "AUM": (150_000_001, 100_000_000, 99_999_999, 0, 777_777_777),
        "NAV": (10_020, 10_500, 9_900, 10_024, 10_033),
        "UNITS": (300, 301, 7, 1, 12_345),
        "INDEX": (114_000, 115_001, 122_000, 123_000, 115_000),
    },
    NOVEMBER: {
        "USERS": (1_000_000, 1_200_000, 1_199_999, 1_300_000, 1_000_001),
        "LTV": (10_000_001, 10_000_000, 0, 90_000_000, 5),
        "LOSSES": (0, 0, 0, 900_000, 600_000),
        "HOURS": (99, 1, 50, 1_000, 33),
        "CALLS": (1, 0, 10_001, 50_001, 333),
        "UPTIME": (9_989, 9_990, 9_991, 0, 9_990),
        "CONVERSION": (249, 250, 251, 9, 1),
        "AUM": (150_000_003, 200_000_000, 0, 1, 555_555_555),
        "NAV": (10_600, 10_600, 10_050, 10_100, 10_010),
        "UNITS": (300, 299, 700, 100_000, 12_345),
        "INDEX": (116_000, 115_000, 129_001, 123_001, 122_000),
    },
}
"""Month → measure → its value for each payer, bounds among them."""


def text_of(payer: str, version: int = 1) -> str:
    """The document with another payer; the second version has other rates."""
    text = TEXT.replace('"45"', f'"{payer}"')
    if version == 2:
        for old, new in (
            ("version: 1", "version: 2"),
            ("effective: on_consent", "effective: 2019-11-01"),
            ("rate_ppm: 40000\n    shares", "rate_ppm: 45000\n    shares"),
            ('cap: "28000.00"', 'cap: "21000.00"'),
        ):
            assert text.count(old) == 1
            text = text.replace(old, new)
    return text
