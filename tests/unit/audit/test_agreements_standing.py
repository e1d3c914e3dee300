"""Where versions of an agreement stand as time goes on, told by events alone.

in force   ─ from its beginning until the next version's, or until notice has run
superseded ─ by a version that begins when it does
notice     ─ ends the newest version; another version takes it back
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.contract import Event
from ledger.ids import to_bytes32
from settlement.agreements import periods
from settlement.audit.access import Access
from settlement.audit.answer import AsOf
from settlement.audit.entitlements import derived
from settlement.audit.questions.revenue import agreements
from settlement.audit.reading import Segment
from settlement.audit.session import Audit, session
from tests.agreements import Story
from tests.unit.audit.test_entitlements import indexed
from tests.unit.test_agreements_account import BROKER, PLATFORM, TERMS

Q4, Q1, Q2 = 2019 * 12 + 9, 2020 * 12, 2020 * 12 + 3
START, NEXT, LATER = map(periods.start_s, (Q4, Q1, Q2))


def seen(folder: Path, events: list[Event], now_s: int) -> Audit:
    """A session whose newest block is of that time."""
    # What was agreed before it begins.
    times = dict.fromkeys((each.transaction for each in events), START - 9)
    times[b"now"] = now_s
    new = indexed(events, times, list(times))
    tables = {name: table for name, table in derived(new, lambda _: None).items() if len(table)}
    for name in ("TermsProposed", "ConsentGiven", "AgreementConcluded", "NoticeGiven"):
        if (table := new(f"Agreements_{name}")) is not None:
            tables[f"Agreements_{name}"] = table
    count = len(times)
    hashes = pa.array([bytes(32)] * count, pa.binary(32))
    for name in ("transactions", "blocks"):
        table = new(name)
        assert table is not None
        tables[name] = table.append_column("hash", hashes)
    tables["transactions"] = tables["transactions"].append_column("sender", pa.array([bytes(20)] * count))
    tables["Consortium_InstitutionAdmitted"] = pa.table(
        {
            "transaction": [1, 1],
            "log": [0, 1],
            "institution": pa.array([BROKER, PLATFORM], pa.uint16()),
            "name": [to_bytes32("Aldersgate"), to_bytes32("Lantern Platform")],
            "account": [bytes(20)] * 2,
            "signer": [bytes(20)] * 2,
            "roles": pa.array([4, 16], pa.uint8()),
        }
    )
    folder.mkdir()
    files = {name: folder / f"{name}.parquet" for name in tables}
    for name, path in files.items():
        pq.write_table(tables[name], path)
    as_of = AsOf(count, bytes(32), now_s)
    return session(folder, duckdb.connect(), [Segment(0, count, files)], as_of, access=Access("x"))


@pytest.mark.parametrize(
    ("now_s", "noticed", "ought"),
    [
        (START - 1, False, ["concluded", "concluded"]),
        (NEXT - 1, False, ["in_force", "concluded"]),
        (NEXT, False, ["ended", "in_force"]),
        (LATER, True, ["ended", "ended"]),
    ],
)
def test_agreements_given_time_stand_as_they_should(
    tmp_path: Path, now_s: int, noticed: bool, ought: list[str]
) -> None:
    told = Story()
    told.conclude(1, TERMS, START)
    told.conclude(1, replace(TERMS, version=2), NEXT)
    if noticed:
        told.then()
        told.tell("NoticeGiven", agreementId=1, institution=PLATFORM, endsAt=LATER, endPeriod=Q2)
    found = agreements(seen(tmp_path / "index", told.events, now_s)).table.to_pylist()
    assert [row["status"] for row in found] == ought
    assert [row["first_period"] for row in found] == ["2019Q4", "2020Q1"]
    assert [row["notice_by"] for row in found] == [None, "Lantern Platform" if noticed else None]
    assert found[0]["ends_at"] == found[1]["starts_at"]


def test_agreements_given_another_version_take_notice_back_and_pass_one_over(tmp_path: Path) -> None:
    told = Story()
    told.conclude(1, TERMS, START)
    told.then()
    told.tell("NoticeGiven", agreementId=1, institution=PLATFORM, endsAt=NEXT, endPeriod=Q1)
    told.conclude(1, replace(TERMS, version=2), NEXT)
    told.conclude(1, replace(TERMS, version=3), NEXT)
    found = agreements(seen(tmp_path / "index", told.events, LATER)).table.to_pylist()
    assert [row["status"] for row in found] == ["ended", "superseded", "in_force"]
    assert [row["notice_by"] for row in found] == [None, None, None]
    assert found[2]["ends_at"] is None
