"""Pairings on BLS12-381, put off until one is computed.

py_ecc checks its pairings and raises twelve large powers when they are imported, for half a second. PyEVM
and eth-keyfile import them whatever they are wanted for, and here it is never for that: Cancun has no
precompile that pairs on this curve, and keys are not on it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

MODULES = ("py_ecc.bls12_381.bls12_381_pairing", "py_ecc.optimized_bls12_381.optimized_pairing")
_FUNCTIONS = ("pairing", "final_exponentiate")


def put_off() -> None:
    """Have what imports the pairings from now on get functions that load them when they are first called."""
    for name in MODULES:
        sys.modules.setdefault(name, _Later(name))


class _Later(ModuleType):
    """In a module's place: its two functions. Whatever else is asked for loads it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._later(name) if name in _FUNCTIONS else getattr(self._loaded(), name)

    def _later(self, name: str) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            return getattr(self._loaded(), name)(*args, **kwargs)

        return function

    def _loaded(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return import_module(self.__name__)
