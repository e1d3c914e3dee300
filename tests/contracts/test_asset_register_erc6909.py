"""AssetRegister as ERC-6909, seen by web3.py alone

The ABI is written here from the EIP; calls are encoded and events decoded by web3, nothing of this project.

interface id ─ the functions' selectors, combined, are the id that the EIP gives
selectors ─ each function of the EIP answers
Transfer ─ issue, transferFrom, redeem, settle: caller, sender, receiver, id, amount, at the topics of the EIP
Approval, OperatorSet ─ likewise
"""

from functools import reduce

import pytest
from web3 import Web3

from ledger.chain import Log, Receipt
from ledger.clients.consortium import account_of
from ledger.contract import send
from tests.contracts.stand_in import StandIn
from tests.contracts.support import Ledger, bytes32, movement

NPR = 0x8001
B1, B2 = 8, 9
ZERO = "0x" + "00" * 20


def _fields(text: str) -> list[dict]:
    fields = []
    for part in filter(None, text.split(", ")):
        words = part.split()
        fields.append({"type": words[0], "name": words[-1], "indexed": "indexed" in words})
    return fields


def _function(name: str, inputs: str, output: str, mutability: str) -> dict:
    outputs = [{"type": output, "name": ""}]
    kind = {"type": "function", "stateMutability": mutability}
    return kind | {"name": name, "inputs": _fields(inputs), "outputs": outputs}


def _event(name: str, inputs: str) -> dict:
    return {"type": "event", "name": name, "inputs": _fields(inputs), "anonymous": False}


FUNCTIONS = [
    _function("balanceOf", "address owner, uint256 id", "uint256", "view"),
    _function("allowance", "address owner, address spender, uint256 id", "uint256", "view"),
    _function("isOperator", "address owner, address spender", "bool", "view"),
    _function("transfer", "address receiver, uint256 id, uint256 amount", "bool", "nonpayable"),
    _function(
        "transferFrom", "address sender, address receiver, uint256 id, uint256 amount", "bool", "nonpayable"
    ),
    _function("approve", "address spender, uint256 id, uint256 amount", "bool", "nonpayable"),
    _function("setOperator", "address spender, bool approved", "bool", "nonpayable"),
]
EVENTS = [
    _event(
        "Transfer",
        "address caller, address indexed sender, address indexed receiver, uint256 indexed id, "
        "uint256 amount",
    ),
    _event("OperatorSet", "address indexed owner, address indexed spender, bool approved"),
    _event("Approval", "address indexed owner, address indexed spender, uint256 indexed id, uint256 amount"),
]
ERC6909 = Web3().eth.contract(abi=[*FUNCTIONS, *EVENTS])


def decoded(event: str, log: Log) -> dict:
    """The log as web3.py decodes it; it raises where topics or data are not those of the ABI."""
    entry = {
        "address": log.address,
        "topics": list(log.topics),
        "data": log.data,
        "blockNumber": 0,
        "blockHash": bytes(32),
        "transactionHash": bytes(32),
        "transactionIndex": 0,
        "logIndex": 0,
    }
    return dict(ERC6909.events[event]().process_log(entry)["args"])


def calldata(function: str, *arguments: object) -> bytes:
    return bytes.fromhex(ERC6909.encode_abi(function, list(arguments))[2:])


def ask(ledger: Ledger, function: str, *arguments: object) -> int:
    """A call whose answer is one word."""
    data = ledger.chain.call(ledger.register.address, calldata(function, *arguments))
    assert len(data) == 32
    return int.from_bytes(data, "big")


def transfers(receipt: Receipt) -> list[tuple]:
    topic = Web3.keccak(text="Transfer(address,address,address,uint256,uint256)")
    found = [decoded("Transfer", log) for log in receipt.logs if log.topics[0] == topic]
    return [tuple(args[key] for key in ("caller", "sender", "receiver", "id", "amount")) for args in found]


def test_interface_id_is_of_these_functions(ledger: Ledger):
    signatures = [f"{f['name']}({','.join(i['type'] for i in f['inputs'])})" for f in FUNCTIONS]
    selectors = [int.from_bytes(Web3.keccak(text=signature)[:4], "big") for signature in signatures]
    interface = reduce(int.__xor__, selectors)
    assert interface == 0x0F632FB3
    assert ledger.register.call("supportsInterface", interface.to_bytes(4, "big")) is True


def test_views_answer(ledger: Ledger):
    ledger.issue({("B1", "S5"): 7})
    signer = ledger.signers["B1"].address
    assert ask(ledger, "balanceOf", account_of(B1), 5) == 7
    assert ask(ledger, "allowance", account_of(B1), signer, 5) == 0
    assert ask(ledger, "isOperator", account_of(B1), signer) == 1
    assert ask(ledger, "isOperator", account_of(B2), signer) == 0


def test_transfer_from_and_its_event(ledger: Ledger):
    ledger.issue({("B1", "S5"): 7})
    signer, register = ledger.signers["B1"], ledger.register.address
    receipt = send(
        ledger.chain, signer, register, calldata("transferFrom", account_of(B1), account_of(B2), 5, 3)
    )
    assert transfers(receipt) == [(signer.address, account_of(B1), account_of(B2), 5, 3)]
    (log,) = receipt.logs
    assert (log.address, len(log.topics), len(log.data)) == (register, 4, 64)


@pytest.mark.parametrize(("asset", "amount"), [(5, 2**64 - 1), (7, 1), (NPR, 2**127 - 1)])
def test_issue_and_redeem_events(ledger: Ledger, asset: int, amount: int):
    issuer, holder = ledger.signers["B" if asset == NPR else "D"], ledger.signers["B1"]
    receipt = ledger.register.issue(issuer, bytes32("i"), [movement(asset, B1, amount)])
    assert transfers(receipt) == [(issuer.address, ZERO, account_of(B1), asset, amount)]
    receipt = ledger.register.redeem(holder, bytes32("r"), asset, amount)
    assert transfers(receipt) == [(holder.address, account_of(B1), ZERO, asset, amount)]


def test_settle_events(stand_in: StandIn):
    stand_in.ledger.issue({("B1", "S5"): 7, ("B2", "NPR"): 2**127 - 1})
    rows = [(5, B1, -7), (5, B2, 7), (NPR, B1, 2**127 - 1), (NPR, B2, 1 - 2**127)]
    receipt = stand_in.settle([movement(*row) for row in rows])
    house, transit = stand_in.clearing_house.address, account_of(0)
    assert transfers(receipt) == [
        (house, account_of(B1), transit, 5, 7),
        (house, transit, account_of(B2), 5, 7),
        (house, transit, account_of(B1), NPR, 2**127 - 1),
        (house, account_of(B2), transit, NPR, 2**127 - 1),
    ]
    assert {len(log.topics) for log in receipt.logs} == {4}
    assert {len(log.data) for log in receipt.logs} == {64}


def test_approve_and_set_operator_events(ledger: Ledger):
    owner, spender = ledger.outsider, ledger.signers["B1"].address
    names = ("owner", "spender")
    receipt = send(ledger.chain, owner, ledger.register.address, calldata("approve", spender, 5, 2**256 - 1))
    expected = dict(zip(names, (owner.address, spender), strict=True))
    assert decoded("Approval", receipt.logs[0]) == expected | {"id": 5, "amount": 2**256 - 1}
    assert ask(ledger, "allowance", owner.address, spender, 5) == 2**256 - 1
    receipt = send(ledger.chain, owner, ledger.register.address, calldata("setOperator", spender, True))
    assert decoded("OperatorSet", receipt.logs[0]) == expected | {"approved": True}
