// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Memory} from "../libraries/Memory.sol";
import {Records} from "../libraries/Records.sol";
import {Affirmation} from "../types/Types.sol";
import {House} from "./House.sol";

/// @title Affirming: both sides agree, each from its own book
abstract contract Affirming is House {
    using Records for bytes32;
    using Records for bytes32[];

    /// @dev Each institution's records are gathered in memory of their own, behind all that is in use. What a false
    /// count spoils is checked afterwards; records of those who do not affirm now go behind the rest, unread.
    function _affirm(bytes32 batchHash, bytes32[] calldata records, Affirmation[] calldata affirmations) internal {
        uint256[] memory pointers = new uint256[](uint256(CONSORTIUM.institutionCount()) + 1);
        uint256[] memory starts = new uint256[](affirmations.length);
        uint256 next = Memory.free();
        for (uint256 i = 0; i < affirmations.length; ++i) {
            (uint16 index, uint256 count) = (affirmations[i].institution, affirmations[i].count);
            if (index == 0 || index >= pointers.length) revert ClearingHouse_Inactive(index);
            if (pointers[index] != 0) revert ClearingHouse_AlreadyAffirmed(batchHash, index);
            if (affirmedBy(batchHash, index)) continue;
            pointers[index] = next;
            starts[i] = next;
            next += (count < records.length ? count : records.length) << 5;
        }
        for (uint256 i = 0; i < pointers.length; ++i) {
            if (pointers[i] == 0) pointers[i] = next;
        }
        uint256 base;
        assembly ("memory-safe") {
            base := add(pointers, 0x20)
            mstore(0x40, next)
        }
        records.scatter(base);
        for (uint256 i = 0; i < affirmations.length; ++i) {
            if (starts[i] == 0) continue;
            Affirmation calldata a = affirmations[i];
            uint256 actual = (pointers[a.institution] - starts[i]) >> 5;
            if (actual != a.count || actual == 0) revert ClearingHouse_WrongCount(a.institution, a.count, actual);
            _affirmOne(batchHash, records, a, starts[i]);
        }
    }

    function _affirmOne(bytes32 batchHash, bytes32[] calldata records, Affirmation calldata a, uint256 start) internal {
        bytes32 prior = blockhash(a.priorBlock);
        if (prior == 0) revert ClearingHouse_PriorBlockUnknown(a.institution, a.priorBlock);
        (bytes32 recordsHash, bytes32 exceptionsHash) = _except(batchHash, records, a, start);
        bytes32 digest =
            affirmationDigest(batchHash, a.institution, recordsHash, exceptionsHash, a.clientRoot, prior);
        (bool signed, bool acting) = CONSORTIUM.isSignedBy(a.institution, digest, a.signature);
        if (!acting) revert ClearingHouse_Inactive(a.institution);
        if (!signed) revert ClearingHouse_InvalidSignature(a.institution, recordsHash);
        _affirmed[batchHash][a.institution >> 8] |= 1 << (a.institution & 0xff);
        emit BatchAffirmed(batchHash, a.institution, recordsHash, a.exceptions.length, a.clientRoot, prior);
    }

    /// @dev Takes the exceptions out of the institution's records, disputes them, and hashes both.
    function _except(bytes32 batchHash, bytes32[] calldata records, Affirmation calldata a, uint256 start)
        internal
        returns (bytes32 recordsHash, bytes32 exceptionsHash)
    {
        bytes memory numbers = "";
        uint256 from = start;
        uint256 to = start;
        uint256 end = start + (uint256(a.count) << 5);
        for (uint256 i = 0; i < a.exceptions.length; ++i) {
            uint256 position = a.exceptions[i];
            if (position >= records.length || (i != 0 && position <= a.exceptions[i - 1])) {
                revert ClearingHouse_InvalidException(a.institution, position);
            }
            bytes32 r = records[position];
            if (r.buyer() != a.institution && r.seller() != a.institution) {
                revert ClearingHouse_InvalidException(a.institution, position);
            }
            assembly ("memory-safe") {
                for {} sub(mload(from), r) { from := add(from, 0x20) } {
                    mstore(to, mload(from))
                    to := add(to, 0x20)
                }
                from := add(from, 0x20)
            }
            numbers = bytes.concat(numbers, abi.encodePacked(r.tradeNo()));
            _dispute(batchHash, position, r.tradeNo(), a.institution);
        }
        assembly ("memory-safe") {
            let rest := sub(end, from)
            if sub(from, to) { mcopy(to, from, rest) }
            recordsHash := keccak256(start, sub(add(to, rest), start))
        }
        exceptionsHash = keccak256(numbers);
    }

    function _dispute(bytes32 batchHash, uint256 position, uint32 tradeNo, uint16 institution) internal {
        uint256 bit = 1 << (position & 0xff);
        if (_barred[batchHash][position >> 8] & bit == 0) _bar(batchHash, position >> 8, bit);
        emit TradeDisputed(batchHash, tradeNo, institution);
    }
}
