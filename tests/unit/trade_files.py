"""Random trade files, right and wrong in every way that a file can be, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from settlement.scenario import Scenario, load

_SAMPLE, _NEPSE = load("sample"), load("nepse-2019")
CANONICAL = "trade_no,trade_date,trade_time,buyer,seller,security,quantity,price,settlement_amount"
NEPSE = "S.N,Contract_No,Stock_Symbol,Buyer_Broker,Seller_Broker,Quantity,Rate,Amount,Date"
_NUMBERS = [
    *(
        "",
        "0",
        "-1",
        "+5",
        "1.",
        ".5",
        "1.5",
        "1..5",
        "1.2.3",
        "1e3",
        "NaN",
        "inf",
        " 7",
        "7 ",
        "1,000",
        "1_0",
    ),
    *("1.1234567", "٣", "9" * 18, "9" * 19, "9" * 20, "9" * 30, "0" * 19 + "1", "4294967296", "0x1", "."),
    *("92233720368547758.07", "92233720368547758.08", "3094850098213450687247810.55", "1" * 27 + ".000001"),
]
_CODES = [
    *(
        "",
        " x",
        "x ",
        "a b",
        "x" * 31,
        "x" * 32,
        "x" * 70,
        "ä",
        "EUR",
        "NPR",
        "ZZ0000010379",
        "AKBSL",
        "~",
        "!",
    ),
    *(
        "Dunmore",
        "dunmore",
        "Calder Vale",
        "Market Authority",
        "25",
        "025",
        "\x7f",
        "\0",
        "a\0",
        "a\tb",
        "\r",
    ),
]
_TIMES = ["", "24:00:00", "23:59:59", "9:00:00", "10:60:00", "10:00:60", "10-00-00", "10:00:00.5", "1a:00:00"]
_DAYS = ["", "2024-03-15", "2024-02-30", "20240314", "2024-3-14", "2024-03-14 ", "0000-00-00"]
_CONTRACTS = [
    "",
    "2019112200000001",
    "2019999900000001",
    "2019112100000000",
    "201911210000001",
    "2019112a00000001",
]
_BYTES = [
    b"\xff",
    b'"',
    b",",
    b"\r",
    b"\0",
    b"\xc3\xa4",
    b"\xe2\x82",
    b" ",
    b".",
    b"\t",
    b'""',
    b"\xef\xbb\xbf",
]


def scenario_of(chance: random.Random) -> Scenario:
    """One of either format; a made-up one has a currency of any exponent and may take any security."""
    if chance.random() < 0.35:
        return _NEPSE
    currency = chance.choice(["EUR", "EUR", "JPY", "KWD", "CLF"])
    listing = chance.choice(["listed", "on_first_trade"])
    return _SAMPLE.model_copy(
        update={
            "cash": _SAMPLE.cash.model_copy(update={"currency": currency}),
            "securities": _SAMPLE.securities.model_copy(update={"listing": listing}),
        }
    )


def file_of(chance: random.Random, scenario: Scenario, *, faults: float = 0.3) -> bytes:
    """A file of up to a few dozen rows, about so many of them with a fault or an unusual form."""
    header = CANONICAL if scenario.format == "canonical" else NEPSE
    row_of = _canonical if scenario.format == "canonical" else _nepse
    rows = [_written(chance, row_of(chance, scenario), faults) for _ in range(chance.randrange(40))]
    end = chance.choice([b"\n", b"\r\n"])
    data = b"".join(row + (end if chance.random() < 0.97 else b"\r\n") for row in [header.encode(), *rows])
    if chance.random() < 0.2:
        data = data.rstrip(b"\r\n")
    if faults and chance.random() < 0.2:
        data += chance.choice([b"\n", b"\r\n\n", b"\r", b"\n\r", b"\r\r", b" \n"])
    return b"\xef\xbb\xbf" + data if chance.random() < 0.1 else data


def _written(chance: random.Random, values: list[str], faults: float) -> bytes:
    """A row's bytes, perhaps after something was done to them."""
    if chance.random() < faults:
        done: list[Callable[[], bytes]] = [
            lambda: _spoiled(chance, values),
            lambda: _spoiled(chance, values),
            lambda: _quoted(chance, values),
            lambda: _struck(chance, values),
            lambda: _joined(values[: chance.randrange(len(values) + 1)]),
            lambda: _respelled(chance, values),
            lambda: _joined([*values, ""]),
            lambda: _joined(["", *values]),
            lambda: chance.choice([b"", b"\r", b",,,,,,,,", b'"', b"x" * 300]),
        ]
        return chance.choice(done)()
    return _joined(values)


