// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Default, Listed, Notice, Purse, Rates, Step} from "../types/Fund.sol";
import {Header, Status} from "../types/Types.sol";

/// @title Margin, contributions, and the waterfall when a member defaults
/// @notice The fund guarantees replacement cost, as far as it reaches; it does not novate. Its money is cash of the
/// register, in the account of an institution of its own whose signer is this contract. The operator admits it.
///
/// A member's requirements follow from its trades, at rates that an exchange and a regulator set together: margin of what
/// is still to be settled, a contribution of all that a venue lists, of the whole amount for both sides, rounded up. Only
/// trades count whose batch the member itself has affirmed, so no venue asks for money on trades that it made up. A trade
/// that a side excepted, that ended otherwise than by settling, or of a broker with itself needs neither; one disputed
/// after both affirmed counts like any other, or a member would dispute what it has to pay for. What a suspended member
/// would have to contribute is not asked for. Requirements of several venues add up.
///
/// When a suspended member is declared in default, each venue closes out its trades at the prices of one day, which the
/// declaration fixes. What replacing a trade at that price costs the other side is its loss, rounded down, and the sum
/// of its losses is its claim; what replacing one brings it, it keeps. A trade gives a claim only if both sides have
/// affirmed it. One that a side excepted never was irrevocable and gives none; a dispute raised later takes no claim
/// away, or the defaulter would dispute what it cannot pay. A trade between two members in default at the time gives no
/// claim: neither may draw on the fund. Nor does one of the defaulter with itself.
/// What a member owes by compensation and penalties (see IFails) needs no margin and is no claim here: a trade that was
/// compensated, which either side may ask for after so many failed days, has left the fund's guarantee.
///
/// The waterfall pays claims, each step as far as the last left something: the defaulter's margin, its contribution, the
/// capital of the venues (each answers for the part of the loss that arose on it, no more), the other members'
/// contributions pro rata, but for those of members in default themselves, whose own defaults need them. What is
/// uncovered the claimants bear pro rata. Parts are exact to the minor unit: largest remainder, ties to the lower index.
/// What is left of the defaulter's margin and contribution goes back to its account.
interface IDefaultFund {
    /// @notice Money came into a purse, which has `balance` now. Minor units.
    event Deposited(
        uint16 indexed institution, uint16 indexed currency, Purse indexed purse, uint256 amount, uint256 balance
    );
    /// @notice Money went from a purse, which has `balance` now, back to its institution. Minor units.
    event Released(
        uint16 indexed institution, uint16 indexed currency, Purse indexed purse, uint256 amount, uint256 balance
    );
    /// @notice The institution may take out `amount` (minor units) from `from` (seconds) on, for NOTICE_PERIOD.
    event NoticeGiven(
        uint16 indexed institution, uint16 indexed currency, Purse indexed purse, uint128 amount, uint64 from
    );
    /// @notice Calls in this currency go by these rates from now on.
    event RatesSet(uint16 indexed currency, uint24 marginPpm, uint24 contributionPpm);
    /// @notice The venue's requirements of all members follow from these batches now, and from no earlier call.
    event RequirementsCalled(uint16 indexed venue, uint16 indexed currency, uint32 indexed call, bytes32[] batchHashes);
    /// @notice Of all venues together the member is required to have `required`; `taken` came from its account, and
    /// `missing` is what it still lacks. Minor units.
    event Called(
        uint16 indexed institution,
        uint16 indexed currency,
        Purse indexed purse,
        uint256 required,
        uint256 taken,
        uint256 missing
    );
    /// @notice The institution cannot pay in this currency; its trades are closed out at the prices of `day`.
    event DefaultDeclared(uint256 indexed id, uint16 indexed institution, uint16 indexed currency, uint32 day);
    /// @notice The trade has ended. What was left of it is worth `value` at `price` (millionths of a minor unit for a
    /// unit), and replacing it costs the claimant `loss`; minor units. No claimant: claimant, price, value and loss are
    /// 0.
    event TradeClosedOut(
        uint256 indexed id,
        bytes32 indexed batchHash,
        uint32 indexed tradeNo,
        uint128 price,
        uint256 value,
        uint16 claimant,
        uint256 loss
    );
    /// @notice The institution bears `amount` (minor units, not zero) of the loss in this step.
    event WaterfallStep(uint256 indexed id, Step indexed step, uint16 indexed institution, uint256 amount);
    /// @notice The claimant got `paid` of what it claimed, minor units.
    event ClaimantPaid(uint256 indexed id, uint16 indexed claimant, uint256 claim, uint256 paid);
    /// @notice The waterfall has run; nothing of this default changes any more. Minor units.
    event DefaultFinished(uint256 indexed id, uint256 loss, uint256 uncovered);

