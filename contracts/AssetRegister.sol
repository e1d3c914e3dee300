// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC6909} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {Accounts} from "./libraries/Accounts.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {Movements} from "./libraries/Movements.sol";
import {Asset, Role} from "./types/Types.sol";

/// @title AssetRegister, as IAssetRegister says
/// @dev Balances are kept by index, not by address: four securities of 64 bits share a slot, a currency has one to
/// itself. A settlement writes a slot once for up to four net movements, which are its largest cost.
contract AssetRegister is IAssetRegister, ERC6909 {
    using Bitmaps for uint256[];
    using Movements for uint256;

    /// @dev Where a balance lies: the word's key, the shift within it and the largest value it holds.
    struct Place {
        uint256 key;
        uint256 shift;
        uint256 largest;
    }

    uint16 private constant CURRENCY = 0x8000;
    IConsortium public immutable CONSORTIUM;
    IClearingHouse public immutable CLEARING_HOUSE;
    address public immutable REVENUE_SHARING;
    address public immutable FAILS;
    address public immutable DEFAULT_FUND;

    uint16 public securityCount;
    uint16 public currencyCount;
    mapping(uint16 index => Asset) private _assets;
    mapping(bytes32 code => uint16 index) public assetCoded;
    mapping(uint16 institution => mapping(bytes32 instructionReference => bool)) public referenceUsed;
    /// @dev Key: asset u16, of four securities the first, and institution u16.
    mapping(uint256 key => uint256 word) private _words;

    constructor(
        IConsortium consortium,
        IClearingHouse clearingHouse,
        address revenueSharing,
        address fails,
        address defaultFund
    ) {
        CONSORTIUM = consortium;
        CLEARING_HOUSE = clearingHouse;
        REVENUE_SHARING = revenueSharing;
        FAILS = fails;
        DEFAULT_FUND = defaultFund;
    }

    /// @inheritdoc IAssetRegister
    function listSecurities(bytes32[] calldata codes) external returns (uint16 first) {
        uint16 issuer = CONSORTIUM.actingAs(msg.sender, Role.DEPOSITORY);
        first = securityCount + 1;
        if (securityCount + codes.length >= CURRENCY) revert AssetRegister_Full();
        for (uint256 i = 0; i < codes.length; ++i) {
            _list(++securityCount, codes[i], issuer, 0);
        }
    }

    /// @inheritdoc IAssetRegister
    function listCurrency(bytes32 code, uint8 decimals_) external returns (uint16 index) {
        uint16 issuer = CONSORTIUM.actingAs(msg.sender, Role.SETTLEMENT_BANK);
        if (currencyCount == CURRENCY - 1) revert AssetRegister_Full();
        index = CURRENCY | ++currencyCount;
        _list(index, code, issuer, decimals_);
    }

    /// @inheritdoc IAssetRegister
    function issue(bytes32 instructionReference, uint256[] calldata movements) external {
        if (movements.length == 0) revert AssetRegister_NothingToIssue();
        uint16 issuer = _signedBy(msg.sender);
        _useReference(issuer, instructionReference);
        uint256[] memory active = CONSORTIUM.active();
        for (uint256 i = 0; i < movements.length; ++i) {
            uint256 m = movements[i];
            uint16 index = m.assetOf();
            if ((i == 0 || index != movements[i - 1].assetOf()) && asset(index).issuer != issuer) {
                revert AssetRegister_NotIssuer(issuer, index);
            }
            uint16 holder = m.institutionOf();
            if (holder >> 8 >= active.length || !active.contains(holder)) revert AssetRegister_Inactive(holder);
            if (m.deltaOf() <= 0) revert AssetRegister_NotCredit(holder, index, m.deltaOf());
        }
        _apply(movements, address(0));
        emit Issued(issuer, instructionReference, movements.length);
    }

    /// @inheritdoc IAssetRegister
    function redeem(bytes32 instructionReference, uint16 index, uint256 amount) external {
        uint16 holder = _signedBy(msg.sender);
        _useReference(holder, instructionReference);
        uint16 issuer = asset(index).issuer;
        _burn(Accounts.addressOf(holder), index, amount);
        _assets[index].supply -= uint128(amount);
        emit Redeemed(holder, instructionReference, index, issuer, amount);
    }

    /// @inheritdoc IAssetRegister
    function settle(uint256[] calldata movements) external {
        if (
            msg.sender != address(CLEARING_HOUSE) && msg.sender != REVENUE_SHARING && msg.sender != FAILS
                && msg.sender != DEFAULT_FUND
        ) revert AssetRegister_NotSettlement(msg.sender);
        _apply(movements, Accounts.addressOf(0));
    }

    /// @inheritdoc IAssetRegister
    function asset(uint16 index) public view returns (Asset memory found) {
        found = _assets[index];
        if (found.code == 0) revert AssetRegister_UnknownAsset(index);
    }

    /// @inheritdoc IAssetRegister
    function isCurrency(uint16 index) external view returns (bool) {
        return index > CURRENCY && index <= CURRENCY | currencyCount;
    }

    /// @inheritdoc IERC6909
    function balanceOf(address owner, uint256 id) public view override(ERC6909, IERC6909) returns (uint256) {
        (bool isAccount, uint16 holder) = Accounts.indexOf(owner);
        if (!isAccount || id > type(uint16).max) return 0;
        return _balance(_place(holder, uint16(id)));
    }

    /// @inheritdoc IAssetRegister
    function balanceOfBatch(address[] calldata owners, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory balances)
    {
        if (owners.length != ids.length) revert AssetRegister_LengthMismatch(owners.length, ids.length);
        balances = new uint256[](owners.length);
        for (uint256 i = 0; i < owners.length; ++i) {
            balances[i] = balanceOf(owners[i], ids[i]);
        }
    }

    /// @notice True where `spender` is the signer of the active institution whose account `owner` is.
    /// @inheritdoc IERC6909
    function isOperator(address owner, address spender) public view override(ERC6909, IERC6909) returns (bool) {
        (bool isAccount, uint16 index) = Accounts.indexOf(owner);
        if (!isAccount || index == 0) return super.isOperator(owner, spender);
        return CONSORTIUM.institutionOf(spender) == index && CONSORTIUM.isActive(index);
    }

    /// @notice As ERC-6909 says; of an institution's account only its signer moves anything, not even nothing.
    /// @inheritdoc IERC6909
    function transferFrom(address sender, address receiver, uint256 id, uint256 amount)
        public
        override(ERC6909, IERC6909)
        returns (bool)
    {
        (bool isAccount,) = Accounts.indexOf(sender);
        if (isAccount && !isOperator(sender, msg.sender)) revert AssetRegister_NotSigner(msg.sender);
        return super.transferFrom(sender, receiver, id, amount);
    }

    /// @inheritdoc IAssetRegister
    function totalSupply(uint256 id) external view returns (uint256) {
        return _assets[_index(id)].supply;
    }

    /// @inheritdoc IAssetRegister
    function decimals(uint256 id) external view returns (uint8) {
        return _assets[_index(id)].decimals;
    }

    /// @inheritdoc IAssetRegister
    function symbol(uint256 id) public view returns (string memory text) {
        bytes32 code = asset(_index(id)).code;
        uint256 length = 0;
        while (length < 32 && code[length] != 0) ++length;
        text = string(abi.encodePacked(code));
        assembly ("memory-safe") {
            mstore(text, length)
        }
    }

    /// @inheritdoc IAssetRegister
    function name(uint256 id) external view returns (string memory) {
        return symbol(id);
    }

    /// @dev The single movements of ERC-6909: transfers and redemptions by institutions. The bulk path is `_apply`.
    function _update(address from, address to, uint256 id, uint256 amount) internal override {
        if (CLEARING_HOUSE.openCycles() != 0) revert AssetRegister_CycleOpen();
        uint16 index = _index(id);
        int256 credit = amount > uint256(type(int256).max) ? type(int256).max : int256(amount);
        _change(_holder(from), index, -credit);
        if (to != address(0)) _change(_holder(to), index, credit);
        emit Transfer(msg.sender, from, to, id, amount);
    }

    /// @dev Applies movements a group of assets at a time and closes each group: of a settlement nothing may remain in
    /// transit; what comes from the zero address is new supply.
    function _apply(uint256[] calldata movements, address counterpart) private {
        uint256 institutions = CONSORTIUM.institutionCount();
        uint256 i = 0;
        while (i < movements.length) {
            uint256 group = _place(0, movements[i].assetOf()).key >> 16;
            int256[4] memory sums;
            bool refused;
            (i, refused) = _applyGroup(movements, i, institutions, counterpart, sums);
            if (refused) _refuse(movements[i]);
            for (uint256 lane = 0; lane < 4; ++lane) {
                if (sums[lane] != 0) _close(uint16(group + lane), sums[lane], counterpart);
            }
        }
    }

    /// @dev The inner loop of a settlement: from movement `i` on, as long as they are of one group. Each slot is read
    /// and written once, each movement emits ERC-6909's Transfer, and `sums` takes what each lane gained.
    /// @return next the first movement of another group, or the one refused
    /// @return refused true where a balance does not allow it, or it names nobody
    function _applyGroup(
        uint256[] calldata movements,
        uint256 i,
        uint256 institutions,
        address counterpart,
        int256[4] memory sums
    ) private returns (uint256 next, bool refused) {
        uint160 prefix = Accounts.PREFIX;
        bytes32 topic = Transfer.selector;
        assembly ("memory-safe") {
            let p := add(movements.offset, shl(5, i))
            let last := not(0) // no key
            let slot := 0
            let word := 0
            for { let end := add(movements.offset, shl(5, movements.length)) } lt(p, end) { p := add(p, 0x20) } {
                let m := calldataload(p)
                let isSecurity := iszero(shr(255, m))
                // asset, without its lane if a security, and institution
                let key := and(shr(224, m), not(mul(isSecurity, 0x30000)))
                if xor(key, last) {
                    if slot {
                        sstore(slot, word)
                        if xor(shr(16, key), shr(16, last)) { break }
                    }
                    // Institution 0 wraps around and is above them all.
                    if iszero(lt(sub(and(key, 0xffff), 1), institutions)) {
                        refused := 1
                        break
                    }
                    mstore(0, key)
                    mstore(0x20, _words.slot)
                    slot := keccak256(0, 0x40)
                    word := sload(slot)
                    last := key
                }
                let delta := signextend(15, m)
                {
                    let shift := mul(isSecurity, and(shr(234, m), 0xc0))
                    // 64 bits of a security; of a currency more than its supply, which bounds it, can come to.
                    let largest := shr(shl(isSecurity, 96), not(0))
                    // A balance is at most `largest`; a sum below zero wraps around and is above it.
                    if gt(add(and(shr(shift, word), largest), delta), largest) {
                        refused := 1
                        sstore(slot, word) // for who says what the balance is by now
                        break
                    }
                    word := add(word, shl(shift, delta))
                    let sum := add(sums, shr(1, shift))
                    mstore(sum, add(mload(sum), delta))
                }
                let account := or(prefix, and(key, 0xffff))
                mstore(0, caller())
                switch slt(delta, 0)
                case 0 {
                    mstore(0x20, delta)
                    log4(0, 0x40, topic, counterpart, account, shr(240, m))
                }
                default {
                    mstore(0x20, sub(0, delta))
                    log4(0, 0x40, topic, account, counterpart, shr(240, m))
                }
            }
            // Where the loop ended with the list, the last word is still to be written.
            if iszero(lt(p, add(movements.offset, shl(5, movements.length)))) { sstore(slot, word) }
            next := shr(5, sub(p, movements.offset))
        }
    }

    /// @dev Says why a movement cannot be.
    function _refuse(uint256 movement) private view {
        (uint16 holder, uint16 index) = (movement.institutionOf(), movement.assetOf());
        if (holder == 0 || holder > CONSORTIUM.institutionCount()) {
            revert AssetRegister_NotAccount(Accounts.addressOf(holder));
        }
        revert AssetRegister_BalanceOutOfRange(holder, index, _balance(_place(holder, index)), movement.deltaOf());
    }

    function _close(uint16 index, int256 sum, address counterpart) private {
        if (counterpart != address(0)) revert AssetRegister_NotConserved(index, sum);
        uint256 supply = uint256(_assets[index].supply) + uint256(sum);
        if (supply > _place(0, index).largest) revert AssetRegister_SupplyOutOfRange(index, supply);
        _assets[index].supply = uint128(supply);
    }

    function _balance(Place memory place) private view returns (uint256) {
        return (_words[place.key] >> place.shift) & place.largest;
    }

    function _change(uint16 holder, uint16 index, int256 delta) private {
        Place memory place = _place(holder, index);
        uint256 balance = _balance(place);
        unchecked {
            uint256 changed = uint256(int256(balance) + delta);
            if (changed > place.largest) revert AssetRegister_BalanceOutOfRange(holder, index, balance, delta);
            _words[place.key] += uint256(delta) << place.shift;
        }
    }

    function _place(uint16 holder, uint16 index) private pure returns (Place memory) {
        if (index & CURRENCY != 0) return Place((uint256(index) << 16) | holder, 0, type(uint128).max);
        return Place((uint256(index & ~uint16(3)) << 16) | holder, uint256(index & 3) << 6, type(uint64).max);
    }

    function _list(uint16 index, bytes32 code, uint16 issuer, uint8 decimals_) private {
        if (code == 0 || assetCoded[code] != 0) revert AssetRegister_CodeTaken(code);
        assetCoded[code] = index;
        _assets[index] = Asset(code, issuer, decimals_, 0);
        emit AssetListed(index, code, issuer, decimals_);
    }

    function _useReference(uint16 user, bytes32 instructionReference) private {
        if (referenceUsed[user][instructionReference]) {
            revert AssetRegister_ReferenceUsed(user, instructionReference);
        }
        referenceUsed[user][instructionReference] = true;
    }

    function _signedBy(address signer) private view returns (uint16 index) {
        index = CONSORTIUM.institutionOf(signer);
        if (index == 0 || !CONSORTIUM.isActive(index)) revert AssetRegister_NotSigner(signer);
    }

    /// @dev The active institution whose account this is.
    function _holder(address account) private view returns (uint16 index) {
        bool isAccount;
        (isAccount, index) = Accounts.indexOf(account);
        if (!isAccount || index == 0) revert AssetRegister_NotAccount(account);
        if (!CONSORTIUM.isActive(index)) revert AssetRegister_Inactive(index);
    }

    function _index(uint256 id) private view returns (uint16 index) {
        index = uint16(id);
        if (id > type(uint16).max || _assets[index].code == 0) revert AssetRegister_UnknownAsset(id);
    }
}
