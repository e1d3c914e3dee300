// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Words kept as the code of an account of their own
/// @notice Read whole for little more than one slot costs. Where they lie follows from how many contracts the writer has
/// created before, as CREATE says (EIP-161: an account's first is number 1), so that number is all there is to remember.
/// @dev The code begins with STOP: nobody can call it.
library Stored {
    /// @dev PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: returns what follows it, which
    /// begins with STOP. Before any call RETURNDATASIZE is 0.
    uint256 private constant CREATOR = 0x61000080600a3d393df300;

    /// @param words kept, in memory, preceded by their length as an array is
    function write(uint256[] memory words) internal {
        address created;
        assembly ("memory-safe") {
            let size := shl(5, mload(words))
            let place := mload(0x40)
            mstore(place, shl(168, or(CREATOR, shl(64, add(size, 1)))))
            mcopy(add(place, 11), add(words, 0x20), size)
            created := create(0, place, add(size, 11))
        }
        // The code is below what an account may have, and nobody else is at its address.
        assert(created != address(0));
    }

    /// @param writer who keeps them
    /// @param no of what the writer has created
    /// @param place in memory that has room
    /// @return words how many were read
    function read(address writer, uint256 no, uint256 place) internal view returns (uint256 words) {
        address at = addressOf(writer, no);
        assembly ("memory-safe") {
            let size := sub(extcodesize(at), 1)
            extcodecopy(at, place, 1, size)
            words := shr(5, size)
        }
    }

    /// @return at keccak256 of the RLP of [writer, no]
    function addressOf(address writer, uint256 no) internal pure returns (address at) {
        assembly ("memory-safe") {
            // The number in so many bytes behind its prefix; as a byte of its own where it is small.
            let size := 0
            if gt(no, 0x7f) {
                for { let rest := no } rest { rest := shr(8, rest) } { size := add(size, 1) }
            }
            // A list, in it a string of 20 bytes.
            mstore(0, shl(240, add(0xd694, shl(8, size))))
            mstore(2, shl(96, writer))
            switch size
            case 0 { mstore8(22, no) }
            default {
                mstore8(22, add(0x80, size))
                mstore(23, shl(sub(256, shl(3, size)), no))
            }
            at := and(keccak256(0, add(23, size)), 0xffffffffffffffffffffffffffffffffffffffff)
        }
    }
}
