// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IConditions} from "../interfaces/IConditions.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {IRevenueSharing} from "../interfaces/IRevenueSharing.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {Batch, Cycle, FeeSchedule, Header, Mark, Role, Status, Tier} from "../types/Types.sol";

/// @title What the parts of the clearing house share: its storage, fee schedules, and what anyone may ask
abstract contract House is IClearingHouse, EIP712 {
    using Bitmaps for uint256[];

    uint64 public constant MAX_CYCLE = 1 days;
    uint256 private constant PPM = 1_000_000;
    uint256 private constant MAX_TIERS = 32;
    bytes32 private constant AFFIRMATION_TYPEHASH = keccak256(
        "Affirmation(bytes32 batchHash,uint16 institution,bytes32 recordsHash,bytes32 exceptionsHash,bytes32 clientRoot,bytes32 priorBlockHash)"
    );

    IConsortium public immutable CONSORTIUM;
    IAssetRegister public immutable REGISTER;
    IRevenueSharing public immutable REVENUE_SHARING;
    ILimits public immutable LIMITS;
    IConditions public immutable CONDITIONS;
    address public immutable FAILS;
    address public immutable DEFAULT_FUND;

    uint64 public openCycles;
    uint64 public openSince;
    uint64 public reopenFrom;
    uint16 internal _feeScheduleCount;
    mapping(uint16 id => FeeSchedule) internal _feeSchedules;
    mapping(uint16 venue => Cycle) internal _cycles;
    mapping(bytes32 batchHash => Batch) internal _batches;
    mapping(bytes32 batchHash => mapping(uint256 word => uint256)) internal _affirmed;
    /// @dev Records that no mask can name: settled, in whole or in part, or barred. One read tells a word of 256 records.
    mapping(bytes32 batchHash => mapping(uint256 word => uint256)) internal _closed;
    /// @dev Records that are out of settlement: disputed, held, or ended otherwise than by settling.
    mapping(bytes32 batchHash => mapping(uint256 word => uint256)) internal _barred;
    mapping(bytes32 batchHash => mapping(uint256 position => Mark)) internal _marks;
    /// @dev Key: venue u16 | trading day u32 | word of the bitmap u24.
    mapping(uint256 key => uint256) internal _numbers;

    constructor(
        IConsortium consortium,
        IAssetRegister register,
        IRevenueSharing revenueSharing,
        ILimits limits,
        IConditions conditions,
        address fails,
        address defaultFund
    ) EIP712("ClearingHouse", "1") {
        CONSORTIUM = consortium;
        REGISTER = register;
        REVENUE_SHARING = revenueSharing;
        LIMITS = limits;
        CONDITIONS = conditions;
        FAILS = fails;
        DEFAULT_FUND = defaultFund;
    }

    /// @inheritdoc IClearingHouse
    function setStatus(bytes32 batchHash, uint256 position, Status to) external {
        if (msg.sender != address(CONDITIONS) && msg.sender != FAILS && msg.sender != DEFAULT_FUND) {
            revert ClearingHouse_NotOffice(msg.sender);
        }
        Status from = statusOf(batchHash, position);
        Mark storage mark = _marks[batchHash][position];
        bool open = from == Status.PENDING || from == Status.DISPUTED || from == Status.HELD;
        // What a side never affirmed does not become irrevocable by anybody else's word: it can only end.
        bool excepted = from == Status.DISPUTED && mark.out == Status.UNKNOWN;
        bool ends = to == Status.CANCELLED || to == Status.COMPENSATED || to == Status.CLOSED_OUT;
        bool back = to == Status.PENDING && from != Status.PENDING;
        bool bars = to == Status.DISPUTED || to == Status.HELD;
        if (!open || !(ends || (!excepted && (back || bars)))) {
            revert ClearingHouse_Transition(batchHash, position, from, to);
        }
        uint256 word = position >> 8;
        uint256 bit = 1 << (position & 0xff);
        if (to == Status.PENDING) _letBack(batchHash, word, bit, mark.settledQuantity != 0);
        else if (from == Status.PENDING) _bar(batchHash, word, bit);
        mark.out = to == Status.PENDING ? Status.UNKNOWN : to;
        emit StatusChanged(batchHash, position, from, to);
    }

    /// @inheritdoc IClearingHouse
    function registerFeeSchedule(uint16 levyBeneficiary, uint24 levyPpm, bool graduated, Tier[] calldata tiers)
        external
        returns (uint16 feeScheduleId)
    {
        uint16 venue = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        if (!_members(Role.REGULATOR).contains(levyBeneficiary)) revert ClearingHouse_NotRegulator(levyBeneficiary);
        if (levyPpm > PPM) revert ClearingHouse_InvalidRate(levyPpm);
        uint256 n = tiers.length;
        if (n == 0 || n > MAX_TIERS) revert ClearingHouse_InvalidTier(n);
        if (tiers[n - 1].upTo != type(uint88).max) revert ClearingHouse_InvalidTier(n - 1);
        feeScheduleId = ++_feeScheduleCount;
        FeeSchedule storage it = _feeSchedules[feeScheduleId];
        it.venue = venue;
        it.levyBeneficiary = levyBeneficiary;
        it.levyPpm = levyPpm;
        it.graduated = graduated;
        for (uint256 i = 0; i < n; ++i) {
            if (i != 0 && tiers[i].upTo <= tiers[i - 1].upTo) revert ClearingHouse_InvalidTier(i);
            if (tiers[i].ratePpm > PPM) revert ClearingHouse_InvalidRate(tiers[i].ratePpm);
            it.tiers.push(tiers[i]);
        }
        emit FeeScheduleRegistered(feeScheduleId, venue, levyBeneficiary, levyPpm, graduated, tiers);
    }

    /// @inheritdoc IClearingHouse
    function cycleOf(uint16 venue) external view returns (Cycle memory) {
        return _cycles[venue];
    }

    /// @inheritdoc IClearingHouse
    function feeSchedule(uint16 feeScheduleId) external view returns (FeeSchedule memory) {
        if (_feeSchedules[feeScheduleId].venue == 0) revert ClearingHouse_UnknownFeeSchedule(feeScheduleId);
        return _feeSchedules[feeScheduleId];
    }

    /// @inheritdoc IClearingHouse
    function hashOf(Header calldata header, bytes32 recordsHash) public pure returns (bytes32) {
        return keccak256(abi.encode(header, recordsHash));
    }

    /// @inheritdoc IClearingHouse
    function affirmationDigest(
        bytes32 batchHash,
        uint16 institution,
        bytes32 recordsHash,
        bytes32 exceptionsHash,
        bytes32 clientRoot,
        bytes32 priorBlockHash
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    AFFIRMATION_TYPEHASH, batchHash, institution, recordsHash, exceptionsHash, clientRoot, priorBlockHash
                )
            )
        );
    }

    /// @inheritdoc IClearingHouse
    function batch(bytes32 batchHash) external view returns (Batch memory) {
        return _batches[batchHash];
    }

    /// @inheritdoc IClearingHouse
    function affirmedBy(bytes32 batchHash, uint16 institution) public view returns (bool) {
        return (_affirmed[batchHash][institution >> 8] >> (institution & 0xff)) & 1 != 0;
    }

    /// @inheritdoc IClearingHouse
    function statusOf(bytes32 batchHash, uint256 position) public view returns (Status) {
        if (position >= _batches[batchHash].count) return Status.UNKNOWN;
        uint256 word = position >> 8;
        uint256 bit = 1 << (position & 0xff);
        if (_barred[batchHash][word] & bit != 0) {
            Status out = _marks[batchHash][position].out;
            return out == Status.UNKNOWN ? Status.DISPUTED : out;
        }
        if (_marks[batchHash][position].settledQuantity != 0) return Status.PENDING;
        bool settled = _batches[batchHash].pending == 0 || _closed[batchHash][word] & bit != 0;
        return settled ? Status.SETTLED : Status.PENDING;
    }

    /// @inheritdoc IClearingHouse
    function tradeNumberUsed(uint16 venue, uint32 tradingDay, uint32 tradeNo) public view returns (bool) {
        return (_numbers[_numbersKey(venue, tradingDay, tradeNo >> 8)] >> (tradeNo & 0xff)) & 1 != 0;
    }

    /// @inheritdoc IClearingHouse
    function settledQuantityOf(bytes32 batchHash, uint256 position) external view returns (uint64) {
        return _marks[batchHash][position].settledQuantity;
    }

    function _bar(bytes32 batchHash, uint256 word, uint256 bit) internal {
        --_batches[batchHash].pending;
        _closed[batchHash][word] |= bit;
        _barred[batchHash][word] |= bit;
    }

    function _letBack(bytes32 batchHash, uint256 word, uint256 bit, bool settledInPart) internal {
        Batch storage it = _batches[batchHash];
        if (it.pending == 0) {
            // Which records are settled was not written down when the last of them did.
            for (uint256 i = 0; i <= (it.count - 1) >> 8; ++i) _closed[batchHash][i] = type(uint256).max;
        }
        ++it.pending;
        _barred[batchHash][word] &= ~bit;
        if (!settledInPart) _closed[batchHash][word] &= ~bit;
    }

    function _requireVenue(uint16 venue) internal view {
        uint16 caller = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        if (caller != venue) revert ClearingHouse_NotVenue(caller, venue);
    }

    function _requireRecorded(bytes32 batchHash) internal view {
        if (_batches[batchHash].count == 0) revert ClearingHouse_UnknownBatch(batchHash);
    }

    function _requireAlike(Header calldata a, Header calldata b, uint256 k) internal pure {
        if (a.venue != b.venue || a.cashAsset != b.cashAsset || a.feeScheduleId != b.feeScheduleId) {
            revert ClearingHouse_MixedSlices(k);
        }
    }

    function _numbersKey(uint16 venue, uint32 tradingDay, uint256 word) internal pure returns (uint256) {
        return (uint256(venue) << 56) | (uint256(tradingDay) << 24) | word;
    }

    /// @dev A role's members as a set of 256 words (see Bitmaps).
    function _members(Role role) internal view returns (uint256[] memory set) {
        set = new uint256[](Bitmaps.WORDS);
        uint256[] memory words = CONSORTIUM.membersOf(role);
        for (uint256 i = 0; i < words.length; ++i) set[i] = words[i];
    }
}
