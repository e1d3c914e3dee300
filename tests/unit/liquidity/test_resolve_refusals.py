"""What `resolve` and `clearing gridlock` refuse: each with what is wrong, where, and what would be right."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import InvalidValue
from ledger.units import MAX_AMOUNT
from settlement import cli
from settlement.errors import InstructionsInvalid
from settlement.liquidity import Instruction, resolve

HELD = {"A": {"EUR": 5, "X": 0}, "B": {"EUR": 0}}
LEG = ("A", "B", "EUR", 1)


@pytest.mark.parametrize(
    ("instructions", "where", "says"),
    [
        ([("A", "C", "EUR", 1)], "instructions[0].legs[0].payee", "'C' has no balance; 'A', 'B' have"),
        ([LEG, ("C", "A", "EUR", 1)], "instructions[1].legs[0].payer", "'C' has no balance"),
        (
            [[LEG, ("A", "B", "USD", 1)]],
            "instructions[0].legs[1].asset",
            "'USD' is in no balance; 'X', 'EUR' are",
        ),
        ([("A", "B", 1)], "instructions[0].legs[0].asset", "no asset is named"),
        ([("A", "B", "EUR", 0)], "instructions[0].legs[0].amount", "0 is not from 1"),
        ([("A", "B", "EUR", -1)], "instructions[0].legs[0].amount", "-1 is not from 1"),
        ([("A", "B", "EUR", MAX_AMOUNT + 1)], "instructions[0].legs[0].amount", f"to {MAX_AMOUNT}"),
        ([("A", "B", "EUR", 1.0)], "instructions[0].legs[0].amount", "an integer is wanted, not 1.0"),
        ([("A", "B", "EUR", "1")], "instructions[0].legs[0].amount", "an integer is wanted, not '1'"),
        ([("A", "B", "EUR", True)], "instructions[0].legs[0].amount", "an integer is wanted, not True"),
        ([("A", "B", "EUR", 10**5000)], "instructions[0].legs[0].amount", "thousands of digits"),
        ([("A", "A", "EUR", 1)], "instructions[0].legs[0].payee", "'A' is the payer"),
        ([("A", ["B"], "EUR", 1)], "instructions[0].legs[0].payee", "has no balance"),
        ([("A", "B")], "instructions[0].legs[0]", "[payer, payee, asset, amount] is wanted"),
        ([[]], "instructions[0]", "[payer, payee, amount] or a list of legs is wanted, not []"),
        (["AB"], "instructions[0]", "is wanted, not 'AB'"),
        ("AB", "instructions", "a list is wanted"),
        ([Instruction([])], "instructions[0].legs", "at least one leg is wanted"),
        ([Instruction([LEG], value=-1)], "instructions[0].value", "-1 is not from 0"),
        ([Instruction([LEG], value=1.5)], "instructions[0].value", "an integer is wanted"),  # type: ignore[arg-type]
        ([Instruction([LEG], priority=True)], "instructions[0].priority", "an integer is wanted"),
        ([Instruction([LEG], priority=2**40)], "instructions[0].priority", "is not from"),
    ],
)
def test_resolve_given_instructions_nobody_could_settle_says_where(
    instructions: Any, where: str, says: str
) -> None:
    with pytest.raises(InstructionsInvalid) as refused:
        resolve(HELD, instructions)
    assert refused.value.where == where
    assert says in refused.value.reason


@pytest.mark.parametrize(
    ("balances", "where"),
    [
        ([5, -1], "balances[1]"),
        ([5, 1.0], "balances[1]"),
        ([True], "balances[0]"),
        ([2**256], "balances[0]"),
        ({"A": -1}, "balances['A']"),
        ({("A", "x"): None}, "balances[('A', 'x')]"),
        ({("A", "x"): 1, "B": 1}, "balances['B']"),
        ({"A": {"x": 1}, "B": 1}, "balances['B']"),
        ({"A": {"x": "1"}}, "balances['A']['x']"),
        (5, "balances"),
        ("5", "balances"),
    ],
)
def test_resolve_given_balances_that_are_none_says_where(balances: Any, where: str) -> None:
    with pytest.raises(InstructionsInvalid) as refused:
        resolve(balances, [])
    assert refused.value.where == where


@pytest.mark.parametrize("party", [True, 1.0])
def test_resolve_given_what_python_takes_for_a_partys_number_refuses_it(party: Any) -> None:
    with pytest.raises(InstructionsInvalid):
        resolve([5, 0], [(party, 2, 1)])


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf, 86_401, True, "5", None])
def test_resolve_given_an_absurd_time_limit_refuses_it(limit: Any) -> None:
    with pytest.raises(InvalidValue, match="time limit"):
        resolve([5, 0], [(1, 2, 1)], time_limit_s=limit)


def test_resolve_given_another_objective_refuses_it() -> None:
    with pytest.raises(InvalidValue, match="'speed' is no objective: one of value, count, priority"):
        resolve([5, 0], [], objective="speed")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"balances": [1], "x": ' + "[" * 33 + "]" * 33 + "}", "is nested too deeply"),
        ('{"x": "' + "[" * 99 + '\\"["}', "balances are wanted"),
        ("5", "an object with balances and payments is wanted"),
        ('[{"balances": [1], "payments": []}, 7]', "case 1: an object"),
        ('{"payments": []}', "balances are wanted"),
        ('{"balances": [1]}', "either payments or instructions"),
        ('{"balances": [1], "payments": [], "instructions": []}', "either payments or instructions"),
        ('{"balances": [1], "payments": {}}', "payments: a list is wanted"),
        ('{"id": "q", "balances": [1], "payments": [[1, 2, 3]]}', "q: payments[0].legs[0].payee: 2 has no"),
        ('{"balances": [1, 2], "payments": [[1, 2, 1e3]]}', "an integer is wanted, not 1000.0"),
        ('{"balances": [1, 2], "payments": [[1, 2, NaN]]}', "an integer is wanted, not nan"),
        ('{"balances": [-1], "payments": []}', "balances[0]: -1 is not from 0"),
        (
            '[{"balances": {"A": 1, "B": 0}, "instructions": [{"legs": [["A", "B", 1]], "prority": 1}]}]',
            "case 0: instructions[0].prority",
        ),
        (
            '{"balances": {"A": 1, "B": 0}, "instructions": [{"legs": [["A", "B", 1]], "value": 1.5}]}',
            "instructions[0].value",
        ),
    ],
)
def test_gridlock_given_a_file_nobody_could_resolve_says_where(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cases.json"
    file.write_text(text)
    with pytest.raises(SystemExit) as left:
        cli.app(["gridlock", str(file), "--json"])
    shown = capsys.readouterr()
    assert (left.value.code, shown.out) == (2, "")
    assert shown.err.startswith(f"clearing: {file}: ")
    assert says in shown.err


def test_gridlock_given_cases_prints_what_settles_in_their_form(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And nothing else, whatever the solver has to say."""
    single = {"balances": {"1": 5, "2": 0}, "payments": [[1, 2, 5], [2, 1, 9]], "more": "is left alone"}
    dvp = {
        "id": "dvp",
        "balances": {"A": {"EUR": 100}, "B": {"X": 5}},
        "instructions": [{"legs": [["A", "B", "EUR", 100], ["B", "A", "X", 5]], "value": 100, "priority": 2}],
    }
    file = tmp_path / "cases.json"
    for content in (single, [single, dvp]):
        file.write_text(json.dumps(content))
        for options in ([], ["--objective", "priority"], ["--objective", "count", "--time-limit", "5"]):
            with pytest.raises(SystemExit) as left:
                cli.app(["gridlock", str(file), *options])
            shown = capfd.readouterr()
            assert (left.value.code, shown.err) == (0, "")
            with pytest.raises(SystemExit) as left:
                cli.app(["gridlock", str(file), "--json", *options])
            found = json.loads(capfd.readouterr().out)
            assert left.value.code == 0
            assert isinstance(found, list) == isinstance(content, list)
            first = found[0] if isinstance(found, list) else found
            assert first["settled"] == [0]
            assert first["balances"] == {"1": 0, "2": 5}
            assert first["waiting"] == [{"position": 1, "short": [{"party": "2", "amount": 4}]}]
            assert first["optimal"] is True
    assert found[1]["balances"] == {"A": {"EUR": 0, "X": 5}, "B": {"X": 0, "EUR": 100}}
    assert (found[1]["value"], found[1]["upper_bound"], found[1]["count"]) == (100, 1, 1)


def test_gridlock_given_no_time_to_prove_anything_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payments = [[i % 9 + 1, (i * 5 + 3) % 9 + 1, 7 * i + 11] for i in range(200) if i % 9 != (i * 5 + 3) % 9]
    file = tmp_path / "case.json"
    file.write_text(json.dumps({"balances": [3] * 9, "payments": payments}))
    with pytest.raises(SystemExit) as left:
        cli.app(["gridlock", str(file), "--json", "--time-limit", "0.000001"])
    found = json.loads(capsys.readouterr().out)
    assert (left.value.code, found["proof"], found["optimal"]) == (1, "heuristic", False)
    assert found["gap"] == found["upper_bound"] - found["objective_reached"] > 0
