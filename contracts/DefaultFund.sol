// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Purses} from "./defaultfund/Purses.sol";
import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConditions} from "./interfaces/IConditions.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IDefaultFund} from "./interfaces/IDefaultFund.sol";
import {IFails} from "./interfaces/IFails.sol";
import {Allocation} from "./libraries/Allocation.sol";
import {Records} from "./libraries/Records.sol";
import {Default, Purse, Step} from "./types/Fund.sol";
import {Header, Role, Status} from "./types/Types.sol";

/// @title DefaultFund, as IDefaultFund says
/// @dev Defaults: declared, closed out, finished. What members have in the fund is in its part.
contract DefaultFund is Purses {
    using Records for bytes32;

    /// @dev Prices are in millionths of a minor unit.
    uint256 private constant PRICE_SCALE = 1_000_000;

    IFails public immutable FAILS;

    uint256 public defaultCount;
    mapping(uint256 id => Default) private _defaults;
    /// @dev Minor units.
    mapping(uint256 id => mapping(uint16 claimant => uint256)) private _claims;
    /// @dev Losses that arose on a venue, minor units: by what venues' capital is drawn.
    mapping(uint256 id => mapping(uint16 venue => uint256)) private _losses;

    constructor(
        IConsortium consortium,
        IAssetRegister register,
        IClearingHouse clearingHouse,
        IConditions conditions,
        IFails fails
    ) Purses(consortium, register, clearingHouse, conditions) {
        FAILS = fails;
    }

    /// @inheritdoc IDefaultFund
    function declareDefault(uint16 institution, uint16 currency, uint32 day) external {
        _requireSuspended(institution);
        _requireCurrency(currency);
        uint256 id = openDefaultOf[institution][currency];
        if (id != 0) revert DefaultFund_AlreadyOpen(id);
        if (!_jointly(keccak256(msg.data))) return;
        id = ++defaultCount;
        _defaults[id] = Default(institution, currency, day, uint64(block.timestamp), false, 0);
        openDefaultOf[institution][currency] = id;
        ++openDefaults[currency];
        emit DefaultDeclared(id, institution, currency, day);
    }

    /// @inheritdoc IDefaultFund
    function closeOut(uint256 id, Header calldata header, bytes32[] calldata records, uint256[] calldata positions)
        external
    {
        Default storage it = _open(id);
        uint16 venue = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        if (venue != header.venue) revert DefaultFund_NotVenue(venue, header.venue);
        _requireSuspended(it.institution);
        (bytes32 batchHash, uint64 recordedAt) = _recorded(header, records, it.currency);
        if (recordedAt > it.declaredAt) revert DefaultFund_RecordedAfter(batchHash, recordedAt, it.declaredAt);
        for (uint256 i = 0; i < positions.length; ++i) {
            Status status = CLEARING_HOUSE.statusOf(batchHash, positions[i]);
            if (!_isOpen(status)) revert DefaultFund_Ended(batchHash, positions[i], status);
            bytes32 r = records[positions[i]];
            if (r.buyer() != it.institution && r.seller() != it.institution) {
                revert DefaultFund_NotParty(batchHash, r.tradeNo(), it.institution);
            }
            uint16 claimant = _isExcepted(status, batchHash, positions[i]) ? 0 : _claimant(it, batchHash, r);
            if (claimant == 0) emit TradeClosedOut(id, batchHash, r.tradeNo(), 0, 0, 0, 0);
            else _reckon(id, venue, batchHash, r, positions[i], claimant);
            CLEARING_HOUSE.setStatus(batchHash, positions[i], Status.CLOSED_OUT);
        }
    }

    /// @inheritdoc IDefaultFund
    function finish(uint256 id, uint128 loss) external {
        Default storage it = _open(id);
        _requireNoCycle();
        if (it.loss != loss) revert DefaultFund_OtherLoss(id, loss, it.loss);
        if (!_jointly(keccak256(msg.data))) return;
        (uint16 defaulter, uint16 currency) = (it.institution, it.currency);
        it.finished = true;
        delete openDefaultOf[defaulter][currency];
        --openDefaults[currency];
        _forget(defaulter, currency);

        uint256 rows = uint256(CONSORTIUM.institutionCount()) + 1;
        uint256 uncovered = loss;
        uncovered -= _draw(id, Step.MARGIN, defaulter, Purse.MARGIN, uncovered);
        uncovered -= _draw(id, Step.CONTRIBUTION, defaulter, Purse.CONTRIBUTION, uncovered);
        uncovered -= _drawCapital(id, uncovered, rows);
        uncovered -= _drawMutual(id, uncovered, rows);
        int256[] memory changes = _pay(id, uncovered, rows);
        int256 back = int256(_giveBack(defaulter, currency, Purse.MARGIN));
        back += int256(_giveBack(defaulter, currency, Purse.CONTRIBUTION));
        changes[defaulter] += back;
        changes[account] -= back;
        emit DefaultFinished(id, loss, uncovered);
        _settle(currency, changes);
    }

    /// @inheritdoc IDefaultFund
    function defaultOf(uint256 id) external view returns (Default memory) {
        if (id == 0 || id > defaultCount) revert DefaultFund_NotOpen(id);
        return _defaults[id];
    }

    /// @inheritdoc IDefaultFund
    function claimOf(uint256 id, uint16 claimant) public view returns (uint256) {
        return _claims[id][claimant];
    }

    function _open(uint256 id) private view returns (Default storage it) {
        it = _defaults[id];
        if (it.institution == 0 || it.finished) revert DefaultFund_NotOpen(id);
    }

    function _requireSuspended(uint16 institution) private view {
        if (!CONSORTIUM.institution(institution).suspended) revert DefaultFund_NotSuspended(institution);
    }

    /// @dev The other side of a trade with oneself is in default too.
    /// @return the other side where the trade gives it a claim, 0 where it does not
    function _claimant(Default storage it, bytes32 batchHash, bytes32 r) private view returns (uint16) {
        (uint16 buyer, uint16 seller) = (r.buyer(), r.seller());
        if (!CLEARING_HOUSE.affirmedBy(batchHash, buyer) || !CLEARING_HOUSE.affirmedBy(batchHash, seller)) return 0;
        uint16 other = buyer == it.institution ? seller : buyer;
        return openDefaultOf[other][it.currency] == 0 ? other : 0;
    }

    /// @dev What closing out costs the claimant. It is rounded in the fund's favour on either side.
    function _reckon(uint256 id, uint16 venue, bytes32 batchHash, bytes32 r, uint256 position, uint16 claimant)
        private
    {
        Default storage it = _defaults[id];
        uint128 price = FAILS.priceOf(venue, it.day, it.currency, r.asset());
        if (price == 0) revert DefaultFund_NoPrice(venue, it.day, it.currency, r.asset());
        uint256 settled = CLEARING_HOUSE.settledQuantityOf(batchHash, position);
        uint256 worth = (r.quantity() - settled) * price;
        bool buys = claimant == r.buyer();
        uint256 value = buys ? worth / PRICE_SCALE : Math.ceilDiv(worth, PRICE_SCALE);
        if (value > type(uint128).max) revert DefaultFund_ValueOutOfRange(batchHash, r.tradeNo(), value);
        uint256 amount = _amountLeft(r, settled);
        (uint256 costs, uint256 spared) = buys ? (value, amount) : (amount, value);
        // What replacing the trade brings the claimant it keeps: no gain is set against another trade's loss.
        uint256 loss = costs > spared ? costs - spared : 0;
        _claims[id][claimant] += loss;
        _losses[id][venue] += loss;
        it.loss = SafeCast.toUint128(it.loss + loss);
        emit TradeClosedOut(id, batchHash, r.tradeNo(), price, value, claimant, loss);
    }

    /// @dev Takes from an institution's purse as much of `wanted` as it has.
    function _draw(uint256 id, Step step, uint16 institution, Purse purse, uint256 wanted)
        private
        returns (uint256 drawn)
    {
        uint16 currency = _defaults[id].currency;
        drawn = Math.min(wanted, purseOf(institution, currency, purse));
        if (drawn == 0) return 0;
        _debit(institution, currency, purse, drawn);
        emit WaterfallStep(id, step, institution, drawn);
    }

    /// @dev Each venue answers with its capital for its part of what is uncovered.
    function _drawCapital(uint256 id, uint256 uncovered, uint256 rows) private returns (uint256 drawn) {
        if (uncovered == 0) return 0;
        uint256[] memory weights = new uint256[](rows);
        for (uint256 i = 1; i < rows; ++i) weights[i] = _losses[id][uint16(i)];
        uint256[] memory parts = Allocation.byWeight(uncovered, weights);
        for (uint256 i = 1; i < rows; ++i) {
            if (parts[i] != 0) drawn += _draw(id, Step.CAPITAL, uint16(i), Purse.CAPITAL, parts[i]);
        }
    }

    /// @dev The other members' contributions, pro rata; the defaulter's own is empty by now, of members whose default is
    /// open none is taken.
    function _drawMutual(uint256 id, uint256 uncovered, uint256 rows) private returns (uint256 drawn) {
        if (uncovered == 0) return 0;
        uint16 currency = _defaults[id].currency;
        uint256[] memory weights = new uint256[](rows);
        uint256 sum = 0;
        for (uint256 i = 1; i < rows; ++i) {
            if (openDefaultOf[uint16(i)][currency] != 0) continue;
            weights[i] = purseOf(uint16(i), currency, Purse.CONTRIBUTION);
            sum += weights[i];
        }
        // At most the sum of weights, so no part is above its weight.
        uint256[] memory parts = Allocation.byWeight(Math.min(uncovered, sum), weights);
        for (uint256 i = 1; i < rows; ++i) {
            if (parts[i] != 0) drawn += _draw(id, Step.MUTUAL, uint16(i), Purse.CONTRIBUTION, parts[i]);
        }
    }

    /// @dev Spreads what is uncovered over the claimants.
    /// @return changes of each institution's cash, minor units: what claimants get and the fund's account gives
    function _pay(uint256 id, uint256 uncovered, uint256 rows) private returns (int256[] memory changes) {
        changes = new int256[](rows);
        uint256[] memory claims = new uint256[](rows);
        for (uint256 i = 1; i < rows; ++i) claims[i] = claimOf(id, uint16(i));
        uint256[] memory parts = Allocation.byWeight(uncovered, claims);
        for (uint256 i = 1; i < rows; ++i) {
            if (claims[i] == 0) continue;
            if (parts[i] != 0) emit WaterfallStep(id, Step.UNCOVERED, uint16(i), parts[i]);
            uint256 paid = claims[i] - parts[i];
            changes[i] += int256(paid);
            changes[account] -= int256(paid);
            emit ClaimantPaid(id, uint16(i), claims[i], paid);
        }
    }

    /// @dev Empties a purse of a defaulter, whose default is finished.
    function _giveBack(uint16 institution, uint16 currency, Purse purse) private returns (uint256 amount) {
        amount = purseOf(institution, currency, purse);
        if (amount == 0) return 0;
        emit Released(institution, currency, purse, amount, _debit(institution, currency, purse, amount));
    }
}
