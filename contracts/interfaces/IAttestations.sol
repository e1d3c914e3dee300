// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Attestation, Attested} from "../types/Attestation.sol";

/// @title What institutions say their own books are
/// @notice After a settlement cycle an institution signs the root of its book of that cycle: the root of a Merkle tree
/// over its entries and balances (RFC 9162: leaves hashed behind a byte 0, nodes behind a byte 1; keccak256 for SHA-256).
/// Nobody learns the book from the root. But who changes the book later cannot show the old root for it, and any one entry
/// can be shown to have been in it.
///
/// A book is signed again by a further revision. No revision is ever taken back or overwritten: the first stays beside
/// the last, so a correction shows as one. A signature counts once, for one institution, cycle and revision, on one chain
/// and contract; the block in it says that it was not made before.
///
/// A suspended institution may attest, and the event tells that it is suspended: its word binds nobody but itself and
/// moves nothing, and its book is wanted then above all. So may one of any role; a book without entries is signed, too.
interface IAttestations {
    /// @notice The institution says that this is the root of its book of the cycle. `size` is the number of its entries
    /// and balances; the block `priorBlock` was there when it signed.
    event BookAttested(
        uint16 indexed institution,
        uint16 indexed venue,
        uint64 indexed cycle,
        uint32 revision,
        bytes32 root,
        uint64 size,
        uint64 priorBlock,
        bytes32 priorBlockHash,
        bool suspended
    );

    /// @notice The venue has had no such cycle yet, or it is still open.
    error Attestations_CycleNotClosed(uint16 venue, uint64 cycle);
    /// @notice The tree of no leaves has the root keccak256(""), and no other tree has; no tree has the root zero.
    error Attestations_InvalidRoot(bytes32 root, uint64 size);
    /// @notice The revision that comes now is `next`.
    error Attestations_WrongRevision(uint32 revision, uint32 next);
    /// @notice The block is not among the 256 before this one.
    error Attestations_PriorBlockUnknown(uint64 priorBlock);
    /// @notice The institution's signer of today did not sign this.
    error Attestations_InvalidSignature(uint16 institution, bytes32 digest);
    /// @notice The institution has not attested so often.
    error Attestations_UnknownRevision(uint16 institution, uint16 venue, uint64 cycle, uint32 revision);

    /// @notice Takes down the root of an institution's book of a cycle that is closed.
    /// @param signature EIP-712 of the institution's signer, or what its contract takes (ERC-1271)
    /// @custom:access anyone; the signature authorises
    function attest(Attestation calldata attestation, bytes calldata signature) external;

    /// @return how often the institution has attested its book of the cycle
    /// @custom:access anyone
    function revisions(uint16 institution, uint16 venue, uint64 cycle) external view returns (uint32);

    /// @return the revision; reverts where there is none
    /// @custom:access anyone
    function rootOf(uint16 institution, uint16 venue, uint64 cycle, uint32 revision)
        external
        view
        returns (Attested memory);

    /// @return EIP-712 digest that the institution signs; `attestation.priorBlock` stands in it by its hash
    /// @custom:access anyone
    function attestationDigest(Attestation calldata attestation, bytes32 priorBlockHash)
        external
        view
        returns (bytes32);
}
