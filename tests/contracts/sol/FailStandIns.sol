// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A clearing house as Fails sees it, of whose trades a test says how much has settled.
contract PartsStandIn {
    address private immutable REAL;
    mapping(bytes32 => mapping(uint256 => uint64)) public settledQuantityOf;
    mapping(bytes32 => mapping(uint256 => uint8)) public set;

    constructor(address real) {
        REAL = real;
    }

    function settle(bytes32 batchHash, uint256 position, uint64 quantity) external {
        settledQuantityOf[batchHash][position] = quantity;
    }

    function setStatus(bytes32 batchHash, uint256 position, uint8 to) external {
        set[batchHash][position] = to;
    }

    fallback(bytes calldata data) external returns (bytes memory answer) {
        bool done;
        (done, answer) = REAL.staticcall(data);
        require(done);
    }
}

/// @notice Limits of a test: what is not allowed.
contract LimitsStandIn {
    mapping(bytes32 => bool) private _not;

    function forbid(uint16 institution, uint16 asset, int256 delta) external {
        _not[keccak256(abi.encode(institution, asset, delta))] = true;
    }

    function allows(uint16 institution, uint16 asset, int256 delta) external view returns (bool) {
        return !_not[keccak256(abi.encode(institution, asset, delta))];
    }
}
