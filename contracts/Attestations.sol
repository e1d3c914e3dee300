// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IAttestations} from "./interfaces/IAttestations.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {Attestation, Attested} from "./types/Attestation.sol";
import {Cycle} from "./types/Types.sol";

/// @title Attestations, as IAttestations says
contract Attestations is IAttestations, EIP712 {
    /// @dev One revision; the first has beside it how many there are, which so costs no word of its own.
    struct Kept {
        bytes32 root;
        uint64 size;
        uint64 blockNumber;
        uint64 attestedAt;
        uint32 revisions;
    }

    bytes32 private constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(uint16 institution,uint16 venue,uint64 cycle,uint32 revision,bytes32 root,uint64 size,bytes32 priorBlockHash)"
    );

    IConsortium public immutable CONSORTIUM;
    IClearingHouse public immutable CLEARING_HOUSE;

    /// @dev Key: institution u16 | venue u16 | cycle u64.
    mapping(uint256 key => mapping(uint32 revision => Kept)) private _kept;

    constructor(IConsortium consortium, IClearingHouse clearingHouse) EIP712("Attestations", "1") {
        CONSORTIUM = consortium;
        CLEARING_HOUSE = clearingHouse;
    }

    /// @inheritdoc IAttestations
    function attest(Attestation calldata a, bytes calldata signature) external {
        Cycle memory newest = CLEARING_HOUSE.cycleOf(a.venue);
        if (a.cycle == 0 || a.cycle > newest.number || (a.cycle == newest.number && newest.open)) {
            revert Attestations_CycleNotClosed(a.venue, a.cycle);
        }
        if (a.root == 0 || (a.size == 0) != (a.root == keccak256(""))) {
            revert Attestations_InvalidRoot(a.root, a.size);
        }
        mapping(uint32 => Kept) storage book = _kept[_key(a.institution, a.venue, a.cycle)];
        uint32 next = book[1].revisions + 1;
        if (a.revision != next) revert Attestations_WrongRevision(a.revision, next);
        bytes32 prior = blockhash(a.priorBlock);
        if (prior == 0) revert Attestations_PriorBlockUnknown(a.priorBlock);
        bytes32 digest = attestationDigest(a, prior);
        (bool signed, bool acting) = CONSORTIUM.isSignedBy(a.institution, digest, signature);
        if (!signed) revert Attestations_InvalidSignature(a.institution, digest);
        book[next] = Kept(a.root, a.size, uint64(block.number), uint64(block.timestamp), 0);
        book[1].revisions = next;
        emit BookAttested(
            a.institution, a.venue, a.cycle, next, a.root, a.size, a.priorBlock, prior, !acting
        );
    }

    /// @inheritdoc IAttestations
    function revisions(uint16 institution, uint16 venue, uint64 cycle) external view returns (uint32) {
        return _kept[_key(institution, venue, cycle)][1].revisions;
    }

    /// @inheritdoc IAttestations
    function rootOf(uint16 institution, uint16 venue, uint64 cycle, uint32 revision)
        external
        view
        returns (Attested memory)
    {
        Kept storage it = _kept[_key(institution, venue, cycle)][revision];
        if (it.root == 0) revert Attestations_UnknownRevision(institution, venue, cycle, revision);
        return Attested(it.root, it.size, it.blockNumber, it.attestedAt);
    }

    /// @inheritdoc IAttestations
    function attestationDigest(Attestation calldata a, bytes32 priorBlockHash) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    ATTESTATION_TYPEHASH, a.institution, a.venue, a.cycle, a.revision, a.root, a.size, priorBlockHash
                )
            )
        );
    }

    function _key(uint16 institution, uint16 venue, uint64 cycle) private pure returns (uint256) {
        return (uint256(institution) << 80) | (uint256(venue) << 64) | cycle;
    }
}
