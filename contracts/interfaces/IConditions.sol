// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Header, Status} from "../types/Types.sol";

/// @notice What a side can say of a trade. Condition c is bit 2c of the trade's flags where the buyer says it, bit
/// 2c + 1 where the seller does.
/// @dev HELD and PARTIAL are of ISO 20022's sese.030 (hold indicator, partial settlement indicator), CANCEL is its
/// sese.020.
enum Condition {
    HELD,
    PARTIAL,
    CANCEL,
    DISPUTED
}

/// @title What the parties of a trade say of its settlement
/// @notice Either side may put a trade on hold or dispute it, which takes it out of settlement until that side says
/// otherwise; both sides together may cancel it or allow it to settle in parts. A dispute that the sides do not end
/// themselves is decided by an exchange and a regulator together. Of a trade that has settled in part all this is about
/// the rest; what has settled is final.
///
/// A call names many trades of one batch, by their positions in its records, which are re-sent, and is all or nothing.
/// The one party of a self-trade says both sides' words at once. What a side has said already is passed over, so a
/// retry is safe.
///
/// While a cycle is open nobody takes from a settlement under way what it relies on: holding, disputing, cancelling and
/// withdrawing the permission of parts wait. What only lets a trade settle that could not does not.
///
/// What is held or disputed is a trade that both sides have affirmed. What one of them excepted instead is disputed for
/// good: no word of either side brings it back, and only cancelling ends it.
interface IConditions {
    /// @notice A side of the trade says this from now on, or (`stands` false) no longer.
    event ConditionChanged(
        bytes32 indexed batchHash, uint32 indexed tradeNo, uint16 indexed institution, Condition condition, bool stands
    );
    /// @notice An exchange and a regulator decided a dispute: the trade stands, or is cancelled.
    event DisputeDecided(bytes32 indexed batchHash, uint32 indexed tradeNo, bool stands);
    /// @notice The trade, which is cancelled, was recorded anew under the number `replacedBy` of its venue and day.
    event TradeCorrected(bytes32 indexed batchHash, uint32 indexed tradeNo, uint32 indexed replacedBy);

    /// @notice No batch with this header and these records was recorded.
    error Conditions_UnknownBatch(bytes32 batchHash);
    /// @notice The batch has no record at this position.
    error Conditions_UnknownPosition(uint256 position);
    /// @notice A call is about at least one trade.
    error Conditions_NoPositions();
    /// @notice The caller acts for no active institution.
    error Conditions_NotActive(address caller);
    /// @notice The caller's institution is neither the trade's buyer nor its seller.
    error Conditions_NotParty(uint16 institution, uint32 tradeNo);
    /// @notice The trade has settled or ended otherwise.
    error Conditions_Ended(uint32 tradeNo, Status status);
    /// @notice An institution excepted the trade when it affirmed, which nobody else's word undoes.
    error Conditions_Excepted(uint32 tradeNo);
    /// @notice Until both sides have affirmed, a trade does not settle, and is neither held nor disputed here.
    error Conditions_Unaffirmed(uint32 tradeNo, uint16 institution);
    /// @notice Nobody disputes the trade.
    error Conditions_NotDisputed(uint32 tradeNo, Status status);
    /// @notice While a settlement cycle is open, what it may rely on stays.
    error Conditions_CycleOpen();
    /// @notice Only the header's venue says what it recorded anew.
    error Conditions_NotVenue(uint16 caller, uint16 venue);
    /// @notice Only a cancelled trade is corrected.
    error Conditions_NotCancelled(uint32 tradeNo, Status status);
    /// @notice The correction is another trade, which the venue recorded under this number on the same day.
    error Conditions_InvalidCorrection(uint32 tradeNo, uint32 replacedBy);
    /// @notice Another number was named already.
    error Conditions_Corrected(uint32 tradeNo, uint32 replacedBy);

    /// @notice Puts trades, affirmed by both sides, on hold: they do not settle until released.
    /// @custom:access the signer of the buyer or the seller of each, while active and no cycle is open
    function hold(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external;

    /// @notice Takes the caller's hold off trades; the other side's remains.
    /// @custom:access the signer of the buyer or the seller of each, while active
    function release(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external;

    /// @notice Lets trades settle in parts, where the other side lets them too, or no longer does.
    /// @custom:access the signer of the buyer or the seller of each, while active; to withdraw it, while no cycle is
    /// open
    function allowPartial(Header calldata header, bytes32[] calldata records, uint32[] calldata positions, bool allowed)
        external;

    /// @notice Asks to cancel trades; who is second to ask cancels them.
    /// @custom:access the signer of the buyer or the seller of each, while active and no cycle is open
    function cancel(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external;

    /// @notice Takes back the caller's asking to cancel.
    /// @custom:access the signer of the buyer or the seller of each, while active
    function withdrawCancel(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external;

    /// @notice Disputes trades, affirmed by both sides: they do not settle until every side that disputes withdraws or the
    /// dispute is decided.
    /// @custom:access the signer of the buyer or the seller of each, while active and no cycle is open
    function dispute(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external;

    /// @notice Withdraws the caller's dispute; the other side's remains.
    /// @custom:access the signer of the buyer or the seller of each, while active
    function withdrawDispute(Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external;

    /// @notice Decides a dispute: where the trade stands, all disputes of it are over; else it is cancelled, which waits
    /// while a cycle is open.
    /// @custom:access an exchange and a regulator, each by the same call
    function decide(Header calldata header, bytes32[] calldata records, uint32 position, bool stands) external;

    /// @notice Says under which number of the same venue and day a cancelled trade was recorded anew. Once a trade.
    /// @custom:access the header's venue, an active exchange
    function correct(Header calldata header, bytes32[] calldata records, uint32 position, uint32 replacedBy) external;

    /// @return true where both sides allow the trade to settle in parts
    /// @custom:access anyone
    function partialAllowed(bytes32 batchHash, uint256 position) external view returns (bool);

    /// @return what the sides say: Condition c of the buyer at bit 2c, of the seller at bit 2c + 1
    /// @custom:access anyone
    function flagsOf(bytes32 batchHash, uint256 position) external view returns (uint8);

    /// @return corrected true where the venue recorded the trade anew
    /// @return replacedBy the number it has now
    /// @custom:access anyone
    function correctionOf(bytes32 batchHash, uint256 position) external view returns (bool corrected, uint32 replacedBy);
}
