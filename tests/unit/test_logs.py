"""Events as columns are the events that they were made of, and bytes that are none are refused."""

from __future__ import annotations

import random

import numpy as np
import pytest
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain import Log, Logs

EVENTS = st.lists(
    st.builds(
        Log,
        st.binary(min_size=20, max_size=20).map(to_checksum_address),
        st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple),
        st.binary(max_size=100),
    ),
    max_size=8,
)


@given(EVENTS)
def test_logs_given_any_events_are_these_also_as_bytes(events: list[Log]) -> None:
    for logs in (Logs.of(events), Logs.from_bytes(Logs.of(events).to_bytes())):
        assert list(logs) == events
        assert len(logs) == len(events)
        assert bool(logs) is bool(events)
        assert [logs[i] for i in range(-len(events), 0)] == events
        assert logs[1:3] == events[1:3]
        assert logs == Logs.of(events) == events
        assert logs != Logs.of([*events, Log(to_checksum_address(bytes(20)), (), b"")])
    with pytest.raises(IndexError):
        Logs.of(events)[len(events)]


@given(EVENTS)
def test_columns_given_any_events_pick_as_a_loop_would(events: list[Log]) -> None:
    logs = Logs.of(events)
    for event in events:
        assert logs.by(event.address).tolist() == [e.address == event.address for e in events]
        for topic in event.topics[:1]:
            assert logs.named(topic).tolist() == [e.topics[:1] == (topic,) for e in events]
    assert logs.named(bytes(32)).tolist() == [e.topics[:1] == (bytes(32),) for e in events]
    for word in range(3):
        rows = [i for i, e in enumerate(events) if len(e.data) >= 32 * (word + 1)]
        found = logs.words(np.array(rows, dtype=np.int64), word)
        assert [row.tobytes() for row in found] == [events[i].data[32 * word :][:32] for i in rows]


@given(EVENTS, st.data())
def test_from_bytes_given_bytes_that_are_cut_or_more_raises(events: list[Log], data: st.DataObject) -> None:
    blob = Logs.of(events).to_bytes()
    for wrong in (blob[: data.draw(st.integers(0, len(blob) - 1))], blob + b"\0"):
        with pytest.raises(ValueError, match=r".*"):
            Logs.from_bytes(wrong)


def test_from_bytes_given_noise_raises_or_is_what_it_says() -> None:
    chance = random.Random(1)
    for _ in range(2_000):
        noise = bytes(3) + chance.randbytes(chance.randrange(300))
        try:
            logs = Logs.from_bytes(noise)
        except ValueError:
            continue
        assert logs.to_bytes() == noise
