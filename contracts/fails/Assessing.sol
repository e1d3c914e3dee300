// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IConditions} from "../interfaces/IConditions.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IFails} from "../interfaces/IFails.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {IRevenueSharing} from "../interfaces/IRevenueSharing.sol";
import {Accounts} from "../libraries/Accounts.sol";
import {Fees} from "../libraries/Fees.sol";
import {Joint} from "../libraries/Joint.sol";
import {Movements} from "../libraries/Movements.sol";
import {Parts} from "../libraries/Parts.sol";
import {Records} from "../libraries/Records.sol";
import {FeeSchedule, Status} from "../types/Types.sol";

/// @title Assessing: why a trade does not settle, found out from what the ledger knows
abstract contract Assessing is IFails, Joint {
    using Movements for uint256;
    using Records for bytes32;

    /// @dev What is left of a trade: units, and minor units. Commission and levy are of one side; `cash` is what settling
    /// it by itself would bring each.
    struct Rest {
        bytes32 batchHash;
        uint256 position;
        Status status;
        uint32 tradeNo;
        uint16[2] parties;
        uint16 asset;
        uint64 quantity;
        uint256 amount;
        uint256 commission;
        uint256 levy;
        uint16 currency;
        int256[2] cash;
    }

    /// @dev Sides: indexes into a Rest's parties.
    uint256 internal constant BUYER = 0;
    uint256 internal constant SELLER = 1;
    /// @dev Reasons, each for the buyer; a bit higher for the seller.
    uint16 internal constant LACK = 1;
    uint16 internal constant MONY = 1 << 2;
    uint16 internal constant PREA = 1 << 4;
    uint16 internal constant CLAT = 1 << 6;
    uint16 internal constant SBLO = 1 << 8;
    uint16 internal constant FLIM = 1 << 10;
    uint16 internal constant EITHER = 3;

    IAssetRegister public immutable REGISTER;
    IRevenueSharing public immutable REVENUE_SHARING;
    IClearingHouse public immutable CLEARING_HOUSE;
    ILimits public immutable LIMITS;
    IConditions public immutable CONDITIONS;

    constructor(
        IConsortium consortium,
        IAssetRegister register,
        IRevenueSharing revenueSharing,
        IClearingHouse clearingHouse,
        ILimits limits,
        IConditions conditions
    ) Joint(consortium) {
        REGISTER = register;
        REVENUE_SHARING = revenueSharing;
        CLEARING_HOUSE = clearingHouse;
        LIMITS = limits;
        CONDITIONS = conditions;
    }

    /// @return reasons why the rest of the trade cannot settle by itself; none where it can
    function _reasons(Rest memory rest, uint16 beneficiary) internal view returns (uint16 reasons) {
        if (rest.status == Status.HELD) {
            reasons = uint16(CONDITIONS.flagsOf(rest.batchHash, rest.position) & EITHER) * PREA;
        }
        for (uint256 side = BUYER; side <= SELLER; ++side) {
            if (!CLEARING_HOUSE.affirmedBy(rest.batchHash, rest.parties[side])) reasons |= CLAT << side;
            if (!CONSORTIUM.isActive(rest.parties[side])) reasons |= SBLO << side;
        }
        if (reasons & (EITHER * CLAT) != 0) return reasons;
        _reckonCash(rest, beneficiary);
        int256 units = _isSelfTrade(rest) ? int256(0) : int256(uint256(rest.quantity));
        if (_isShort(rest.parties[SELLER], rest.asset, -units)) reasons |= LACK << SELLER;
        for (uint256 side = BUYER; side <= SELLER; ++side) {
            if (_isShort(rest.parties[side], rest.currency, rest.cash[side])) reasons |= MONY << side;
        }
        if (reasons != 0) return reasons;
        if (!_allowed(rest, BUYER, units)) reasons |= FLIM << BUYER;
        if (!_allowed(rest, SELLER, -units)) reasons |= FLIM << SELLER;
    }

    function _allowed(Rest memory rest, uint256 side, int256 units) internal view returns (bool) {
        (uint16 party, int256 cash) = (rest.parties[side], rest.cash[side]);
        return (units == 0 || LIMITS.allows(party, rest.asset, units))
            && (cash == 0 || LIMITS.allows(party, rest.currency, cash));
    }

    /// @dev Finds the cash that settling the rest by itself would bring each side, minor units: as the clearing house
    /// nets it, where a side may be the levy's beneficiary, or have a share of either side's commission.
    function _reckonCash(Rest memory rest, uint16 beneficiary) internal view {
        bool self = _isSelfTrade(rest);
        if (!self) rest.cash = [-int256(rest.amount), int256(rest.amount)];
        for (uint256 side = BUYER; side <= SELLER; ++side) {
            _add(rest, rest.parties[side], -int256(rest.levy));
            _add(rest, beneficiary, int256(rest.levy));
            if (self && side == SELLER) continue;
            _addShares(rest, rest.parties[side], self ? 2 * rest.commission : rest.commission);
        }
    }

    /// @dev What earning the commission would move, by the payer's agreements.
    function _addShares(Rest memory rest, uint16 payer, uint256 commission) internal view {
        uint256[] memory changes = REVENUE_SHARING.preview(payer, rest.currency, uint128(commission));
        for (uint256 k = 0; k < changes.length; ++k) {
            _add(rest, changes[k].institutionOf(), changes[k].deltaOf());
        }
    }

    /// @dev A self-trade's one party has the same in both places.
    function _add(Rest memory rest, uint16 institution, int256 change) internal pure {
        if (institution == rest.parties[BUYER]) rest.cash[BUYER] += change;
        if (institution == rest.parties[SELLER]) rest.cash[SELLER] += change;
    }

    function _isShort(uint16 institution, uint16 asset, int256 change) internal view returns (bool) {
        return change < 0 && _balance(institution, asset) < uint256(-change);
    }

    function _rest(bytes32 batchHash, bytes32[] calldata records, uint32 position, FeeSchedule memory fees)
        internal
        view
        returns (Rest memory rest)
    {
        if (position >= records.length) revert Fails_UnknownPosition(position);
        bytes32 r = records[position];
        rest.tradeNo = r.tradeNo();
        rest.status = CLEARING_HOUSE.statusOf(batchHash, position);
        if (rest.status != Status.PENDING && rest.status != Status.HELD) {
            revert Fails_NotInSettlement(rest.tradeNo, rest.status);
        }
        (rest.batchHash, rest.position, rest.asset) = (batchHash, position, r.asset());
        rest.parties = [r.buyer(), r.seller()];
        (uint64 quantity, uint64 settled) = (r.quantity(), CLEARING_HOUSE.settledQuantityOf(batchHash, position));
        (uint256 commission, uint256 levy) = Fees.charge(fees, r.amount());
        rest.quantity = quantity - settled;
        rest.amount = Parts.cut(r.amount(), quantity, settled, quantity);
        rest.commission = Parts.cut(commission, quantity, settled, quantity);
        rest.levy = Parts.cut(levy, quantity, settled, quantity);
    }

    function _isSelfTrade(Rest memory rest) internal pure returns (bool) {
        return rest.parties[BUYER] == rest.parties[SELLER];
    }

    function _balance(uint16 institution, uint16 asset) internal view returns (uint256) {
        return REGISTER.balanceOf(Accounts.addressOf(institution), asset);
    }
}
