// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IConditions} from "./interfaces/IConditions.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {ILimits} from "./interfaces/ILimits.sol";
import {IRevenueSharing} from "./interfaces/IRevenueSharing.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {Affirming} from "./clearinghouse/Affirming.sol";
import {House} from "./clearinghouse/House.sol";
import {Recording} from "./clearinghouse/Recording.sol";
import {Settling} from "./clearinghouse/Settling.sol";
import {Netting} from "./libraries/Netting.sol";
import {Records} from "./libraries/Records.sol";
import {Affirmation, Cycle, Header, Role, Slice} from "./types/Types.sol";

/// @title ClearingHouse, as IClearingHouse says
/// @dev The steps by themselves and together; how each works is in its part.
contract ClearingHouse is Recording, Affirming, Settling {
    using Records for bytes32[];

    uint256 private constant MAX_SLICES = 255;

    constructor(
        IConsortium consortium,
        IAssetRegister register,
        IRevenueSharing revenueSharing,
        ILimits limits,
        IConditions conditions,
        address fails,
        address defaultFund
    ) House(consortium, register, revenueSharing, limits, conditions, fails, defaultFund) {}

    /// @inheritdoc IClearingHouse
    function record(Header calldata header, bytes32[] calldata records) external returns (bytes32 batchHash) {
        _requireVenue(header.venue);
        batchHash = _record(header, records, records.hash());
    }

    /// @inheritdoc IClearingHouse
    function affirm(Header calldata header, bytes32[] calldata records, Affirmation[] calldata affirmations) external {
        bytes32 batchHash = hashOf(header, records.hash());
        _requireRecorded(batchHash);
        _affirm(batchHash, records, affirmations);
    }

    /// @inheritdoc IClearingHouse
    function openCycle(uint64 deadline) external returns (uint64 cycle) {
        cycle = _openCycle(CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE), deadline);
    }

    /// @inheritdoc IClearingHouse
    function settle(uint8 model, Slice[] calldata slices) external {
        if (model < GROSS || model > NET) revert ClearingHouse_UnknownModel(model);
        if (slices.length == 0 || slices.length > MAX_SLICES) revert ClearingHouse_SliceCount(slices.length);
        uint16 venue = slices[0].header.venue;
        _requireVenue(venue);
        if (!_cycles[venue].open) revert ClearingHouse_NoCycle(venue);
        bytes32[] memory hashes = new bytes32[](slices.length);
        Netting.Pass memory pass = _newPass(slices[0].header, slices.length);
        for (uint256 k = 0; k < slices.length; ++k) {
            Slice calldata slice = slices[k];
            _requireAlike(slice.header, slices[0].header, k);
            (uint256 start, bytes32 recordsHash) = slice.records.load();
            hashes[k] = hashOf(slice.header, recordsHash);
            _requireRecorded(hashes[k]);
            Sent memory sent = Sent(k, hashes[k], start, slice.records.length, 0, 0);
            if (slice.parts.length != 0) _takeParts(pass, model == NET, sent, slice.parts);
            _take(pass, sent, slice.mask, slice.parts.length != 0);
        }
        _settle(model, pass, slices[0].header, hashes);
    }

    /// @inheritdoc IClearingHouse
    function closeCycle(uint16 venue) external {
        Cycle storage it = _cycles[venue];
        if (!it.open) revert ClearingHouse_NoCycle(venue);
        if (block.timestamp < it.deadline && CONSORTIUM.institutionOf(msg.sender) != venue) {
            revert ClearingHouse_BeforeDeadline(venue, it.deadline);
        }
        _closeCycle(venue);
    }

    /// @inheritdoc IClearingHouse
    function clear(
        Header calldata header,
        bytes32[] calldata records,
        Affirmation[] calldata affirmations,
        uint256[] calldata mask
    ) external {
        _requireVenue(header.venue);
        (uint256 start, bytes32 recordsHash) = records.load();
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = _record(header, records, recordsHash);
        _affirm(hashes[0], records, affirmations);
        _openCycle(header.venue, uint64(block.timestamp) + 1);
        Netting.Pass memory pass = _newPass(header, 1);
        _take(pass, Sent(0, hashes[0], start, records.length, 0, 0), mask, false);
        _settle(NET, pass, header, hashes);
        _closeCycle(header.venue);
    }
}
