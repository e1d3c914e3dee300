"""Pairings on BLS12-381, put off: nothing is computed at an import, and all of it when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import sys
from ledger.chain.engine import start_engine

start_engine("pyevm", 1).close()
import eth_keyfile
from ledger.pairings import MODULES

kinds = [type(sys.modules[name]).__name__ for name in MODULES]
import py_ecc.bls12_381 as plain
import py_ecc.optimized_bls12_381 as optimized
import py_ecc.bls.ciphersuites as users

assert users.pairing is optimized.pairing
for curve in (plain, optimized):
    twice = curve.pairing(curve.Z2, curve.G1), curve.pairing(curve.G2, curve.Z1)
    assert twice == (curve.FQ12.one(), curve.FQ12.one())
    kinds.append(type(sys.modules[MODULES[curve is optimized]]).__name__)
one = optimized.FQ12.one()
assert optimized.final_exponentiate(one) == one != optimized.FQ12.zero()
assert optimized.optimized_pairing.exptable[0] == one
print(*kinds)
"""


def test_pairings_given_an_engine_and_keys_are_loaded_when_one_is_computed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == ("_Later _Later module module\n", "")
