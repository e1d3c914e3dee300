// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {ILimits} from "./interfaces/ILimits.sol";
import {Accounts} from "./libraries/Accounts.sol";
import {Joint} from "./libraries/Joint.sol";
import {Movements} from "./libraries/Movements.sol";

/// @title Limits, as ILimits says
/// @dev Which places have limits is in bitmaps, a word for four assets and 64 institutions: movements come in that order,
/// so most cost a few operations and no storage read.
contract Limits is ILimits, Joint {
    using Movements for uint256;

    /// @dev What lies above the limits' values, so that zero in storage is no limit.
    struct Limit {
        uint128 belowNonePosition;
        uint128 belowNoneExposure;
    }

    struct Taken {
        uint64 day;
        int192 amount;
    }

    uint128 public constant NONE = type(uint128).max;
    IAssetRegister public immutable REGISTER;
    IClearingHouse public immutable CLEARING_HOUSE;

    uint256 public limitCount;
    /// @dev Key: asset / 4, institution / 64. Bit: 4 * (institution % 64) + asset % 4.
    mapping(uint256 key => uint256) private _limited;
    /// @dev Key: asset u16 | institution u16.
    mapping(uint256 place => Limit) private _limits;
    mapping(uint256 place => Taken) private _taken;

    constructor(IConsortium consortium, IAssetRegister register, IClearingHouse clearingHouse) Joint(consortium) {
        REGISTER = register;
        CLEARING_HOUSE = clearingHouse;
    }

    /// @inheritdoc ILimits
    function setLimit(uint16 institution, uint16 asset, uint128 position, uint128 exposure) external {
        if (institution == 0 || institution > CONSORTIUM.institutionCount()) {
            revert Limits_UnknownInstitution(institution);
        }
        REGISTER.asset(asset);
        if (!_jointly(keccak256(msg.data))) return;
        (uint128 oldPosition, uint128 oldExposure) = limitOf(institution, asset);
        if ((position < oldPosition || exposure < oldExposure) && CLEARING_HOUSE.openCycles() != 0) {
            revert Limits_CycleOpen(institution, asset);
        }
        uint256 movement = Movements.pack(asset, institution, 0);
        bool before = oldPosition != NONE || oldExposure != NONE;
        bool afterwards = position != NONE || exposure != NONE;
        if (before != afterwards) {
            limitCount = afterwards ? limitCount + 1 : limitCount - 1;
            _limited[_key(movement)] ^= _bit(movement);
        }
        _limits[movement >> 224] = Limit(NONE - position, NONE - exposure);
        emit LimitSet(institution, asset, position, exposure);
    }

    /// @inheritdoc ILimits
    /// @dev A place may move more than once: what it gains on balance is added up first, in transient storage, which is
    /// zero again afterwards.
    function check(uint256[] calldata movements) external {
        if (msg.sender != address(CLEARING_HOUSE)) revert Limits_NotClearingHouse(msg.sender);
        if (_gather(movements)) {
            for (uint256 i = 0; i < movements.length; ++i) _checkOne(movements[i]);
        }
    }

    /// @inheritdoc ILimits
    function limitOf(uint16 institution, uint16 asset) public view returns (uint128 position, uint128 exposure) {
        Limit memory it = _limits[Movements.pack(asset, institution, 0) >> 224];
        return (NONE - it.belowNonePosition, NONE - it.belowNoneExposure);
    }

    /// @inheritdoc ILimits
    function takenOf(uint16 institution, uint16 asset) public view returns (int256) {
        Taken memory it = _taken[Movements.pack(asset, institution, 0) >> 224];
        return it.day == _today() ? it.amount : int192(0);
    }

    /// @inheritdoc ILimits
    function allows(uint16 institution, uint16 asset, int256 delta) external view returns (bool) {
        (uint128 position, uint128 exposure) = limitOf(institution, asset);
        if (delta > 0) return position == NONE || _balance(institution, asset) + uint256(delta) <= position;
        if (delta == 0 || exposure == NONE) return true;
        // No balance is that large.
        if (delta < -int256(uint256(NONE))) return false;
        return takenOf(institution, asset) - delta <= int256(uint256(exposure));
    }

    /// @return any true where a place with limits moves
    function _gather(uint256[] calldata movements) private returns (bool any) {
        uint256 last = type(uint256).max;
        uint256 word = 0;
        for (uint256 i = 0; i < movements.length; ++i) {
            uint256 m = movements[i];
            uint256 key = _key(m);
            if (key != last) {
                (last, word) = (key, _limited[key]);
            }
            if (word & _bit(m) == 0) continue;
            any = true;
            (uint256 place, int256 delta) = (m >> 224, m.deltaOf());
            assembly ("memory-safe") {
                tstore(place, add(tload(place), delta))
            }
        }
    }

    function _checkOne(uint256 movement) private {
        uint256 place = movement >> 224;
        int256 delta;
        assembly ("memory-safe") {
            delta := tload(place)
        }
        if (delta == 0) return;
        assembly ("memory-safe") {
            tstore(place, 0)
        }
        (uint16 asset, uint16 institution) = (movement.assetOf(), movement.institutionOf());
        (uint128 position, uint128 exposure) = limitOf(institution, asset);
        int256 taken = takenOf(institution, asset) - delta;
        _taken[place] = Taken(_today(), int192(taken));
        if (delta < 0) {
            if (exposure != NONE && taken > int256(uint256(exposure))) {
                revert Limits_Exposure(institution, asset, taken, exposure);
            }
        } else if (position != NONE) {
            uint256 balance = _balance(institution, asset);
            if (balance > position) revert Limits_Position(institution, asset, balance, position);
        }
    }

    function _balance(uint16 institution, uint16 asset) private view returns (uint256) {
        return REGISTER.balanceOf(Accounts.addressOf(institution), asset);
    }

    function _today() private view returns (uint64) {
        return uint64(block.timestamp / 1 days);
    }

    function _key(uint256 movement) private pure returns (uint256) {
        return ((movement >> 242) << 16) | (uint16(movement >> 224) >> 6);
    }

    function _bit(uint256 movement) private pure returns (uint256) {
        return 1 << (((uint16(movement >> 224) & 0x3f) << 2) | ((movement >> 240) & 3));
    }
}
