// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IRevenueSharing} from "./interfaces/IRevenueSharing.sol";
import {Allocation} from "./libraries/Allocation.sol";
import {Movements} from "./libraries/Movements.sol";
import {RevenueShare, Terms} from "./types/Types.sol";

/// @title RevenueSharing, as IRevenueSharing says
contract RevenueSharing is IRevenueSharing, EIP712 {
    /// @dev Six parties of 40 bits (`party u16 | sharePpm u24`) lie in one word, so that a settlement reads two slots
    /// and writes one for a usual agreement.
    struct Agreement {
        uint128 total;
        uint32 version;
        uint32 period;
        uint48 openedAt;
        uint8 partyCount;
        uint256[4] parties;
    }

    uint64 public constant MIN_PERIOD = 28 days;
    uint256 private constant MAX_PARTIES = 24;
    uint256 private constant A_WORD = 6;
    bytes32 private constant SHARE_TYPEHASH = keccak256("RevenueShare(uint16 party,uint24 sharePpm)");
    bytes32 private constant TERMS_TYPEHASH = keccak256(
        "Terms(uint16 payer,uint16 currency,uint32 version,RevenueShare[] shares)RevenueShare(uint16 party,uint24 sharePpm)"
    );

    IConsortium public immutable CONSORTIUM;
    IAssetRegister public immutable REGISTER;
    IClearingHouse public immutable CLEARING_HOUSE;
    mapping(uint256 payerAndCurrency => Agreement) private _agreements;

    constructor(IConsortium consortium, IAssetRegister register, IClearingHouse clearingHouse)
        EIP712("RevenueSharing", "1")
    {
        CONSORTIUM = consortium;
        REGISTER = register;
        CLEARING_HOUSE = clearingHouse;
    }

    /// @inheritdoc IRevenueSharing
    function conclude(Terms calldata terms, bytes[] calldata signatures) external {
        if (CLEARING_HOUSE.openCycles() != 0) revert RevenueSharing_CycleOpen();
        if (!REGISTER.isCurrency(terms.currency)) revert RevenueSharing_NotCurrency(terms.currency);
        Agreement storage it = _agreement(terms.payer, terms.currency);
        if (it.version != 0) revert RevenueSharing_InForce(terms.payer, terms.currency);
        if (terms.version != 1) revert RevenueSharing_WrongVersion(terms.version, 1);
        _checkShares(terms);
        bytes32 termsHash = hashOf(terms);
        _checkSignatures(terms, termsHash, signatures);
        it.version = terms.version;
        it.period = 1;
        it.openedAt = uint48(block.timestamp);
        it.partyCount = uint8(terms.shares.length);
        for (uint256 i = 0; i < terms.shares.length; ++i) {
            uint256 party = (uint256(terms.shares[i].party) << 24) | terms.shares[i].sharePpm;
            it.parties[i / A_WORD] |= party << (40 * (i % A_WORD));
        }
        emit AgreementConcluded(terms.payer, terms.currency, terms.version, termsHash, terms.shares);
    }

    /// @inheritdoc IRevenueSharing
    function accrue(uint16 currency, uint256[] calldata accruals) external returns (uint256[] memory changes) {
        if (msg.sender != address(CLEARING_HOUSE)) revert RevenueSharing_NotClearingHouse(msg.sender);
        changes = new uint256[](accruals.length * (MAX_PARTIES + 1));
        uint256 n = 0;
        for (uint256 i = 0; i < accruals.length; ++i) {
            uint16 payer = uint16(accruals[i] >> 240);
            Agreement storage it = _agreement(payer, currency);
            uint256 count = it.partyCount;
            if (count == 0) continue;
            uint128 before = it.total;
            uint128 total = before + uint128(accruals[i]);
            it.total = total;
            uint256 given = 0;
            uint256 word;
            for (uint256 k = 0; k < count; ++k) {
                word = k % A_WORD == 0 ? it.parties[k / A_WORD] : word >> 40;
                uint256 share = uint24(word);
                uint256 due = Allocation.floorShare(total, share) - Allocation.floorShare(before, share);
                if (due == 0) continue;
                given += due;
                changes[n++] = Movements.pack(currency, uint16(word >> 24), int128(uint128(due)));
            }
            if (given != 0) changes[n++] = Movements.pack(currency, payer, -int128(uint128(given)));
            emit RevenueAccrued(payer, currency, before, total);
        }
        assembly ("memory-safe") {
            mstore(changes, n)
        }
    }

    /// @inheritdoc IRevenueSharing
    function closePeriod(uint16 payer, uint16 currency) external {
        if (CLEARING_HOUSE.openCycles() != 0) revert RevenueSharing_CycleOpen();
        Agreement storage it = _agreement(payer, currency);
        if (it.version == 0) revert RevenueSharing_NoAgreement(payer, currency);
        RevenueShare[] memory shares = _shares(it);
        _checkParty(payer, currency, shares);
        uint64 closableFrom = it.openedAt + MIN_PERIOD;
        if (block.timestamp < closableFrom) revert RevenueSharing_TooEarly(payer, currency, closableFrom);
        uint256 total = it.total;
        uint256[] memory sharesPpm = new uint256[](shares.length);
        for (uint256 i = 0; i < shares.length; ++i) sharesPpm[i] = shares[i].sharePpm;
        uint256[] memory cleared = Allocation.largestRemainder(total, sharesPpm);
        uint256[] memory movements = new uint256[](shares.length + 1);
        uint256 n = 0;
        for (uint256 i = 0; i < shares.length; ++i) {
            if (cleared[i] != 0) movements[n++] = Movements.pack(currency, shares[i].party, 1);
        }
        if (n != 0) movements[n] = Movements.pack(currency, payer, -int128(uint128(n)));
        assembly ("memory-safe") {
            mstore(movements, add(n, iszero(iszero(n))))
        }
        it.total = 0;
        it.openedAt = uint48(block.timestamp);
        emit PeriodClosed(payer, currency, it.period++, total, cleared);
        REGISTER.settle(movements);
    }

    /// @inheritdoc IRevenueSharing
    function hashOf(Terms calldata terms) public view returns (bytes32) {
        bytes32[] memory shares = new bytes32[](terms.shares.length);
        for (uint256 i = 0; i < shares.length; ++i) {
            shares[i] = keccak256(abi.encode(SHARE_TYPEHASH, terms.shares[i]));
        }
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    TERMS_TYPEHASH, terms.payer, terms.currency, terms.version, keccak256(abi.encodePacked(shares))
                )
            )
        );
    }

    /// @inheritdoc IRevenueSharing
    function given(uint16 payer, uint16 currency, uint256 commission) external view returns (uint256 amount) {
        Agreement storage it = _agreement(payer, currency);
        RevenueShare[] memory shares = _shares(it);
        uint256 total = it.total;
        for (uint256 i = 0; i < shares.length; ++i) {
            uint256 share = shares[i].sharePpm;
            amount += Allocation.floorShare(total + commission, share) - Allocation.floorShare(total, share);
        }
    }

    /// @inheritdoc IRevenueSharing
    function agreement(uint16 payer, uint16 currency)
        external
        view
        returns (uint32 version, uint32 period, uint256 total, RevenueShare[] memory shares)
    {
        Agreement storage it = _agreement(payer, currency);
        return (it.version, it.period, it.total, _shares(it));
    }

    function _checkShares(Terms calldata terms) private pure {
        uint256 count = terms.shares.length;
        if (count == 0 || count > MAX_PARTIES) revert RevenueSharing_PartyCount(count);
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            RevenueShare calldata share = terms.shares[i];
            sum += share.sharePpm;
            if (share.sharePpm == 0 || sum > Allocation.PPM) revert RevenueSharing_InvalidShare(share.party, sum);
            bool twice = share.party == terms.payer;
            for (uint256 k = 0; k < i; ++k) twice = twice || share.party == terms.shares[k].party;
            if (twice) revert RevenueSharing_PartyTwice(share.party);
        }
    }

    function _checkSignatures(Terms calldata terms, bytes32 termsHash, bytes[] calldata signatures) private view {
        uint256 needed = terms.shares.length + 1;
        if (signatures.length != needed) revert RevenueSharing_SignatureCount(signatures.length, needed);
        for (uint256 i = 0; i < needed; ++i) {
            uint16 party = i == 0 ? terms.payer : terms.shares[i - 1].party;
            // Who is suspended stays bound by what it signs, and others may still need its word.
            (bool signed,) = CONSORTIUM.isSignedBy(party, termsHash, signatures[i]);
            if (!signed) revert RevenueSharing_InvalidSignature(party, termsHash);
        }
    }

    function _checkParty(uint16 payer, uint16 currency, RevenueShare[] memory shares) private view {
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        bool isParty = caller == payer;
        for (uint256 i = 0; i < shares.length; ++i) isParty = isParty || caller == shares[i].party;
        if (!isParty || !CONSORTIUM.isActive(caller)) revert RevenueSharing_NotParty(msg.sender, payer, currency);
    }

    function _shares(Agreement storage it) private view returns (RevenueShare[] memory shares) {
        shares = new RevenueShare[](it.partyCount);
        for (uint256 i = 0; i < shares.length; ++i) {
            uint256 word = it.parties[i / A_WORD] >> (40 * (i % A_WORD));
            shares[i] = RevenueShare(uint16(word >> 24), uint24(word));
        }
    }

    function _agreement(uint16 payer, uint16 currency) private view returns (Agreement storage) {
        return _agreements[(uint256(payer) << 16) | currency];
    }
}
