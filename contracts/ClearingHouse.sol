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
        _settle(model, slices);
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
    function clear(uint8 model, Slice[] calldata slices, Affirmation[] calldata affirmations) external {
        if (slices.length != 1) revert ClearingHouse_SliceCount(slices.length);
        Slice calldata slice = slices[0];
        uint16 venue = slice.header.venue;
        _requireVenue(venue);
        _affirm(_record(slice.header, slice.records, slice.records.hash()), slice.records, affirmations);
        _openCycle(venue, uint64(block.timestamp) + 1);
        _settle(model, slices);
        _closeCycle(venue);
    }

    function _settle(uint8 model, Slice[] calldata slices) private {
        if (model < GROSS || model > NET) revert ClearingHouse_UnknownModel(model);
        if (slices.length == 0 || slices.length > MAX_SLICES) revert ClearingHouse_SliceCount(slices.length);
        uint16 venue = slices[0].header.venue;
        _requireVenue(venue);
        if (!_cycles[venue].open) revert ClearingHouse_NoCycle(venue);
        bytes32[] memory hashes = new bytes32[](slices.length);
        Netting.Pass memory pass = _newPass(slices[0].header, slices.length);
        pass.model = model;
        for (uint256 k = 0; k < slices.length; ++k) {
            _requireAlike(slices[k].header, slices[0].header, k);
            hashes[k] = _takeSlice(pass, slices[k], k);
        }
        _settle(pass, slices[0].header, hashes);
    }

    function _takeSlice(Netting.Pass memory pass, Slice calldata slice, uint256 k) private returns (bytes32 batchHash) {
        (uint256 start, bytes32 recordsHash) = slice.records.load();
        batchHash = hashOf(slice.header, recordsHash);
        _requireRecorded(batchHash);
        Sent memory sent = Sent(k, batchHash, start, slice.records.length, 0, 0, slice.parts.length != 0);
        if (sent.inParts) _takeParts(pass, sent, slice.parts);
        _take(pass, sent, slice.mask);
    }
}
