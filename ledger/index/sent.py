"""What was sent: who signed a transaction, and its calldata."""

from __future__ import annotations

from collections.abc import Callable

from ledger.chain import Chain, LocalChain
from ledger.chain.base import Mined
from ledger.errors import EngineFailed
from ledger.transactions import signed

Sent = Callable[[Mined], tuple[bytes, bytes]]
"""Of a transaction: the address of its signer, 20 bytes, and its calldata."""


def sent_on(chain: Chain) -> Sent:
    """Reads what was sent on a chain: from the journal, where the chain is this machine's; on a network from
    a node, which has found the signer already.
    """
    if isinstance(chain, LocalChain):
        journal = chain.journal

        def in_journal(mined: Mined) -> tuple[bytes, bytes]:
            return signed(journal.entry(mined.block_number).raw)

        return in_journal

    from ledger.chain.network import NetworkChain

    assert isinstance(chain, NetworkChain)
    node = chain.node

    def on_network(mined: Mined) -> tuple[bytes, bytes]:
        found = node.transaction(mined.transaction_hash)
        if found is None:
            raise EngineFailed(chain.url, "transaction", f"it has no 0x{mined.transaction_hash.hex()}")
        return bytes.fromhex(found.sender[2:]), found.input

    return on_network