    /// @notice No institution has this contract for its signer, or it is another than the one that holds the money.
    error DefaultFund_NoAccount();
    /// @notice The caller does not act for an active institution.
    error DefaultFund_NotMember(address caller);
    /// @notice The asset is not a currency of the register.
    error DefaultFund_NotCurrency(uint16 asset);
    /// @notice An amount is at least one minor unit and at most 2^127 - 1.
    error DefaultFund_AmountOutOfRange(uint256 amount);
    /// @notice While a settlement cycle is open, cash that it may need does not move.
    error DefaultFund_CycleOpen();
    /// @notice While a default is open in a currency, nobody takes its money out of the fund.
    error DefaultFund_DefaultOpen(uint16 currency);
    /// @notice Only what is above the requirement may go, which is `free` minor units.
    error DefaultFund_NotFree(uint16 institution, uint16 currency, Purse purse, uint256 amount, uint256 free);
    /// @notice Contributions and capital leave after notice only, within NOTICE_PERIOD from `from` (seconds). The notice
    /// given is for `noticed` minor units.
    error DefaultFund_NoNotice(uint16 institution, uint16 currency, Purse purse, uint256 noticed, uint64 from);
    /// @notice Margin needs no notice.
    error DefaultFund_NeedsNoNotice();
    /// @notice A rate is at most 1,000,000 ppm.
    error DefaultFund_InvalidRate(uint256 ratePpm);
    /// @notice The caller acts for another institution than the header's venue.
    error DefaultFund_NotVenue(uint16 caller, uint16 venue);
    /// @notice The batch is in another currency.
    error DefaultFund_OtherCurrency(uint16 given, uint16 currency);
    /// @notice No batch with this header and these records was recorded.
    error DefaultFund_UnknownBatch(bytes32 batchHash);
    /// @notice Batches are listed by their hashes, strictly increasing, so that none counts twice.
    error DefaultFund_BatchOrder(uint256 position);
    /// @notice Only a suspended institution is in default, and only while it is are its trades closed out.
    error DefaultFund_NotSuspended(uint16 institution);
    /// @notice The institution's default in this currency is open already.
    error DefaultFund_AlreadyOpen(uint256 id);
    /// @notice No such default, or it is finished.
    error DefaultFund_NotOpen(uint256 id);
    /// @notice What was recorded after the declaration (seconds) is none of the default.
    error DefaultFund_RecordedAfter(bytes32 batchHash, uint64 recordedAt, uint64 declaredAt);
    /// @notice The trade has ended already, or there is none at this position.
    error DefaultFund_Ended(bytes32 batchHash, uint256 position, Status status);
    /// @notice The trade is not the defaulter's.
    error DefaultFund_NotParty(bytes32 batchHash, uint32 tradeNo, uint16 institution);
    /// @notice The venue has given no price for that day.
    error DefaultFund_NoPrice(uint16 venue, uint32 day, uint16 currency, uint16 asset);
    /// @notice What a trade is worth is below 2^128 minor units.
    error DefaultFund_ValueOutOfRange(bytes32 batchHash, uint32 tradeNo, uint256 value);
    /// @notice Who finishes a default says what the loss is, so that both mean the same; it is another.
    error DefaultFund_OtherLoss(uint256 id, uint256 given, uint256 loss);

    /// @notice Withdraws whatever the operator nominated to become signer of the fund's account. Who could replace this
    /// contract as signer could move the members' money.
    /// @custom:access anyone
    function object() external;

    /// @notice Pays into the caller's purse from its account.
    /// @param amount minor units
    /// @custom:access the signer of an active institution, for CAPITAL an exchange's, while no cycle is open
    function deposit(Purse purse, uint16 currency, uint256 amount) external;

