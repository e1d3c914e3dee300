// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Affirmation, Batch, Cycle, FeeSchedule, Header, Slice, Status, Tier} from "../types/Types.sol";

/// @title Record, affirm, settle
/// @notice A venue records batches of trades; both sides affirm them; within a cycle that the venue opens, affirmed
/// trades settle delivery versus payment, commission is shared and the levy paid, all in one transaction or none of it.
/// What settles is proposed by the caller and checked here: positions are computed from the records themselves, and no
/// balance may fall below zero. When that is checked is the DvP model (BIS, "Delivery versus payment in securities
/// settlement systems", 1992): 1, securities and cash trade by trade; 2, securities trade by trade and cash net at the
/// end; 3, both net at the end.
///
/// A trade settles whole, or in parts: of its amount, and of the commission and levy that its whole amount is charged,
/// each part brings floor(total * settled / quantity) up to where it ends.
///
/// A record is 32 bytes, most significant first:
/// `tradeNo u32 | time u24 | buyer u16 | seller u16 | asset u16 | quantity u64 | amount u88`.
/// Time is seconds of the day, 0xFFFFFF if unknown; quantity whole units; amount minor units of the batch's currency.
/// The chain keeps a batch's hash and count; records are re-sent to each step and checked against the hash.
///
/// Moments: recorded, a record is final (entered); affirmed by both sides it is irrevocable; settled it is final.
interface IClearingHouse {
    /// @notice A schedule that headers can name from now on; it never changes.
    event FeeScheduleRegistered(
        uint16 indexed feeScheduleId,
        uint16 indexed venue,
        uint16 levyBeneficiary,
        uint24 levyPpm,
        bool graduated,
        Tier[] tiers
    );
    /// @notice The ledger knows these trades; the records are in the transaction's calldata.
    event BatchRecorded(
        bytes32 indexed batchHash,
        uint16 indexed venue,
        uint32 indexed tradingDay,
        bytes32 recordsHash,
        uint256 count,
        Header header
    );
    /// @notice The institution agrees to its trades of the batch, but for `exceptions` of them.
    event BatchAffirmed(
        bytes32 indexed batchHash,
        uint16 indexed institution,
        bytes32 recordsHash,
        uint256 exceptions,
        bytes32 clientRoot,
        bytes32 priorBlockHash
    );
    /// @notice The institution does not agree to this trade, which will not settle as it stands.
    event TradeDisputed(bytes32 indexed batchHash, uint32 indexed tradeNo, uint16 indexed institution);
    /// @notice Institutions' own transfers wait until the cycle is closed. `deadline` in seconds.
    event CycleOpened(uint16 indexed venue, uint64 indexed cycle, uint64 deadline);
    /// @notice Transfers are free again, unless another venue's cycle is open.
    event CycleClosed(uint16 indexed venue, uint64 indexed cycle, address by);
    /// @notice So many trades of the batch, whole or in part, are final; which they are is in the transaction's calldata.
    event SliceSettled(uint16 indexed venue, uint64 indexed cycle, bytes32 indexed batchHash, uint256 count);
    /// @notice Units of a trade are final; `settledQuantity` of them are by now, all of its quantity after the last part.
    /// `amount` is what these units cost, minor units.
    event TradeSettledInPart(
        bytes32 indexed batchHash, uint32 indexed tradeNo, uint64 quantity, uint88 amount, uint64 settledQuantity
    );
    /// @notice One netting set settled, by the DvP model. Amounts in minor units of `cashAsset`, commission and levy of both
    /// sides. `grossAmount` is the sum of what the chosen trades cost. `netAmount` is the cash that changed hands for
    /// them, before levy and revenue shares: what those who owe on balance owe; in model 1, where each trade is settled by
    /// itself, the sum of all trades that are not an institution's with itself.
    event NettingSetSettled(
        uint16 indexed venue,
        uint64 indexed cycle,
        uint16 indexed cashAsset,
        uint8 model,
        uint256 grossAmount,
        uint256 netAmount,
        uint256 commission,
        uint256 levy
    );

    /// @notice A trade left settlement, came back to it or ended otherwise than by settling. Who did it and why is in
    /// the event of the contract that said so, in the same transaction.
    event StatusChanged(bytes32 indexed batchHash, uint256 indexed position, Status from, Status to);

