// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Permanent account addresses of institutions
/// @notice An account is a fixed 144-bit prefix, taken from a hash, and the institution's index. Nobody holds a key
/// of it: to find one is to find a preimage of 144 bits. Index 0 is the clearing house's transit account.
/// @dev Address from index and index from address cost no storage read, which a settlement of thousands of net
/// movements depends on.
library Accounts {
    uint160 internal constant PREFIX = uint160(uint256(keccak256("clearing.account")) << 16);

    /// @return the account address of institution `index`
    function addressOf(uint16 index) internal pure returns (address) {
        return address(PREFIX | index);
    }

    /// @return true and the index where `account` has the prefix
    function indexOf(address account) internal pure returns (bool, uint16) {
        return (uint160(account) & ~uint160(0xffff) == PREFIX, uint16(uint160(account)));
    }
}