    /// @notice Pays back to the caller's account what its purse has above the requirement.
    /// @param amount minor units
    /// @custom:access the signer of an active institution, while no cycle is open and no default in the currency; for
    /// CONTRIBUTION and CAPITAL after notice
    function release(Purse purse, uint16 currency, uint256 amount) external;

    /// @notice Says that so much will be taken out of the purse, which answers for defaults until then; replaces an
    /// earlier notice. Without it a member would take its money out in sight of a default.
    /// @param amount minor units; 0 to take the notice back
    /// @custom:access the signer of an active institution
    function giveNotice(Purse purse, uint16 currency, uint128 amount) external;

    /// @notice Sets the rates of a currency, for calls from now on.
    /// @custom:access an exchange and a regulator
    function setRates(uint16 currency, uint24 marginPpm, uint24 contributionPpm) external;

    /// @notice Replaces the caller's requirements of all members in a currency by what follows from the batches listed, and
    /// takes what members lack from their accounts, as far as it is there: margin first. Of a member in default nothing
    /// is taken; while any default in the currency is open, no contribution is, so that nobody answers for it with more
    /// than it had in. Costs some 9,000 gas a record.
    /// @param listed the venue's own batches in this currency; none for no requirements
    /// @custom:access an exchange, while no cycle is open
    function callRequirements(uint16 currency, Listed[] calldata listed) external;

    /// @notice Opens an institution's default in a currency.
    /// @param day yyyymmdd, whose prices its trades are closed out at
    /// @custom:access an exchange and a regulator
    function declareDefault(uint16 institution, uint16 currency, uint32 day) external;

    /// @notice Closes out trades of the defaulter that have neither settled nor ended otherwise, what is left of each.
    /// Costs some 45,000 gas a trade.
    /// @param records all of the batch, re-sent
    /// @param positions of the trades in it
    /// @custom:access the header's venue, an active exchange, while the defaulter is suspended
    function closeOut(uint256 id, Header calldata header, bytes32[] calldata records, uint256[] calldata positions)
        external;

    /// @notice Runs the waterfall and pays the claims. What was not closed out by then gives no claim. Costs some 40,000
    /// gas for an institution that contributes and claims, and 12,500 for one that does neither.
    /// @param loss what the claimants claim together, minor units
    /// @custom:access an exchange and a regulator, while no cycle is open
    function finish(uint256 id, uint128 loss) external;

    /// @return seconds between a notice and the release, and seconds that it holds from then
    function NOTICE_PERIOD() external view returns (uint64);

    /// @return index of the institution whose account has the money, 0 before there was any
    /// @custom:access anyone
    function account() external view returns (uint16);

    /// @return minor units in a purse
    /// @custom:access anyone
    function purseOf(uint16 institution, uint16 currency, Purse purse) external view returns (uint256);

    /// @return minor units that all venues together require in the purse. What a venue required that is no exchange any
    /// more does not count.
    /// @custom:access anyone
    function requiredOf(uint16 institution, uint16 currency, Purse purse) external view returns (uint256);

    /// @return the newest notice; amount 0 if none
    /// @custom:access anyone
    function noticeOf(uint16 institution, uint16 currency, Purse purse) external view returns (Notice memory);

    /// @return rates in force
    /// @custom:access anyone
    function ratesOf(uint16 currency) external view returns (Rates memory);

    /// @return defaults ever declared; ids from 1
    /// @custom:access anyone
    function defaultCount() external view returns (uint256);

    /// @return the default; reverts where there is none
    /// @custom:access anyone
    function defaultOf(uint256 id) external view returns (Default memory);

    /// @return id of the institution's open default in the currency, 0 if none
    /// @custom:access anyone
    function openDefaultOf(uint16 institution, uint16 currency) external view returns (uint256);

    /// @return number of defaults open in the currency
    /// @custom:access anyone
    function openDefaults(uint16 currency) external view returns (uint256);

    /// @return minor units that the institution claims
    /// @custom:access anyone
    function claimOf(uint256 id, uint16 claimant) external view returns (uint256);
}