    /// @notice Only the contracts that keep conditions, fails and defaults say this.
    error ClearingHouse_NotOffice(address caller);
    /// @notice A trade that has ended does not change, nothing settles but by settling, and what a side excepted can only
    /// end.
    error ClearingHouse_Transition(bytes32 batchHash, uint256 position, Status from, Status to);
    /// @notice The caller acts for another institution than the header's venue.
    error ClearingHouse_NotVenue(uint16 caller, uint16 venue);
    /// @notice The header's layout version is not one this contract knows.
    error ClearingHouse_UnknownVersion(uint8 version);
    /// @notice Not a date yyyymmdd, or a settlement date before the trade date.
    error ClearingHouse_InvalidDates(uint32 tradingDay, uint32 intendedSettlementDate);
    /// @notice The header's cash asset is not a currency of the register.
    error ClearingHouse_NotCurrency(uint16 asset);
    /// @notice No such fee schedule of this venue.
    error ClearingHouse_UnknownFeeSchedule(uint16 feeScheduleId);
    /// @notice A batch has at least one record.
    error ClearingHouse_EmptyBatch();
    /// @notice Records must strictly increase by (asset, tradeNo).
    error ClearingHouse_RecordOrder(uint256 position);
    /// @notice Trade numbers of a batch share their upper 16 bits (a page of the bitmap).
    error ClearingHouse_OtherPage(uint32 tradeNo);
    /// @notice The number was used on this venue and day.
    error ClearingHouse_TradeNumberUsed(uint16 venue, uint32 tradingDay, uint32 tradeNo);
    /// @notice No security has this index.
    error ClearingHouse_UnknownSecurity(uint32 tradeNo, uint16 asset);
    /// @notice The institution is not an active broker.
    error ClearingHouse_NotBroker(uint32 tradeNo, uint16 institution);
    /// @notice A trade moves at least one unit.
    error ClearingHouse_ZeroQuantity(uint32 tradeNo);
    /// @notice A trade costs at least one minor unit.
    error ClearingHouse_ZeroAmount(uint32 tradeNo);
    /// @notice No batch with this header and these records was recorded.
    error ClearingHouse_UnknownBatch(bytes32 batchHash);
    /// @notice The institution is there twice.
    error ClearingHouse_AlreadyAffirmed(bytes32 batchHash, uint16 institution);
    /// @notice The institution is suspended, or not admitted.
    error ClearingHouse_Inactive(uint16 institution);
    /// @notice The institution is party to `actual` records of the batch, which must be what it claims and not zero.
    error ClearingHouse_WrongCount(uint16 institution, uint256 claimed, uint256 actual);
    /// @notice Exceptions are positions of the institution's own records, strictly increasing.
    error ClearingHouse_InvalidException(uint16 institution, uint256 position);
    /// @notice The chain knows the hashes of its last 256 blocks.
    error ClearingHouse_PriorBlockUnknown(uint16 institution, uint64 priorBlock);
    /// @notice The institution's signer did not sign this. `recordsHash` is that of what was recorded, without the
    /// exceptions: a book that hashes otherwise differs from it.
    error ClearingHouse_InvalidSignature(uint16 institution, bytes32 recordsHash);
    /// @notice The venue's last cycle is still open.
    error ClearingHouse_CycleOpen(uint16 venue, uint64 cycle);
    /// @notice The venue has no cycle open.
    error ClearingHouse_NoCycle(uint16 venue);
    /// @notice A cycle ends after now, and at most MAX_CYCLE after the first of those open at once was opened.
    error ClearingHouse_InvalidDeadline(uint64 deadline, uint64 latest);
    /// @notice After cycles comes a pause in which none opens and institutions may move their own: an eighth of the time
    /// that any cycle was open, at least a second. It ends at `reopenFrom` (seconds).
    error ClearingHouse_TooSoon(uint64 reopenFrom);
    /// @notice Before its deadline only the venue closes its cycle.
    error ClearingHouse_BeforeDeadline(uint16 venue, uint64 deadline);
    /// @notice At least one slice, and at most 255.
    error ClearingHouse_SliceCount(uint256 count);
    /// @notice Slices settled together share venue, currency and fee schedule.
    error ClearingHouse_MixedSlices(uint256 slice);
    /// @notice A mask has one bit a record and no more; `words` are needed.
    error ClearingHouse_MaskLength(uint256 slice, uint256 given, uint256 words);
    /// @notice A bit beyond the last record is set.
    error ClearingHouse_SurplusBits(uint256 slice);
    /// @notice A slice settles something.
    error ClearingHouse_EmptyMask(uint256 slice);
    /// @notice The trade was settled before, or is out of settlement; PENDING where a mask names what is settled in part.
    error ClearingHouse_NotPending(uint32 tradeNo, Status status);
    /// @notice The models are 1, 2 and 3.
    error ClearingHouse_UnknownModel(uint8 model);
    /// @notice A part has a position among the batch's records, and no bits above it.
    error ClearingHouse_InvalidPart(uint256 slice, uint256 part);
    /// @notice Only `left` units of the trade are still to settle.
    error ClearingHouse_PartTooLarge(uint32 tradeNo, uint256 quantity, uint256 left);
    /// @notice The trade's sides do not allow that some of it settles and some does not.
    error ClearingHouse_PartialNotAllowed(uint32 tradeNo);
    /// @notice A party of a chosen trade has not affirmed the slice's batch.
    error ClearingHouse_Unaffirmed(uint256 slice, uint16 institution);
    /// @notice A party of a chosen trade is suspended.
    error ClearingHouse_Suspended(uint256 slice, uint16 institution);
    /// @notice The beneficiary of the levy is not a regulator.
    error ClearingHouse_NotRegulator(uint16 institution);
    /// @notice Tiers rise strictly, the last has the largest bound there is, there are 1 to 32 of them.
    error ClearingHouse_InvalidTier(uint256 position);
    /// @notice A rate is at most 1,000,000 ppm.
    error ClearingHouse_InvalidRate(uint256 ratePpm);

