// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Header, Status} from "../types/Types.sol";

/// @notice What is known of a trade that failed.
/// @param day last one that it failed on, yyyymmdd
/// @param failedDays on how many it has failed
/// @param reasons why, on the last one (see IFails)
struct Fail {
    uint32 day;
    uint16 failedDays;
    uint16 reasons;
}

/// @notice What one institution owes another, minor units.
/// @param due from before `cycle`
/// @param accrued since `cycle` was opened; due in every later one
/// @param cycle of the venue
struct Claim {
    uint128 due;
    uint128 accrued;
    uint64 cycle;
}

/// @title What does not settle
/// @notice At the end of a day the venue names the trades that should have settled and have not, and this contract finds
/// out why: never the caller says whose fault it is, and a trade that could settle by itself is refused. Who is short
/// owes the other side a penalty for the day. After so many failed days the trade may be closed by cash compensation:
/// the difference between its price and the day's, which is what buying in costs. A buy-in itself is a new trade that
/// the venue records between the buyer and whoever delivers.
///
/// Reasons are ISO 20022's failing reason codes, a pair of bits each: reason r is bit 2r where it is the buyer's, bit
/// 2r + 1 where it is the seller's.
///
/// - 0 LACK, lack of securities: the seller holds less than what is left of the trade.
/// - 1 MONY, insufficient money: of the buyer for the amount, levy and revenue shares; of the seller where the proceeds
///   do not cover its own.
/// - 2 PREA, instruction on hold.
/// - 3 CLAT, too late: the side has not affirmed. What it holds is not looked at then: it has agreed to nothing.
/// - 4 SBLO, account blocked: the side is suspended.
/// - 5 FLIM, limit reached: nothing else stands in the way. ISO's is of foreign holdings; it has no nearer one.
///
/// Who is short is so though the trade is on hold as well, or a hold would be a way out of a penalty. But who itself
/// stands in the way, by a hold or suspended, is owed none; nor is anything owed on a trade that a side has not
/// affirmed, or by a party to itself.
///
/// What is owed is a claim in the currency of the trade, which the venue collects in a cycle after the one it came about
/// in. Penalties and compensation go from one institution to another and nowhere else.
interface IFails {
    /// @notice The venue's reference prices of the day, as they were given.
    event PricesSet(uint16 indexed venue, uint32 indexed day, uint16 indexed currency, uint256[] words);
    /// @notice From now on a day's penalty is this part: of a security's value, or by the year of a currency's amount.
    event PenaltyRateSet(uint16 indexed asset, uint32 ratePpm);
    /// @notice From now on trades may be compensated after so many failed days; never where it is 0.
    event ClosingAfterSet(uint16 failedDays);
    /// @notice The trade did not settle on that day, for the `failedDays`th time. What is left of it: units, and minor
    /// units of the batch's currency.
    event TradeFailed(
        bytes32 indexed batchHash,
        uint32 indexed tradeNo,
        uint32 indexed day,
        uint16 reasons,
        uint16 failedDays,
        uint64 quantity,
        uint256 amount
    );
    /// @notice `payer` owes `payee` the penalty of that day, minor units.
    event PenaltyAccrued(
        bytes32 indexed batchHash,
        uint32 indexed tradeNo,
        uint16 indexed payer,
        uint16 payee,
        uint32 day,
        uint16 currency,
        uint256 amount
    );
    /// @notice What was left of the trade is closed at the day's price (millionths of a minor unit a unit; 0 where there is
    /// none). `payer` owes `payee` the difference, minor units; nobody anything where they are 0.
    event TradeCompensated(
        bytes32 indexed batchHash,
        uint32 indexed tradeNo,
        uint32 indexed day,
        uint128 price,
        uint16 payer,
        uint16 payee,
        uint256 amount
    );
    /// @notice The debtor paid all that was due, minor units.
    event ClaimPaid(
        uint16 venue, uint16 indexed currency, uint16 indexed debtor, uint16 indexed creditor, uint256 amount
    );
    /// @notice The claim stays due: the debtor's balance, minor units, does not cover it, or a party is suspended.
    event ClaimUnpaid(
        uint16 venue,
        uint16 indexed currency,
        uint16 indexed debtor,
        uint16 indexed creditor,
        uint256 amount,
        uint256 balance
    );

