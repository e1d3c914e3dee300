// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The 32-byte record of a trade
/// @notice `tradeNo u32 | time u24 | buyer u16 | seller u16 | asset u16 | quantity u64 | amount u88`.
library Records {
    /// @notice Trade numbers of a batch lie in one page of 65,536, so that their bitmap fits in memory.
    uint256 internal constant PAGE_WORDS = 256;

    function tradeNo(bytes32 r) internal pure returns (uint32) {
        return uint32(uint256(r) >> 224);
    }

    function buyer(bytes32 r) internal pure returns (uint16) {
        return uint16(uint256(r) >> 184);
    }

    function seller(bytes32 r) internal pure returns (uint16) {
        return uint16(uint256(r) >> 168);
    }

    function asset(bytes32 r) internal pure returns (uint16) {
        return uint16(uint256(r) >> 152);
    }

    function quantity(bytes32 r) internal pure returns (uint64) {
        return uint64(uint256(r) >> 88);
    }

    function amount(bytes32 r) internal pure returns (uint88) {
        return uint88(uint256(r));
    }

    /// @return h keccak256 of the records, concatenated
    /// @dev The copy lies beyond the free pointer, which does not move: who comes next may use the same memory.
    function hash(bytes32[] calldata records) internal pure returns (bytes32 h) {
        assembly ("memory-safe") {
            let size := shl(5, records.length)
            let copy := mload(0x40)
            calldatacopy(copy, records.offset, size)
            h := keccak256(copy, size)
        }
    }

    /// @notice Copies the records into memory that stays.
    /// @return start of the copy
    /// @return h keccak256 of the records
    function load(bytes32[] calldata records) internal pure returns (uint256 start, bytes32 h) {
        assembly ("memory-safe") {
            let size := shl(5, records.length)
            start := mload(0x40)
            calldatacopy(start, records.offset, size)
            h := keccak256(start, size)
            // One word more, for what a reader puts behind the last record.
            mstore(0x40, add(add(start, size), 0x20))
        }
    }

    /// @notice Checks what can be checked of records without storage, in one pass. Assets rise, so that the caller
    /// need check only the last against the highest there is.
    /// @param barred set of institutions that may not trade (256 words, see Bitmaps)
    /// @return page bitmap of the trade numbers, without their upper 16 bits
    /// @return good false where any record is wrong, which `page` then does not say
    function scan(bytes32[] calldata records, uint256[] memory barred)
        internal
        pure
        returns (uint256[] memory page, bool good)
    {
        page = new uint256[](PAGE_WORDS);
        assembly ("memory-safe") {
            let set := add(barred, 0x20)
            let previous := 0xffffffff // so that the first asset is 1 or more
            let bad := 0
            let high := shr(240, calldataload(records.offset))
            let p := records.offset
            for { let end := add(p, shl(5, records.length)) } lt(p, end) { p := add(p, 0x20) } {
                let r := calldataload(p)
                {
                    let key := or(and(shr(120, r), 0xffff00000000), shr(224, r))
                    bad := or(bad, or(iszero(gt(key, previous)), xor(shr(240, r), high)))
                    previous := key
                }
                {
                    let b := shr(184, r)
                    let s := shr(168, r)
                    let notB := shr(and(b, 0xff), mload(add(set, and(shr(3, b), 0x1fe0))))
                    let notS := shr(and(s, 0xff), mload(add(set, and(shr(3, s), 0x1fe0))))
                    bad := or(bad, and(or(notB, notS), 1))
                }
                bad := or(bad, or(iszero(and(shr(88, r), 0xffffffffffffffff)), iszero(shl(168, r))))
                {
                    let word := add(add(page, 0x20), and(shr(227, r), 0x1fe0))
                    let seen := mload(word)
                    let bit := shl(and(shr(224, r), 0xff), 1)
                    bad := or(bad, and(seen, bit))
                    mstore(word, or(seen, bit))
                }
            }
            good := iszero(bad)
        }
    }

    /// @notice Keeps together what each institution is party to: a record is appended at the pointers of its buyer
    /// and its seller (of a self-trade once).
    /// @param pointers a word an institution: where its next record goes
    function scatter(bytes32[] calldata records, uint256 pointers) internal pure {
        assembly ("memory-safe") {
            let p := records.offset
            for { let end := add(p, shl(5, records.length)) } lt(p, end) { p := add(p, 0x20) } {
                let r := calldataload(p)
                let b := add(pointers, and(shr(179, r), 0x1fffe0))
                let s := add(pointers, and(shr(163, r), 0x1fffe0))
                let to := mload(b)
                mstore(to, r)
                mstore(b, add(to, 0x20))
                if sub(b, s) {
                    to := mload(s)
                    mstore(to, r)
                    mstore(s, add(to, 0x20))
                }
            }
        }
    }
}