    /// @notice Registers a fee schedule. Brokers agree to it by affirming a batch whose header names it.
    /// @return feeScheduleId the next id, from 1
    /// @custom:access an exchange
    function registerFeeSchedule(uint16 levyBeneficiary, uint24 levyPpm, bool graduated, Tier[] calldata tiers)
        external
        returns (uint16 feeScheduleId);

    /// @notice Records a batch.
    /// @return batchHash by which it is known: `hashOf(header, keccak256 of the records)`
    /// @custom:access the header's venue, an active exchange
    function record(Header calldata header, bytes32[] calldata records) external returns (bytes32 batchHash);

    /// @notice Takes institutions' affirmations of a batch, all or none. One whose word is given already is passed over: a
    /// retry is safe, and nobody spoils a bulk by going first.
    /// @custom:access anyone; the signatures authorise
    function affirm(Header calldata header, bytes32[] calldata records, Affirmation[] calldata affirmations) external;

    /// @notice Opens the caller's next cycle.
    /// @param deadline seconds; from then on anyone may close it
    /// @return cycle its number, from 1
    /// @custom:access an exchange
    function openCycle(uint64 deadline) external returns (uint64 cycle);

    /// @notice Settles slices as one netting set, all or nothing. Trades are taken in the order of the slices, in each its
    /// parts as given and then the records of its mask; in models 1 and 2 they settle in this order. (In model 3 parts that
    /// rise by asset cost least.)
    /// @param model of DvP: 1, 2 or 3
    /// @custom:access the venue whose cycle is open
    function settle(uint8 model, Slice[] calldata slices) external;

    /// @notice Closes a venue's cycle.
    /// @custom:access the venue; after the deadline anyone
    function closeCycle(uint16 venue) external;

    /// @notice Records, affirms and settles one batch as a cycle of its own, in one transaction.
    /// @param model of DvP: 1, 2 or 3
    /// @param slices one: the batch, and what of it settles
    /// @custom:access the header's venue, while it has no cycle open
    function clear(uint8 model, Slice[] calldata slices, Affirmation[] calldata affirmations) external;

    /// @notice Bars a trade from settlement, lets it back in (to PENDING) or ends it.
    /// @custom:access the contracts Conditions, Fails and DefaultFund
    function setStatus(bytes32 batchHash, uint256 position, Status to) external;

    /// @return units of the trade that settled so far while it is settled in part; 0 before and after
    /// @custom:access anyone
    function settledQuantityOf(bytes32 batchHash, uint256 position) external view returns (uint64);

    /// @return seconds that a cycle lasts at most, and so the time without a pause
    function MAX_CYCLE() external view returns (uint64);

    /// @return number of cycles open, over all venues
    /// @custom:access anyone
    function openCycles() external view returns (uint64);

    /// @return when the first of the cycles now open was opened, seconds; of the past where none is
    /// @custom:access anyone
    function openSince() external view returns (uint64);

    /// @return from when a cycle may open, seconds
    /// @custom:access anyone
    function reopenFrom() external view returns (uint64);

    /// @return the venue's newest cycle
    /// @custom:access anyone
    function cycleOf(uint16 venue) external view returns (Cycle memory);

    /// @return the schedule; reverts where there is none
    /// @custom:access anyone
    function feeSchedule(uint16 feeScheduleId) external view returns (FeeSchedule memory);

    /// @return hash that names a batch
    /// @custom:access anyone
    function hashOf(Header calldata header, bytes32 recordsHash) external pure returns (bytes32);

    /// @return EIP-712 digest that an institution signs to affirm
    /// @custom:access anyone
    function affirmationDigest(
        bytes32 batchHash,
        uint16 institution,
        bytes32 recordsHash,
        bytes32 exceptionsHash,
        bytes32 clientRoot,
        bytes32 priorBlockHash
    ) external view returns (bytes32);

    /// @return the batch; count 0 where it was not recorded
    /// @custom:access anyone
    function batch(bytes32 batchHash) external view returns (Batch memory);

    /// @return true where the institution has affirmed the batch
    /// @custom:access anyone
    function affirmedBy(bytes32 batchHash, uint16 institution) external view returns (bool);

    /// @return where the record at `position` of the batch stands
    /// @custom:access anyone
    function statusOf(bytes32 batchHash, uint256 position) external view returns (Status);

    /// @return true where the venue used the number on that day
    /// @custom:access anyone
    function tradeNumberUsed(uint16 venue, uint32 tradingDay, uint32 tradeNo) external view returns (bool);
}
