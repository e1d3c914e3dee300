"""The chain and nothing of the business: contracts compiled, deployed, called and read back.

Nothing in this package imports from `settlement`; `settlement` imports from here.
"""

import os
from importlib.util import find_spec

# The hash of Ethereum, which eth-utils and py-evm take from eth-hash: of what eth-hash may use, pysha3 takes
# 1 us where pycryptodome, which it prefers, takes 7. eth-tester installs it on CPython.
if find_spec("sha3") is not None:
    os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
