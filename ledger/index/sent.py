"""What was sent: who signed a transaction, and its calldata."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ledger.calldata import Data
from ledger.chain import Chain, LocalChain
from ledger.chain.base import Mined
from ledger.errors import EngineFailed
from ledger.transactions import signed

Sent = Callable[[Sequence[Mined]], Iterator[tuple[bytes, Data]]]
"""Of each transaction, in their order: the address of its signer, 20 bytes, and its calldata."""
_AHEAD = 4
"""Transactions whose signers another thread finds while what was sent in one is looked at. Calldata is large:
hashing it, which signatures are of, takes as long as all else that is done with it."""


def sent_on(chain: Chain) -> Sent:
    """Reads what was sent on a chain: from the journal, where the chain is this machine's; on a network from
    a node, which has found the signer already.
    """
    if isinstance(chain, LocalChain):
        journal = chain.journal

        def in_journal(mined: Sequence[Mined]) -> Iterator[tuple[bytes, Data]]:
            with ThreadPoolExecutor(1) as thread:
                ahead: deque[Future[tuple[bytes, Data]]] = deque()
                for each in mined:
                    ahead.append(thread.submit(signed, journal.entry(each.block_number).raw))
                    if len(ahead) > _AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()

        return in_journal

    from ledger.chain.network import NetworkChain

    assert isinstance(chain, NetworkChain)
    node = chain.node

    def on_network(mined: Sequence[Mined]) -> Iterator[tuple[bytes, Data]]:
        for each in mined:
            found = node.transaction(each.transaction_hash)
            if found is None:
                raise EngineFailed(chain.url, "transaction", f"it has no 0x{each.transaction_hash.hex()}")
            yield bytes.fromhex(found.sender[2:]), found.input

    return on_network


class InOrder:
    """What was sent in some transactions, looked at in their order, so that the calldata of one is in memory
    at a time; `senders` are those of the ones that were."""

    def __init__(self, sent: Iterator[tuple[bytes, Data]]) -> None:
        self.senders: list[bytes] = []
        self._sent = sent
        self._calldata: Data = b""

    def calldata(self, place: int) -> Data:
        """Of the transaction at a place: the one looked at last, or a later one."""
        while len(self.senders) <= place:
            sender, self._calldata = next(self._sent)
            self.senders.append(sender)
        return self._calldata

    def rest(self) -> list[bytes]:
        """All senders."""
        self.senders += (sender for sender, _ in self._sent)
        return self.senders
