// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What an institution says of its own book of one settlement cycle.
/// @param institution whose book
/// @param venue whose cycle
/// @param cycle number of the cycle, from 1
/// @param revision from 1, one more than the last of this book
/// @param root of the Merkle tree (RFC 9162) over the book's entries and balances
/// @param size of the tree: how many entries and balances
/// @param priorBlock number of a block among the last 256, whose hash is part of what was signed
struct Attestation {
    uint16 institution;
    uint16 venue;
    uint64 cycle;
    uint32 revision;
    bytes32 root;
    uint64 size;
    uint64 priorBlock;
}

/// @notice One revision as it stands on the ledger.
/// @param root of the tree over the book
/// @param size of the tree
/// @param blockNumber of the block that brought it
/// @param attestedAt that block's time, seconds
struct Attested {
    bytes32 root;
    uint64 size;
    uint64 blockNumber;
    uint64 attestedAt;
}
