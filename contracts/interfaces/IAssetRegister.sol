// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC6909} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {Asset} from "../types/Types.sol";

/// @title Who holds what
/// @notice One ERC-6909 register of securities and cash. An id is the asset's index: securities from 1, currencies
/// from 0x8001. Holders are institutions' permanent accounts, nobody else; the institution's signer is the operator
/// of its account. Securities count whole units up to 2^64 - 1, currencies minor units up to 2^128 - 1, in supply
/// and so in every balance.
/// @dev `transfer`, `approve` and `setOperator` act for the caller's own address, which is never an account, so they
/// move nothing; what the signer does, it does by `transferFrom`.
interface IAssetRegister is IERC6909 {
    /// @notice An asset exists from now on.
    event AssetListed(uint16 indexed asset, bytes32 indexed code, uint16 indexed issuer, uint8 decimals);
    /// @notice `issuer` credited what the Transfers of this transaction show, under its reference.
    event Issued(uint16 indexed issuer, bytes32 indexed instructionReference, uint256 movements);
    /// @notice `holder` gave `amount` back to `issuer`, which owes it the deposit or the certificate.
    event Redeemed(
        uint16 indexed holder, bytes32 indexed instructionReference, uint16 indexed asset, uint16 issuer, uint256 amount
    );

    /// @notice The caller is not one of the contracts that settle.
    error AssetRegister_NotSettlement(address caller);
    /// @notice The caller does not act for an active institution that holds the account.
    error AssetRegister_NotSigner(address caller);
    /// @notice Only institutions' accounts hold assets.
    error AssetRegister_NotAccount(address account);
    /// @notice The institution is suspended, or not admitted.
    error AssetRegister_Inactive(uint16 institution);
    /// @notice No asset has this index.
    error AssetRegister_UnknownAsset(uint256 asset);
    /// @notice Codes are given once, and are not empty.
    error AssetRegister_CodeTaken(bytes32 code);
    /// @notice There is no index left for another asset of this kind.
    error AssetRegister_Full();
    /// @notice The asset is another institution's to issue.
    error AssetRegister_NotIssuer(uint16 institution, uint16 asset);
    /// @notice The institution used this reference before.
    error AssetRegister_ReferenceUsed(uint16 institution, bytes32 instructionReference);
    /// @notice The balance (units or minor units) does not cover the change, or could not hold it.
    error AssetRegister_BalanceOutOfRange(uint16 institution, uint16 asset, uint256 balance, int256 delta);
    /// @notice Supply would pass the largest that the asset can have.
    error AssetRegister_SupplyOutOfRange(uint16 asset, uint256 supply);
    /// @notice The movements of a settlement do not sum to zero in this asset; `excess` would remain in transit.
    error AssetRegister_NotConserved(uint16 asset, int256 excess);
    /// @notice An issue has at least one movement.
    error AssetRegister_NothingToIssue();
    /// @notice An issue credits; this movement takes, or is nothing.
    error AssetRegister_NotCredit(uint16 institution, uint16 asset, int256 delta);
    /// @notice Lists that belong together have one length.
    error AssetRegister_LengthMismatch(uint256 owners, uint256 ids);
    /// @notice While a settlement cycle is open, institutions' own transfers and redemptions wait.
    error AssetRegister_CycleOpen();

    /// @notice Lists securities and gives them the next indexes.
    /// @return first index given
    /// @custom:access a depository, which becomes their issuer
    function listSecurities(bytes32[] calldata codes) external returns (uint16 first);

    /// @notice Lists a currency: commercial bank money of the bank that lists it.
    /// @return asset the index given
    /// @custom:access a settlement bank, which becomes its issuer
    function listCurrency(bytes32 code, uint8 decimals) external returns (uint16 asset);

    /// @notice Credits institutions, all of it or none of it. Movements as in the library Movements, deltas positive.
    /// @param instructionReference of the issuer's own, used once
    /// @custom:access the issuer of every asset named
    function issue(bytes32 instructionReference, uint256[] calldata movements) external;

    /// @notice Gives up part of the caller's own holding, against what its issuer owes for it.
    /// @param instructionReference of the holder's own, used once
    /// @custom:access the holder's signer, while active and no cycle is open
    function redeem(bytes32 instructionReference, uint16 asset, uint256 amount) external;

    /// @notice Applies the net movements of a settlement, as Transfers to and from the transit account, or reverts.
    /// The order of these Transfers within a transaction means nothing.
    /// @custom:access the contracts ClearingHouse, RevenueSharing, Fails and DefaultFund
    function settle(uint256[] calldata movements) external;

    /// @notice Many balances at once, `owners[i]` of `ids[i]`; as in ERC-1155, for who checks a whole cycle.
    /// @custom:access anyone
    function balanceOfBatch(address[] calldata owners, uint256[] calldata ids) external view returns (uint256[] memory);

    /// @return the asset; reverts where there is none
    /// @custom:access anyone
    function asset(uint16 index) external view returns (Asset memory);

    /// @return index of the asset with that code, 0 if none
    /// @custom:access anyone
    function assetCoded(bytes32 code) external view returns (uint16);

    /// @return securities ever listed; indexes from 1
    /// @custom:access anyone
    function securityCount() external view returns (uint16);

    /// @return currencies ever listed; indexes from 0x8001
    /// @custom:access anyone
    function currencyCount() external view returns (uint16);

    /// @return true where the index is a currency's
    /// @custom:access anyone
    function isCurrency(uint16 index) external view returns (bool);

    /// @return true where the institution used the reference
    /// @custom:access anyone
    function referenceUsed(uint16 institution, bytes32 instructionReference) external view returns (bool);

    /// @return units or minor units in existence (ERC-6909's token supply extension)
    /// @custom:access anyone
    function totalSupply(uint256 id) external view returns (uint256);

    /// @return digits after the point (ERC-6909's metadata extension)
    /// @custom:access anyone
    function decimals(uint256 id) external view returns (uint8);

    /// @return the asset's code (ERC-6909's metadata extension)
    /// @custom:access anyone
    function symbol(uint256 id) external view returns (string memory);

    /// @return the asset's code: the register has no other name for it (ERC-6909's metadata extension)
    /// @custom:access anyone
    function name(uint256 id) external view returns (string memory);
}