def _spoiled(chance: random.Random, values: list[str]) -> bytes:
    every = [*_NUMBERS, *_CODES, *_TIMES, *_DAYS, *_CONTRACTS]
    for _ in range(chance.choice([1, 1, 2])):
        values[chance.randrange(len(values))] = chance.choice(every)
    return _joined(values)


def _respelled(chance: random.Random, values: list[str]) -> bytes:
    """The same number in another spelling, most of which no format takes."""
    at = chance.choice([k for k, value in enumerate(values) if value.replace(".", "").isdecimal()])
    spellings = [
        "{}.",
        "{}0",
        "{}00000",
        "{}.0",
        "{}.000",
        "0{}",
        "+{}",
        "{}e0",
        ".{}",
        "{} ",
        "0" * 17 + "{}",
    ]
    values[at] = chance.choice(spellings).format(values[at])
    if chance.random() < 0.3:
        values[at] = values[at].removeprefix("0").replace(".", "..")
    return _joined(values)


def _quoted(chance: random.Random, values: list[str]) -> bytes:
    if chance.random() < 0.3:
        values[chance.randrange(len(values))] = chance.choice(['a,"b"', "a,b", 'x"', "a\rb", "ü"])
    return _joined(['"' + v.replace('"', '""') + '"' if chance.random() < 0.6 else v for v in values])


def _struck(chance: random.Random, values: list[str]) -> bytes:
    row = _joined(values)
    at = chance.randrange(len(row) + 1)
    return row[:at] + chance.choice(_BYTES) + row[at + chance.randrange(2) :]


def _joined(values: list[str]) -> bytes:
    return ",".join(values).encode()


def _canonical(chance: random.Random, scenario: Scenario) -> list[str]:
    quantity, price, amount = _values(chance, 6, scenario.exponent)
    codes = list(scenario.securities.codes)
    if scenario.securities.listing == "on_first_trade":
        codes += ["A", "b c", "x" * 31, "12345678", "123456789"]
    time = f"{chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}"
    return [
        _padded(chance, str(chance.choice([1, 2, 3, chance.randrange(1, 60), chance.randrange(1, 2**32)]))),
        "2024-03-14" if chance.random() < 0.97 else "2024-03-15",
        time if chance.random() < 0.8 else "",
        chance.choice(scenario.brokers),
        chance.choice(scenario.brokers),
        chance.choice(codes),
        _padded(chance, str(quantity)),
        price,
        amount,
    ]


def _nepse(chance: random.Random, scenario: Scenario) -> list[str]:
    quantity, rate, amount = _values(chance, 2, scenario.exponent)
    return [
        chance.choice(["1", "", "x y", "ü"]),
        f"20191121{chance.choice([1, 2, chance.randrange(1, 60), chance.randrange(1, 10**8)]):08d}",
        chance.choice(["AKBSL", "NTC", "A", "AKBSLAKBSL", "x" * 24, "x" * 25]),
        chance.choice(scenario.brokers),
        chance.choice(scenario.brokers),
        str(quantity),
        rate,
        amount,
        chance.choice(["2019-11-21 15:05:59.381544", "", "whenever"]),
    ]


def _values(chance: random.Random, decimals: int, exponent: int) -> tuple[int, str, str]:
    """A quantity, a price and, mostly, their product."""
    size = chance.choice([3, 6, 12, 31, 62, 64])
    quantity = chance.randrange(1, 2**size)
    shown = chance.randrange(min(decimals, exponent) + 1)
    units = chance.randrange(1, 2 ** chance.choice([8, 16, 31, 40]))
    price = Decimal(units).scaleb(-shown)
    amount = quantity * units * 10 ** (exponent - shown) + (chance.random() < 0.03)
    text = f"{price:f}"
    if shown and chance.random() < 0.3:
        text += "0" * (decimals - shown)
    return quantity, text, f"{Decimal(amount).scaleb(-exponent):f}"


def _padded(chance: random.Random, text: str) -> str:
    return text.zfill(chance.choice([1, 1, 1, 5, 10, 11]))
