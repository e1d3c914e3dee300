// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {Memory} from "../libraries/Memory.sol";
import {Movements} from "../libraries/Movements.sol";
import {Netting} from "../libraries/Netting.sol";
import {Parts} from "../libraries/Parts.sol";
import {Records} from "../libraries/Records.sol";
import {Cycle, FeeSchedule, Header, Mark, Slice, Status, Tier} from "../types/Types.sol";
import {House} from "./House.sol";

/// @title Settling: net, check, move, split, within a cycle
abstract contract Settling is House {
    using Movements for uint256;
    using Movements for uint256[];
    using Netting for Netting.Pass;
    using Records for bytes32;

    /// @dev What is to be moved: securities, cash by institution and so far without shares and levy, and who has earned how
    /// much commission. Movements have room behind them for one of cash a row. The rest are sums in minor units.
    struct Due {
        uint256[] movements;
        int256[] cash;
        uint256[] accruals;
        uint256 net;
        uint256 commission;
        uint256 levy;
    }

    /// @dev Slice k of a call: its batch, its records in memory, and of the record whose part is taken, the units that had
    /// settled `from` before and have `to` now; whether some of it settles in parts.
    struct Sent {
        uint256 k;
        bytes32 batchHash;
        uint256 start;
        uint256 count;
        uint256 from;
        uint256 to;
        bool inParts;
    }

    /// @dev The DvP models of the BIS.
    uint8 internal constant GROSS = 1;
    uint8 internal constant NET = 3;
    /// @dev A pause is this part of the time before it: nobody can keep institutions' own transfers waiting for good.
    uint64 private constant PAUSE = 8;

    function _openCycle(uint16 venue, uint64 deadline) internal returns (uint64 cycle) {
        Cycle storage it = _cycles[venue];
        if (it.open) revert ClearingHouse_CycleOpen(venue, it.number);
        uint64 time = uint64(block.timestamp);
        if (openCycles == 0) {
            if (time < reopenFrom) revert ClearingHouse_TooSoon(reopenFrom);
            openSince = time;
        }
        uint64 latest = openSince + MAX_CYCLE;
        if (deadline <= time || deadline > latest) revert ClearingHouse_InvalidDeadline(deadline, latest);
        cycle = it.number + 1;
        _cycles[venue] = Cycle(cycle, deadline, true);
        ++openCycles;
        emit CycleOpened(venue, cycle, deadline);
    }

    function _closeCycle(uint16 venue) internal {
        Cycle storage it = _cycles[venue];
        it.open = false;
        if (--openCycles == 0) {
            uint64 pause = (uint64(block.timestamp) - openSince) / PAUSE;
            reopenFrom = uint64(block.timestamp) + (pause == 0 ? 1 : pause);
        }
        emit CycleClosed(venue, it.number, msg.sender);
    }

    function _newPass(Header calldata header, uint256 slices) internal view returns (Netting.Pass memory pass) {
        pass.size = (uint256(CONSORTIUM.institutionCount()) + 1) << 8;
        pass.table = Memory.allocate((slices + 1) * pass.size);
        pass.slices = slices;
        // A slice has two runs at most, of parts and of the records of its mask.
        pass.runs = Memory.allocate(2 * slices * Netting.RUN);
        pass.last = pass.runs;
        FeeSchedule storage fees = _feeSchedules[header.feeScheduleId];
        uint256 n = fees.tiers.length;
        uint256 place = Memory.allocate(n * Netting.TIER);
        pass.tiers = place;
        // A tier charges amount * ratePpm + offset, in millionths: graduated it begins at what the tier before ends with.
        uint256 from = 0;
        uint256 begun = 0;
        for (uint256 i = 0; i < n; ++i) {
            Tier memory tier = fees.tiers[i];
            unchecked {
                uint256 offset = begun + uint256(tier.flat) * 1000000 - from * tier.ratePpm;
                Memory.poke(place, tier.upTo);
                Memory.poke(place + 0x20, tier.ratePpm);
                Memory.poke(place + 0x40, fees.levyPpm);
                Memory.poke(place + 0x60, offset);
                if (fees.graduated) (from, begun) = (tier.upTo, uint256(tier.upTo) * tier.ratePpm + offset);
            }
            place += Netting.TIER;
        }
    }

    /// @dev Checks the parts, marks their records, and leaves in memory what settles of each. Before the mask is taken, so
    /// that it cannot name one of them.
    function _takeParts(Netting.Pass memory pass, Sent memory sent, uint256[] calldata parts) internal {
        bool sorted = pass.model == NET;
        uint256 first = Memory.allocate(((2 * parts.length) + 1) << 5);
        uint256 toOwnFees = (parts.length + 1) << 5;
        pass.add(first, Netting.UNREAD, toOwnFees);
        uint256 end = first;
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i] >> 64 >= sent.count) revert ClearingHouse_InvalidPart(sent.k, i);
            (bytes32 r, uint256 fees) = _part(pass, sent, parts[i]);
            pass.addFees((sent.k + 1) * pass.size, r, fees);
            Memory.poke(end + toOwnFees, fees);
            uint256 to = end;
            while (sorted && to != first && bytes32(Memory.peek(to - 0x20)).asset() > r.asset()) {
                Memory.poke(to, Memory.peek(to - 0x20));
                to -= 0x20;
            }
            Memory.poke(to, uint256(r));
            end += 0x20;
        }
        Memory.poke(end, Netting.END);
    }

    /// @return r the record with what settles of it as quantity and amount
    /// @return fees of one side of that, as Netting packs them
    function _part(Netting.Pass memory pass, Sent memory sent, uint256 part)
        internal
        returns (bytes32 r, uint256 fees)
    {
        r = bytes32(Memory.peek(sent.start + (part >> 64 << 5)));
        _advance(sent, r, part >> 64, uint64(part));
        fees = pass.feesOn(r.amount());
        (uint256 commission, uint256 levy) = Netting.unpack(fees);
        fees = Netting.pack(_cut(sent, r, commission), _cut(sent, r, levy));
        uint256 amount = _cut(sent, r, r.amount());
        uint256 quantity = sent.to - sent.from;
        emit TradeSettledInPart(sent.batchHash, r.tradeNo(), uint64(quantity), uint88(amount), uint64(sent.to));
        r = bytes32((((uint256(r) >> 152 << 64) | quantity) << 88) | amount);
    }

    function _cut(Sent memory sent, bytes32 r, uint256 total) internal pure returns (uint256) {
        return Parts.cut(total, r.quantity(), sent.from, sent.to);
    }

    /// @dev Checks that so many units of the record can settle (0: all that are left), and marks them.
    function _advance(Sent memory sent, bytes32 r, uint256 position, uint256 quantity) internal {
        bytes32 batchHash = sent.batchHash;
        Status status = statusOf(batchHash, position);
        if (status != Status.PENDING) revert ClearingHouse_NotPending(r.tradeNo(), status);
        Mark storage mark = _marks[batchHash][position];
        sent.from = mark.settledQuantity;
        uint256 left = r.quantity() - sent.from;
        if (quantity > left) revert ClearingHouse_PartTooLarge(r.tradeNo(), quantity, left);
        if (quantity == 0 || quantity == left) {
            sent.to = r.quantity();
            mark.settledQuantity = 0;
            --_batches[batchHash].pending;
        } else {
            if (!CONDITIONS.partialAllowed(batchHash, position)) revert ClearingHouse_PartialNotAllowed(r.tradeNo());
            sent.to = sent.from + quantity;
            mark.settledQuantity = uint64(sent.to);
        }
        _closed[batchHash][position >> 8] |= 1 << (position & 0xff);
    }

    /// @dev Checks the mask, marks its records settled, and leaves in memory the chosen records of the slice.
    function _take(Netting.Pass memory pass, Sent memory sent, uint256[] calldata mask) internal {
        uint256 words = (sent.count + 255) >> 8;
        if (mask.length != words) revert ClearingHouse_MaskLength(sent.k, mask.length, words);
        bytes32 batchHash = sent.batchHash;
        uint256 pending = _batches[batchHash].pending;
        uint256 to = sent.start;
        for (uint256 i = 0; i < words; ++i) {
            uint256 chosen = mask[i];
            if (chosen == 0) continue;
            uint256 held = sent.count - (i << 8);
            uint256 all = held >= 256 ? type(uint256).max : (1 << held) - 1;
            if (chosen & ~all != 0) revert ClearingHouse_SurplusBits(sent.k);
            uint256 from = sent.start + (i << 13);
            uint256 taken = pending == 0 ? chosen : _closed[batchHash][i] & chosen;
            if (taken != 0) {
                uint256 position = Bitmaps.lowest(taken);
                revert ClearingHouse_NotPending(
                    bytes32(Memory.peek(from + (position << 5))).tradeNo(), statusOf(batchHash, (i << 8) | position)
                );
            }
            to = chosen == all ? _keepAll(from, to, held < 256 ? held : 256) : _keep(from, to, chosen);
        }
        if (to == sent.start) {
            if (sent.inParts) return;
            revert ClearingHouse_EmptyMask(sent.k);
        }
        Memory.poke(to, Netting.END);
        pass.add(sent.start, (sent.k + 1) * pass.size, 0);
        pending -= (to - sent.start) >> 5;
        _batches[batchHash].pending = uint32(pending);
        // A batch with nothing pending needs no bits to say what is settled: all that is not barred.
        if (pending == 0) return;
        for (uint256 i = 0; i < words; ++i) {
            if (mask[i] != 0) _closed[batchHash][i] |= mask[i];
        }
    }

    function _keepAll(uint256 from, uint256 to, uint256 records) internal pure returns (uint256) {
        if (from != to) {
            assembly ("memory-safe") {
                mcopy(to, from, shl(5, records))
            }
        }
        return to + (records << 5);
    }

    function _keep(uint256 from, uint256 to, uint256 chosen) internal pure returns (uint256) {
        for (; chosen != 0; chosen >>= 1) {
            if (chosen & 1 != 0) {
                Memory.poke(to, Memory.peek(from));
                to += 0x20;
            }
            from += 0x20;
        }
        return to;
    }

    /// @dev Moves everything, by the model, and tells it.
    /// @dev Which model it is lies in memory: as a parameter that one caller gives as a literal it would have the compiler
    /// make a second copy of all this.
    function _settle(Netting.Pass memory pass, Header calldata header, bytes32[] memory hashes) internal {
        uint256[] memory movements;
        assembly ("memory-safe") {
            movements := mload(0x40)
            mstore(add(pass, 0xc0), add(movements, 0x20))
        }
        if (pass.model == NET) Netting.run(pass);
        else Netting.list(pass);
        assembly ("memory-safe") {
            let out := mload(add(pass, 0xc0))
            mstore(movements, shr(5, sub(out, add(movements, 0x20))))
            // Room for a movement of cash a row.
            mstore(0x40, add(out, shr(3, mload(add(pass, 0x20)))))
        }
        uint64 cycle = _cycles[header.venue].number;
        uint256[] memory active = CONSORTIUM.active();
        for (uint256 k = 0; k < hashes.length; ++k) {
            uint256 sides = _checkParties(pass, hashes[k], active, k);
            emit SliceSettled(header.venue, cycle, hashes[k], sides / 2);
        }
        Due memory due;
        due.movements = movements;
        _sum(pass, due);
        if (pass.model == GROSS) _settleEach(pass, header, due);
        else _pay(header, due);
        emit NettingSetSettled(
            header.venue,
            cycle,
            header.cashAsset,
            pass.model,
            pass.gross,
            due.net,
            due.commission,
            due.levy
        );
    }

    /// @dev All parties of the slice's chosen records are active and have affirmed its batch.
    function _checkParties(Netting.Pass memory pass, bytes32 batchHash, uint256[] memory active, uint256 k)
        internal
        view
        returns (uint256 total)
    {
        uint256 rows = pass.size >> 8;
        for (uint256 i = 1; i < rows; ++i) {
            (uint256 sides,,) = Netting.feesOf(pass, k, i);
            if (sides == 0) continue;
            total += sides;
            uint256 bit = 1 << (i & 0xff);
            if (active[i >> 8] & bit == 0) revert ClearingHouse_Suspended(k, uint16(i));
            if (_affirmed[batchHash][i >> 8] & bit == 0) revert ClearingHouse_Unaffirmed(k, uint16(i));
        }
    }

    /// @dev Net cash of the trades less levy, and who earned what.
    function _sum(Netting.Pass memory pass, Due memory due) internal pure {
        uint256 rows = pass.size >> 8;
        due.cash = new int256[](rows);
        due.accruals = new uint256[](rows);
        uint256 n = 0;
        for (uint256 i = 1; i < rows; ++i) {
            int256 traded = Netting.cashOf(pass, i);
            if (traded < 0) due.net += uint256(-traded);
            (uint256 commission, uint256 levy) = (0, 0);
            for (uint256 k = 0; k < pass.slices; ++k) {
                (, uint256 earned, uint256 owed) = Netting.feesOf(pass, k, i);
                commission += earned;
                levy += owed;
            }
            due.commission += commission;
            due.levy += levy;
            if (commission != 0) due.accruals[n++] = (i << 240) | commission;
            due.cash[i] = traded - int256(levy);
        }
        Memory.resize(due.accruals, n);
    }

    /// @dev Settles each trade by itself, securities and cash, in the order of the runs; memory does not grow.
    /// @param all of which the net is that of each trade by itself
    function _settleEach(Netting.Pass memory pass, Header calldata header, Due memory all) internal {
        Due memory due;
        due.cash = new int256[](pass.size >> 8);
        due.movements = new uint256[](due.cash.length + 2);
        due.accruals = new uint256[](2);
        all.net = 0;
        uint256 free = Memory.free();
        for (uint256 it = pass.runs; it < pass.last; it += Netting.RUN) {
            uint256 toOwnFees = Memory.peek(it + 0x40);
            for (uint256 p = Memory.peek(it); Memory.peek(p) != Netting.END; p += 0x20) {
                bytes32 r = bytes32(Memory.peek(p));
                _owe(due, r, toOwnFees == 0 ? pass.feesOn(r.amount()) : Memory.peek(p + toOwnFees));
                all.net += due.net;
                _pay(header, due);
                Memory.release(free);
            }
        }
    }

    /// @dev What settling one trade moves.
    function _owe(Due memory due, bytes32 r, uint256 fees) internal pure {
        (uint256 commission, uint256 levy) = Netting.unpack(fees);
        bool self = r.buyer() == r.seller();
        due.net = self ? 0 : r.amount();
        due.levy = 2 * levy;
        due.cash[r.buyer()] -= int256(due.net + levy);
        due.cash[r.seller()] += int256(due.net) - int256(levy);
        Memory.resize(due.accruals, commission == 0 ? 0 : self ? 1 : 2);
        if (commission != 0) due.accruals[0] = (uint256(r.buyer()) << 240) | (self ? 2 * commission : commission);
        if (commission != 0 && !self) due.accruals[1] = (uint256(r.seller()) << 240) | commission;
        Memory.resize(due.movements, self ? 0 : 2);
        if (self) return;
        int128 quantity = int128(uint128(r.quantity()));
        due.movements[0] = Movements.pack(r.asset(), r.seller(), -quantity);
        due.movements[1] = Movements.pack(r.asset(), r.buyer(), quantity);
    }

    /// @dev Splits commission, adds cash to the movements, and has them made and held against limits.
    function _pay(Header calldata header, Due memory due) internal {
        due.cash[_feeSchedules[header.feeScheduleId].levyBeneficiary] += int256(due.levy);
        uint256[] memory changes = REVENUE_SHARING.accrue(header.cashAsset, due.accruals);
        for (uint256 i = 0; i < changes.length; ++i) due.cash[changes[i].institutionOf()] += changes[i].deltaOf();
        due.movements.append(due.cash, header.cashAsset);
        due.movements.send(address(REGISTER), IAssetRegister.settle.selector);
        if (LIMITS.limitCount() != 0) due.movements.send(address(LIMITS), ILimits.check.selector);
    }
}
