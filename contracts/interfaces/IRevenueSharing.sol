// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {RevenueShare, Terms} from "../types/Types.sol";

/// @title Who is owed what part of whose commission
/// @notice An agreement gives parts of one payer's commission in one currency to its parties. Every party has signed
/// it. Entitlements are cumulative: of the running total T of the period each party has been paid
/// floor(T * share / 1,000,000), so neither the order nor the splitting of payments shifts a unit between parties.
/// What is not yet a whole unit stays with the payer; closing the period clears it by largest remainder.
interface IRevenueSharing {
    /// @notice All parties signed; the agreement is in force.
    event AgreementConcluded(
        uint16 indexed payer, uint16 indexed currency, uint32 version, bytes32 termsHash, RevenueShare[] shares
    );
    /// @notice Commission was earned and shared. The total of the period went from `totalBefore` to `totalAfter`
    /// (minor units); each party received the difference of its floors.
    event RevenueAccrued(uint16 indexed payer, uint16 indexed currency, uint256 totalBefore, uint256 totalAfter);
    /// @notice The period ended with `total`; `cleared` lists what each party still received, in the agreement's
    /// order (minor units, each 0 or 1).
    event PeriodClosed(uint16 indexed payer, uint16 indexed currency, uint32 period, uint256 total, uint256[] cleared);

    /// @notice Only the clearing house reports commission.
    error RevenueSharing_NotClearingHouse(address caller);
    /// @notice The caller acts for no party of the agreement.
    error RevenueSharing_NotParty(address caller, uint16 payer, uint16 currency);
    /// @notice One signature is needed for the payer and for each party, in this order.
    error RevenueSharing_SignatureCount(uint256 given, uint256 needed);
    /// @notice The signature is not that of the institution's signer under these terms.
    error RevenueSharing_InvalidSignature(uint16 institution, bytes32 termsHash);
    /// @notice The version must be the next one.
    error RevenueSharing_WrongVersion(uint32 given, uint32 next);
    /// @notice The payer has an agreement in this currency already.
    error RevenueSharing_InForce(uint16 payer, uint16 currency);
    /// @notice The payer has no agreement in this currency.
    error RevenueSharing_NoAgreement(uint16 payer, uint16 currency);
    /// @notice An agreement has 1 to 24 parties.
    error RevenueSharing_PartyCount(uint256 count);
    /// @notice A party is named twice, or is the payer.
    error RevenueSharing_PartyTwice(uint16 party);
    /// @notice A party's share is not zero, and the sum of all is at most 1,000,000 ppm.
    error RevenueSharing_InvalidShare(uint16 party, uint256 sumPpm);
    /// @notice The asset is not a currency of the register.
    error RevenueSharing_NotCurrency(uint16 asset);
    /// @notice The period can be closed from `closableFrom` (seconds) on.
    error RevenueSharing_TooEarly(uint16 payer, uint16 currency, uint64 closableFrom);
    /// @notice While a settlement cycle is open, what a settlement will take from whom does not change.
    error RevenueSharing_CycleOpen();

    /// @notice Puts an agreement into force, while no cycle is open.
    /// @param signatures EIP-712 (or ERC-1271) of the payer's signer, then of each party's, under `hashOf(terms)`
    /// @custom:access anyone; the signatures authorise
    function conclude(Terms calldata terms, bytes[] calldata signatures) external;

    /// @notice Adds commission to the payers' totals and says what each institution's cash changes by.
    /// @param accruals one word a payer: `payer u16 | zeros | commission u128` in minor units
    /// @return changes Movements of `currency`: what payers give away (negative) and parties receive
    /// @custom:access the clearing house, which settles these changes in the same transaction
    function accrue(uint16 currency, uint256[] calldata accruals) external returns (uint256[] memory changes);

    /// @notice Ends the period: clears what was below a unit by largest remainder and starts the total anew.
    /// A period lasts MIN_PERIOD at least: who could close it at will would close it whenever its own fraction is the
    /// largest, a unit at a time.
    /// @custom:access the payer's or a party's signer, while active, after MIN_PERIOD and while no cycle is open
    function closePeriod(uint16 payer, uint16 currency) external;

    /// @return seconds that a period lasts at least
    function MIN_PERIOD() external view returns (uint64);

    /// @return EIP-712 digest that the parties sign
    /// @custom:access anyone
    function hashOf(Terms calldata terms) external view returns (bytes32);

    /// @return amount that the payer would give away if it earned so much commission now, minor units
    /// @custom:access anyone
    function given(uint16 payer, uint16 currency, uint256 commission) external view returns (uint256 amount);

    /// @return version of the agreement in force, 0 if none
    /// @return period number, from 1
    /// @return total commission of the period, minor units
    /// @return shares in the agreement's order
    /// @custom:access anyone
    function agreement(uint16 payer, uint16 currency)
        external
        view
        returns (uint32 version, uint32 period, uint256 total, RevenueShare[] memory shares);
}
