// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {Condition, IConditions} from "./interfaces/IConditions.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {Joint} from "./libraries/Joint.sol";
import {Records} from "./libraries/Records.sol";
import {Header, Role, Status} from "./types/Types.sol";

/// @title Conditions, as IConditions says
contract Conditions is IConditions, Joint {
    using Records for bytes32;
    using Records for bytes32[];

    /// @dev One trade, and what is said of it.
    struct Trade {
        bytes32 batchHash;
        uint256 position;
        uint32 tradeNo;
        uint8 flags;
        Status status;
    }

    /// @dev Flags of both sides; a side's is the lower or the upper bit of each.
    uint8 private constant HELD = 3;
    uint8 private constant PARTIAL = 3 << 2;
    uint8 private constant CANCEL = 3 << 4;
    uint8 private constant DISPUTED = 3 << 6;
    /// @dev Set where a correction's number follows, which may be 0.
    uint64 private constant CORRECTED = 1 << 32;

    IClearingHouse public immutable CLEARING_HOUSE;
    /// @dev A byte a trade, 32 trades a word.
    mapping(bytes32 batchHash => mapping(uint256 word => uint256)) private _flags;
    mapping(bytes32 batchHash => mapping(uint256 position => uint64)) private _corrections;

    constructor(IConsortium consortium, IClearingHouse clearingHouse) Joint(consortium) {
        CLEARING_HOUSE = clearingHouse;
    }

    /// @inheritdoc IConditions
    function hold(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external {
        _say(header, records, positions, Condition.HELD, true);
    }

    /// @inheritdoc IConditions
    function release(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external {
        _say(header, records, positions, Condition.HELD, false);
    }

    /// @inheritdoc IConditions
    function allowPartial(Header calldata header, bytes32[] calldata records, uint32[] calldata positions, bool allowed)
        external
    {
        _say(header, records, positions, Condition.PARTIAL, allowed);
    }

    /// @inheritdoc IConditions
    function cancel(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external {
        _say(header, records, positions, Condition.CANCEL, true);
    }

    /// @inheritdoc IConditions
    function withdrawCancel(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external {
        _say(header, records, positions, Condition.CANCEL, false);
    }

    /// @inheritdoc IConditions
    function dispute(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external {
        _say(header, records, positions, Condition.DISPUTED, true);
    }

    /// @inheritdoc IConditions
    function withdrawDispute(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external {
        _say(header, records, positions, Condition.DISPUTED, false);
    }

    /// @inheritdoc IConditions
    function decide(Header calldata header, bytes32[] calldata records, uint32 position, bool stands) external {
        Trade memory trade = _trade(_requireRecorded(header, records), records, position);
        if (trade.status != Status.DISPUTED) revert Conditions_NotDisputed(trade.tradeNo, trade.status);
        if (stands && _excepted(trade)) revert Conditions_Excepted(trade.tradeNo);
        if (!_jointly(keccak256(msg.data))) return;
        emit DisputeDecided(trade.batchHash, trade.tradeNo, stands);
        if (stands) {
            _change(trade, trade.flags & ~DISPUTED);
        } else {
            if (CLEARING_HOUSE.openCycles() != 0) revert Conditions_CycleOpen();
            CLEARING_HOUSE.setStatus(trade.batchHash, position, Status.CANCELLED);
        }
    }

    /// @inheritdoc IConditions
    function correct(Header calldata header, bytes32[] calldata records, uint32 position, uint32 replacedBy) external {
        uint16 caller = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        if (caller != header.venue) revert Conditions_NotVenue(caller, header.venue);
        Trade memory trade = _trade(_requireRecorded(header, records), records, position);
        if (trade.status != Status.CANCELLED) revert Conditions_NotCancelled(trade.tradeNo, trade.status);
        bool used = CLEARING_HOUSE.tradeNumberUsed(header.venue, header.tradingDay, replacedBy);
        if (replacedBy == trade.tradeNo || !used) revert Conditions_InvalidCorrection(trade.tradeNo, replacedBy);
        uint64 named = _corrections[trade.batchHash][position];
        if (named == CORRECTED | replacedBy) return;
        if (named != 0) revert Conditions_Corrected(trade.tradeNo, uint32(named));
        _corrections[trade.batchHash][position] = CORRECTED | replacedBy;
        emit TradeCorrected(trade.batchHash, trade.tradeNo, replacedBy);
    }

    /// @inheritdoc IConditions
    function partialAllowed(bytes32 batchHash, uint256 position) external view returns (bool) {
        return flagsOf(batchHash, position) & PARTIAL == PARTIAL;
    }

    /// @inheritdoc IConditions
    function flagsOf(bytes32 batchHash, uint256 position) public view returns (uint8) {
        return uint8(_flags[batchHash][position >> 5] >> ((position & 31) << 3));
    }

    /// @inheritdoc IConditions
    function correctionOf(bytes32 batchHash, uint256 position) external view returns (bool corrected, uint32 replacedBy) {
        uint64 named = _corrections[batchHash][position];
        return (named != 0, uint32(named));
    }

    /// @dev The caller says a condition of trades, or no longer does.
    function _say(
        Header calldata header,
        bytes32[] calldata records,
        uint32[] calldata positions,
        Condition condition,
        bool stands
    ) private {
        bytes32 batchHash = _requireRecorded(header, records);
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        if (!CONSORTIUM.isActive(caller)) revert Conditions_NotActive(msg.sender);
        if (positions.length == 0) revert Conditions_NoPositions();
        // A settlement relies on trades not held, disputed or cancelled, and on permissions of parts.
        bool waits = stands != (condition == Condition.PARTIAL) && CLEARING_HOUSE.openCycles() != 0;
        for (uint256 i = 0; i < positions.length; ++i) {
            Trade memory trade = _trade(batchHash, records, positions[i]);
            uint8 own = _sides(records[positions[i]], caller) << (2 * uint8(condition));
            if (own == 0) revert Conditions_NotParty(caller, trade.tradeNo);
            uint8 flags = stands ? trade.flags | own : trade.flags & ~own;
            if (flags == trade.flags) continue;
            if (_ended(trade.status)) revert Conditions_Ended(trade.tradeNo, trade.status);
            if (waits) revert Conditions_CycleOpen();
            if (condition != Condition.CANCEL && _excepted(trade)) revert Conditions_Excepted(trade.tradeNo);
            if (stands && (condition == Condition.HELD || condition == Condition.DISPUTED)) {
                _requireAffirmed(batchHash, records[positions[i]]);
            }
            emit ConditionChanged(batchHash, trade.tradeNo, caller, condition, stands);
            _change(trade, flags);
        }
    }

    /// @dev Writes a trade's new flags, and has the clearing house say where it stands if that is elsewhere now.
    function _change(Trade memory trade, uint8 flags) private {
        Status to = _place(flags, _excepted(trade));
        uint256 shift = (trade.position & 31) << 3;
        uint256 word = _flags[trade.batchHash][trade.position >> 5];
        _flags[trade.batchHash][trade.position >> 5] = (word & ~(uint256(0xff) << shift)) | (uint256(flags) << shift);
        if (to != trade.status) CLEARING_HOUSE.setStatus(trade.batchHash, trade.position, to);
    }

    /// @dev The clearing house does not tell an exception from a trade that is out of settlement already. So nothing is
    /// taken out before every exception there can be is known: it would come back by its side's word, though the other
    /// never agreed to it.
    function _requireAffirmed(bytes32 batchHash, bytes32 record) private view {
        for (uint256 side = 0; side < 2; ++side) {
            uint16 institution = side == 0 ? record.buyer() : record.seller();
            if (!CLEARING_HOUSE.affirmedBy(batchHash, institution)) {
                revert Conditions_Unaffirmed(record.tradeNo(), institution);
            }
        }
    }

    /// @return where a trade that has not ended stands, by what its sides say
    function _place(uint8 flags, bool excepted) private pure returns (Status) {
        if (flags & CANCEL == CANCEL) return Status.CANCELLED;
        if (excepted || flags & DISPUTED != 0) return Status.DISPUTED;
        return flags & HELD != 0 ? Status.HELD : Status.PENDING;
    }

    /// @return true where an affirmation left the trade out: it is disputed, though neither side says so here
    function _excepted(Trade memory trade) private pure returns (bool) {
        return trade.status == Status.DISPUTED && trade.flags & DISPUTED == 0;
    }

    function _ended(Status status) private pure returns (bool) {
        return status != Status.PENDING && status != Status.HELD && status != Status.DISPUTED;
    }

    /// @return 1 for the record's buyer, 2 for its seller, 3 for who is both, 0 for anyone else
    function _sides(bytes32 record, uint16 institution) private pure returns (uint8) {
        return (record.buyer() == institution ? 1 : 0) | (record.seller() == institution ? 2 : 0);
    }

    function _trade(bytes32 batchHash, bytes32[] calldata records, uint32 position) private view returns (Trade memory) {
        if (position >= records.length) revert Conditions_UnknownPosition(position);
        return Trade(
            batchHash,
            position,
            records[position].tradeNo(),
            flagsOf(batchHash, position),
            CLEARING_HOUSE.statusOf(batchHash, position)
        );
    }

    function _requireRecorded(Header calldata header, bytes32[] calldata records)
        private
        view
        returns (bytes32 batchHash)
    {
        batchHash = CLEARING_HOUSE.hashOf(header, records.hash());
        if (CLEARING_HOUSE.batch(batchHash).count == 0) revert Conditions_UnknownBatch(batchHash);
    }
}