    /// @notice A price is of a listed security, not zero and at most MAX_PRICE; between them the word is zero.
    error Fails_InvalidPrice(uint256 word);
    /// @notice The venue gave another price for that day.
    error Fails_PriceGiven(uint16 asset, uint128 price);
    /// @notice A penalty is at most the whole value, a day, and of an amount ten times it, a year.
    error Fails_InvalidRate(uint16 asset, uint32 ratePpm);
    /// @notice Not a currency of the register.
    error Fails_NotCurrency(uint16 asset);
    /// @notice Not a day yyyymmdd, or before `earliest`.
    error Fails_InvalidDay(uint32 day, uint32 earliest);
    /// @notice A call is about at least one of something.
    error Fails_Nothing();
    /// @notice The caller acts for another institution than the header's venue.
    error Fails_NotVenue(uint16 caller, uint16 venue);
    /// @notice The venue has no cycle open, and so balances may move meanwhile.
    error Fails_NoCycle(uint16 venue);
    /// @notice While a settlement cycle is open, it may rely on what this would end.
    error Fails_CycleOpen();
    /// @notice No batch with this header and these records was recorded.
    error Fails_UnknownBatch(bytes32 batchHash);
    /// @notice The batch has no record at this position.
    error Fails_UnknownPosition(uint256 position);
    /// @notice The trade is not in settlement: disputed, settled or ended otherwise.
    error Fails_NotInSettlement(uint32 tradeNo, Status status);
    /// @notice The trade's last failed day is this one or a later one.
    error Fails_DayRecorded(uint32 tradeNo, uint32 last);
    /// @notice Nothing keeps the trade from settling by itself.
    error Fails_Settleable(uint32 tradeNo);
    /// @notice The venue gave no price of the security for that day.
    error Fails_NoPrice(uint32 day, uint16 asset);
    /// @notice The caller acts for no active institution.
    error Fails_NotActive(address caller);
    /// @notice The caller's institution is neither the venue nor the trade's buyer nor its seller.
    error Fails_NotParty(uint16 institution, uint32 tradeNo);
    /// @notice The trade has not failed on as many days as it must before it is closed (never, where 0).
    error Fails_TooEarly(uint32 tradeNo, uint16 failedDays, uint16 closingAfter);
    /// @notice A trade is closed at the price of its last failed day, no other.
    error Fails_NotLastDay(uint32 tradeNo, uint32 last);
    /// @notice A word names debtor and creditor and nothing else.
    error Fails_InvalidPair(uint256 word);
    /// @notice The register moves at most 2^127 - 1 minor units at once.
    error Fails_ClaimOutOfRange(uint16 debtor, uint16 creditor, uint256 amount);

    /// @notice Gives the caller's reference prices of a day, each once and for good; the same again is passed over.
    /// @param words `asset u16 | zeros | price u128`, price of one unit in millionths of a minor unit of the currency
    /// @custom:access an exchange
    function setPrices(uint32 day, uint16 currency, uint256[] calldata words) external;

    /// @notice Sets what a failed day costs who is short.
    /// @param asset a security: `ratePpm` of the value of what is missing, a day (a basis point is 100); a currency: ppm of
    /// the amount a year, of which a day is the 360th part
    /// @custom:access an exchange and a regulator, each by the same call
    function setPenaltyRate(uint16 asset, uint32 ratePpm) external;

    /// @notice Sets after how many failed days a trade may be compensated; 0 for never.
    /// @custom:access an exchange and a regulator, each by the same call
    function setClosingAfter(uint16 failedDays) external;

    /// @notice Records that trades failed on a day, all of them or none.
    /// @param day not before the batch's intended settlement date, and after the last one that a trade failed on
    /// @custom:access the header's venue, while its cycle is open
    function fail(uint32 day, Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external;

    /// @notice Ends what is left of trades by cash compensation, all of them or none: where the price has risen, a seller
    /// that was failing owes the difference; where it has fallen, a buyer that was. Failing is, on the last failed day, who
    /// was short or held the trade.
    /// @param day the last that each of them failed on, whose price it is done at
    /// @custom:access the header's venue, or the signer of the buyer or the seller of each, while active and no cycle is
    /// open
    function compensate(uint32 day, Header calldata header, bytes32[] calldata records, uint32[] calldata positions)
        external;

    /// @notice Collects claims of the caller's market, each wholly or not at all: those due from before the cycle, whose
    /// debtor's balance covers them. Those of nobody are passed over, so a retry is safe.
    /// @param pairs `debtor u16 | creditor u16 | zeros`
    /// @custom:access an exchange, while its cycle is open
    function collect(uint16 currency, uint256[] calldata pairs) external;

    /// @return the largest price, in millionths of a minor unit
    function MAX_PRICE() external view returns (uint128);

    /// @return price of one unit, in millionths of a minor unit of `currency`, that the venue gave for that day; 0 if none
    /// @custom:access anyone
    function priceOf(uint16 venue, uint32 day, uint16 currency, uint16 asset) external view returns (uint128);

    /// @return rate of the asset, ppm; 0 if none
    /// @custom:access anyone
    function penaltyRateOf(uint16 asset) external view returns (uint32);

    /// @return failed days after which a trade may be compensated; 0 for never
    /// @custom:access anyone
    function closingAfter() external view returns (uint16);

    /// @return what is known of the trade's fails; zeros if none
    /// @custom:access anyone
    function failOf(bytes32 batchHash, uint256 position) external view returns (Fail memory);

    /// @return what `debtor` owes `creditor` by trades of the venue
    /// @custom:access anyone
    function claimOf(uint16 venue, uint16 currency, uint16 debtor, uint16 creditor) external view returns (Claim memory);
}
