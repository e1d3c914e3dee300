// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bitmaps} from "../libraries/Bitmaps.sol";
import {Memory} from "../libraries/Memory.sol";
import {Movements} from "../libraries/Movements.sol";
import {Netting} from "../libraries/Netting.sol";
import {Records} from "../libraries/Records.sol";
import {Cycle, FeeSchedule, Header} from "../types/Types.sol";
import {House} from "./House.sol";

/// @title Settling: net, check, move, split, within a cycle
abstract contract Settling is House {
    using Movements for uint256;
    using Records for bytes32;

    /// @dev Of a netting set, minor units.
    struct Totals {
        uint256 net;
        uint256 commission;
        uint256 levy;
    }

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
        pass.cursors = Memory.allocate(slices << 5);
        FeeSchedule storage fees = _feeSchedules[header.feeScheduleId];
        uint256 n = fees.slabs.length;
        uint256 slab = Memory.allocate(n * 0x60);
        pass.slabs = slab;
        for (uint256 i = 0; i < n; ++i) {
            Memory.poke(slab, fees.slabs[i].upTo);
            Memory.poke(slab + 0x20, fees.slabs[i].ratePpm);
            Memory.poke(slab + 0x40, fees.levyPpm);
            slab += 0x60;
        }
    }

    /// @dev Checks the mask, marks its records settled, and leaves in memory the chosen records of slice k.
    function _take(
        Netting.Pass memory pass,
        bytes32 batchHash,
        uint256 start,
        uint256 count,
        uint256[] calldata mask,
        uint256 k
    ) internal {
        uint256 words = (count + 255) >> 8;
        if (mask.length != words) revert ClearingHouse_MaskLength(k, mask.length, words);
        uint256 pending = _batches[batchHash].pending;
        uint256 to = start;
        for (uint256 i = 0; i < words; ++i) {
            uint256 chosen = mask[i];
            if (chosen == 0) continue;
            uint256 held = count - (i << 8);
            uint256 all = held >= 256 ? type(uint256).max : (1 << held) - 1;
            if (chosen & ~all != 0) revert ClearingHouse_SurplusBits(k);
            uint256 from = start + (i << 13);
            uint256 taken = pending == 0 ? chosen : _closed[batchHash][i] & chosen;
            if (taken != 0) {
                uint256 position = Bitmaps.lowest(taken);
                revert ClearingHouse_NotPending(
                    bytes32(Memory.peek(from + (position << 5))).tradeNo(), statusOf(batchHash, (i << 8) | position)
                );
            }
            to = chosen == all ? _keepAll(from, to, held < 256 ? held : 256) : _keep(from, to, chosen);
        }
        if (to == start) revert ClearingHouse_EmptyMask(k);
        Memory.poke(to, Netting.END);
        Memory.poke(pass.cursors + (k << 5), start);
        pending -= (to - start) >> 5;
        _batches[batchHash].pending = uint32(pending);
        // A batch with nothing pending needs no bits to say what is settled: all that is not disputed.
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

    function _settle(Netting.Pass memory pass, Header calldata header, bytes32[] memory hashes) internal {
        uint256[] memory movements;
        assembly ("memory-safe") {
            movements := mload(0x40)
            mstore(add(pass, 0xa0), add(movements, 0x20))
        }
        Netting.run(pass);
        assembly ("memory-safe") {
            let out := mload(add(pass, 0xa0))
            mstore(movements, shr(5, sub(out, add(movements, 0x20))))
            mstore(0x40, out)
        }
        uint64 cycle = _cycles[header.venue].number;
        uint256[] memory active = CONSORTIUM.active();
        for (uint256 k = 0; k < hashes.length; ++k) {
            uint256 sides = _checkParties(pass, hashes[k], active, k);
            emit SliceSettled(header.venue, cycle, hashes[k], sides / 2);
        }
        REGISTER.settle(movements);
        _settleCash(pass, header, cycle);
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

    /// @dev Net cash of the trades, less levy and revenue shares, as one movement an institution.
    function _settleCash(Netting.Pass memory pass, Header calldata header, uint64 cycle) internal {
        uint256 rows = pass.size >> 8;
        int256[] memory cash = new int256[](rows);
        uint256[] memory accruals = new uint256[](rows);
        Totals memory totals;
        uint256 n = 0;
        for (uint256 i = 1; i < rows; ++i) {
            int256 traded = Netting.cashOf(pass, i);
            if (traded < 0) totals.net += uint256(-traded);
            (uint256 commission, uint256 levy) = (0, 0);
            for (uint256 k = 0; k < pass.slices; ++k) {
                (, uint256 earned, uint256 owed) = Netting.feesOf(pass, k, i);
                commission += earned;
                levy += owed;
            }
            totals.commission += commission;
            totals.levy += levy;
            if (commission != 0) accruals[n++] = (i << 240) | commission;
            cash[i] = traded - int256(levy);
        }
        cash[_feeSchedules[header.feeScheduleId].levyBeneficiary] += int256(totals.levy);
        assembly ("memory-safe") {
            mstore(accruals, n)
        }
        uint256[] memory changes = REVENUE_SHARING.accrue(header.cashAsset, accruals);
        for (uint256 i = 0; i < changes.length; ++i) cash[changes[i].institutionOf()] += changes[i].deltaOf();
        REGISTER.settle(_cashMovements(cash, header.cashAsset));
        emit NettingSetSettled(
            header.venue, cycle, header.cashAsset, pass.gross, totals.net, totals.commission, totals.levy
        );
    }

    function _cashMovements(int256[] memory cash, uint16 cashAsset) internal pure returns (uint256[] memory list) {
        list = new uint256[](cash.length);
        uint256 n = 0;
        for (uint256 i = 1; i < cash.length; ++i) {
            if (cash[i] != 0) list[n++] = Movements.pack(cashAsset, uint16(i), int128(cash[i]));
        }
        assembly ("memory-safe") {
            mstore(list, n)
        }
    }
}
