// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batch, Header, Status} from "contracts/types/Types.sol";

/// Stands where a default fund expects its clearing house: every batch is recorded and affirmed, every trade pending and
/// settled in part, by as many units as a test says.
contract HouseStandIn {
    uint64 public openCycles;
    uint64 private _settled;

    function setSettled(uint64 quantity) external {
        _settled = quantity;
    }

    function hashOf(Header calldata header, bytes32 recordsHash) external pure returns (bytes32) {
        return keccak256(abi.encode(header, recordsHash));
    }

    function batch(bytes32) external pure returns (Batch memory) {
        return Batch(1, 1, 0);
    }

    function statusOf(bytes32, uint256) external pure returns (Status) {
        return Status.PENDING;
    }

    function affirmedBy(bytes32, uint16) external pure returns (bool) {
        return true;
    }

    function settledQuantityOf(bytes32, uint256) external view returns (uint64) {
        return _settled;
    }

    function setStatus(bytes32, uint256, Status) external {}
}
