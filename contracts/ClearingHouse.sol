// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IRevenueSharing} from "./interfaces/IRevenueSharing.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {Movements} from "./libraries/Movements.sol";
import {Netting} from "./libraries/Netting.sol";
import {Records} from "./libraries/Records.sol";
import {
    Affirmation,
    Batch,
    Cycle,
    FeeSchedule,
    Header,
    Role,
    Slab,
    Slice,
    Status
} from "./types/Types.sol";

/// @title ClearingHouse, as IClearingHouse says
contract ClearingHouse is IClearingHouse, EIP712 {
    using Bitmaps for uint256[];
    using Movements for uint256;
    using Records for bytes32;
    using Records for bytes32[];

    /// @dev Of a netting set, minor units.
    struct Totals {
        uint256 net;
        uint256 commission;
        uint256 levy;
    }

    uint64 public constant MAX_CYCLE = 1 days;
    uint256 private constant PPM = 1_000_000;
    uint256 private constant MAX_SLABS = 32;
    /// @dev See Netting: the net amount of a cell has 88 bits, one of them the sign.
    uint256 private constant MAX_GROSS = 2 ** 87 - 1;
    uint256 private constant MAX_SLICES = 255;
    bytes32 private constant AFFIRMATION_TYPEHASH = keccak256(
        "Affirmation(bytes32 batchHash,uint16 institution,bytes32 recordsHash,bytes32 exceptionsHash,bytes32 clientRoot,bytes32 priorBlockHash)"
    );

    IConsortium public immutable CONSORTIUM;
    IAssetRegister public immutable REGISTER;
    IRevenueSharing public immutable REVENUE_SHARING;

    uint256 public openCycles;
    uint16 private _feeScheduleCount;
    mapping(uint16 id => FeeSchedule) private _feeSchedules;
    mapping(uint16 venue => Cycle) private _cycles;
    mapping(bytes32 batchHash => Batch) private _batches;
    mapping(bytes32 batchHash => mapping(uint256 word => uint256)) private _affirmed;
    /// @dev Records that cannot settle (any more): settled or disputed. One read tells a word of 256 records.
    mapping(bytes32 batchHash => mapping(uint256 word => uint256)) private _closed;
    mapping(bytes32 batchHash => mapping(uint256 word => uint256)) private _disputed;
    /// @dev Key: venue u16 | trading day u32 | word of the bitmap u24.
    mapping(uint256 key => uint256) private _numbers;

    constructor(IConsortium consortium, IAssetRegister register, IRevenueSharing revenueSharing)
        EIP712("ClearingHouse", "1")
    {
        CONSORTIUM = consortium;
        REGISTER = register;
        REVENUE_SHARING = revenueSharing;
    }

    /// @inheritdoc IClearingHouse
    function registerFeeSchedule(uint16 levyBeneficiary, uint24 levyPpm, Slab[] calldata slabs)
        external
        returns (uint16 feeScheduleId)
    {
        uint16 venue = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        if (!_members(Role.REGULATOR).contains(levyBeneficiary)) revert ClearingHouse_NotRegulator(levyBeneficiary);
        if (levyPpm > PPM) revert ClearingHouse_InvalidRate(levyPpm);
        uint256 n = slabs.length;
        if (n == 0 || n > MAX_SLABS || slabs[n - 1].upTo != type(uint88).max) revert ClearingHouse_InvalidSlab(n);
        feeScheduleId = ++_feeScheduleCount;
        FeeSchedule storage it = _feeSchedules[feeScheduleId];
        it.venue = venue;
        it.levyBeneficiary = levyBeneficiary;
        it.levyPpm = levyPpm;
        for (uint256 i = 0; i < n; ++i) {
            if (i != 0 && slabs[i].upTo <= slabs[i - 1].upTo) revert ClearingHouse_InvalidSlab(i);
            if (slabs[i].ratePpm > PPM) revert ClearingHouse_InvalidRate(slabs[i].ratePpm);
            it.slabs.push(slabs[i]);
        }
        emit FeeScheduleRegistered(feeScheduleId, venue, levyBeneficiary, levyPpm, slabs);
    }

    /// @inheritdoc IClearingHouse
    function record(Header calldata header, bytes32[] calldata records) external returns (bytes32 batchHash) {
        _requireVenue(header.venue);
        batchHash = _record(header, records, records.hash());
    }

    /// @inheritdoc IClearingHouse
    function affirm(Header calldata header, bytes32[] calldata records, Affirmation[] calldata affirmations) external {
        bytes32 batchHash = hashOf(header, records.hash());
        _requireRecorded(batchHash);
        _affirm(batchHash, records, affirmations);
    }

    /// @inheritdoc IClearingHouse
    function openCycle(uint64 deadline) external returns (uint64 cycle) {
        cycle = _openCycle(CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE), deadline);
    }

    /// @inheritdoc IClearingHouse
    function settle(Slice[] calldata slices) external {
        if (slices.length == 0 || slices.length > MAX_SLICES) revert ClearingHouse_SliceCount(slices.length);
        uint16 venue = slices[0].header.venue;
        _requireVenue(venue);
        if (!_cycles[venue].open) revert ClearingHouse_NoCycle(venue);
        bytes32[] memory hashes = new bytes32[](slices.length);
        Netting.Pass memory pass = _newPass(slices[0].header, slices.length);
        for (uint256 k = 0; k < slices.length; ++k) {
            Slice calldata slice = slices[k];
            _requireAlike(slice.header, slices[0].header, k);
            (uint256 start, bytes32 recordsHash) = slice.records.load();
            hashes[k] = hashOf(slice.header, recordsHash);
            _requireRecorded(hashes[k]);
            _take(pass, hashes[k], start, slice.records.length, slice.mask, k);
        }
        _settle(pass, slices[0].header, hashes);
    }

    /// @inheritdoc IClearingHouse
    function closeCycle(uint16 venue) external {
        Cycle storage it = _cycles[venue];
        if (!it.open) revert ClearingHouse_NoCycle(venue);
        if (block.timestamp < it.deadline && CONSORTIUM.institutionOf(msg.sender) != venue) {
            revert ClearingHouse_BeforeDeadline(venue, it.deadline);
        }
        _closeCycle(venue);
    }

    /// @inheritdoc IClearingHouse
    function clear(
        Header calldata header,
        bytes32[] calldata records,
        Affirmation[] calldata affirmations,
        uint256[] calldata mask
    ) external {
        _requireVenue(header.venue);
        (uint256 start, bytes32 recordsHash) = records.load();
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = _record(header, records, recordsHash);
        _affirm(hashes[0], records, affirmations);
        _openCycle(header.venue, uint64(block.timestamp) + MAX_CYCLE);
        Netting.Pass memory pass = _newPass(header, 1);
        _take(pass, hashes[0], start, records.length, mask, 0);
        _settle(pass, header, hashes);
        _closeCycle(header.venue);
    }

    /// @inheritdoc IClearingHouse
    function cycleOf(uint16 venue) external view returns (Cycle memory) {
        return _cycles[venue];
    }

    /// @inheritdoc IClearingHouse
    function feeSchedule(uint16 feeScheduleId) external view returns (FeeSchedule memory) {
        if (_feeSchedules[feeScheduleId].venue == 0) revert ClearingHouse_UnknownFeeSchedule(feeScheduleId);
        return _feeSchedules[feeScheduleId];
    }

    /// @inheritdoc IClearingHouse
    function hashOf(Header calldata header, bytes32 recordsHash) public pure returns (bytes32) {
        return keccak256(abi.encode(header, recordsHash));
    }

    /// @inheritdoc IClearingHouse
    function affirmationDigest(
        bytes32 batchHash,
        uint16 institution,
        bytes32 recordsHash,
        bytes32 exceptionsHash,
        bytes32 clientRoot,
        bytes32 priorBlockHash
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    AFFIRMATION_TYPEHASH, batchHash, institution, recordsHash, exceptionsHash, clientRoot, priorBlockHash
                )
            )
        );
    }

    /// @inheritdoc IClearingHouse
    function batch(bytes32 batchHash) external view returns (Batch memory) {
        return _batches[batchHash];
    }

    /// @inheritdoc IClearingHouse
    function affirmedBy(bytes32 batchHash, uint16 institution) external view returns (bool) {
        return (_affirmed[batchHash][institution >> 8] >> (institution & 0xff)) & 1 != 0;
    }

    /// @inheritdoc IClearingHouse
    function statusOf(bytes32 batchHash, uint256 position) public view returns (Status) {
        if (position >= _batches[batchHash].count) return Status.UNKNOWN;
        uint256 word = position >> 8;
        uint256 bit = 1 << (position & 0xff);
        if (_disputed[batchHash][word] & bit != 0) return Status.DISPUTED;
        bool settled = _batches[batchHash].pending == 0 || _closed[batchHash][word] & bit != 0;
        return settled ? Status.SETTLED : Status.PENDING;
    }

    /// @inheritdoc IClearingHouse
    function tradeNumberUsed(uint16 venue, uint32 tradingDay, uint32 tradeNo) public view returns (bool) {
        return (_numbers[_numbersKey(venue, tradingDay, tradeNo >> 8)] >> (tradeNo & 0xff)) & 1 != 0;
    }

    // Recording

    function _record(Header calldata header, bytes32[] calldata records, bytes32 recordsHash)
        private
        returns (bytes32 batchHash)
    {
        _checkHeader(header);
        if (records.length == 0) revert ClearingHouse_EmptyBatch();
        uint256[] memory barred = _members(Role.BROKER);
        for (uint256 i = 0; i < barred.length; ++i) barred[i] = ~barred[i];
        (uint256[] memory page, bool good) = records.scan(barred);
        if (!good) _explain(header, records, barred);
        bytes32 last = records[records.length - 1];
        if (last.asset() > REGISTER.securityCount()) {
            revert ClearingHouse_UnknownSecurity(last.tradeNo(), last.asset());
        }
        _useNumbers(header, last.tradeNo() >> 16, page);
        batchHash = hashOf(header, recordsHash);
        _batches[batchHash] = Batch(uint32(records.length), uint32(records.length), uint64(block.timestamp));
        emit BatchRecorded(batchHash, header.venue, header.tradingDay, recordsHash, records.length, header);
    }

    function _checkHeader(Header calldata h) private view {
        if (h.version != 1) revert ClearingHouse_UnknownVersion(h.version);
        if (!_isDate(h.tradingDay) || !_isDate(h.intendedSettlementDate) || h.intendedSettlementDate < h.tradingDay) {
            revert ClearingHouse_InvalidDates(h.tradingDay, h.intendedSettlementDate);
        }
        if (!REGISTER.isCurrency(h.cashAsset)) revert ClearingHouse_NotCurrency(h.cashAsset);
        if (_feeSchedules[h.feeScheduleId].venue != h.venue) revert ClearingHouse_UnknownFeeSchedule(h.feeScheduleId);
    }

    function _isDate(uint32 yyyymmdd) private pure returns (bool) {
        uint32 month = (yyyymmdd / 100) % 100;
        uint32 day = yyyymmdd % 100;
        return yyyymmdd / 10000 >= 1900 && yyyymmdd / 10000 < 10000 && month != 0 && month <= 12 && day != 0 && day <= 31;
    }

    function _useNumbers(Header calldata header, uint256 high, uint256[] memory page) private {
        uint256 key = _numbersKey(header.venue, header.tradingDay, high << 8);
        for (uint256 i = 0; i < Records.PAGE_WORDS; ++i) {
            uint256 added = page[i];
            if (added == 0) continue;
            uint256 used = _numbers[key + i];
            if (used & added != 0) {
                uint32 tradeNo = uint32((((high << 8) | i) << 8) | Bitmaps.lowest(used & added));
                revert ClearingHouse_TradeNumberUsed(header.venue, header.tradingDay, tradeNo);
            }
            _numbers[key + i] = used | added;
        }
    }

    /// @dev Finds the first record that is wrong and says how, in the order the interface lists it.
    function _explain(Header calldata header, bytes32[] calldata records, uint256[] memory barred) private pure {
        uint256[] memory page = new uint256[](Records.PAGE_WORDS);
        uint256 previous = type(uint32).max;
        for (uint256 i = 0; i < records.length; ++i) {
            bytes32 r = records[i];
            uint32 tradeNo = r.tradeNo();
            uint256 key = (uint256(r.asset()) << 32) | tradeNo;
            uint256 bit = 1 << (tradeNo & 0xff);
            if (r.asset() == 0) revert ClearingHouse_UnknownSecurity(tradeNo, 0);
            if (key <= previous) revert ClearingHouse_RecordOrder(i);
            if (tradeNo >> 16 != records[0].tradeNo() >> 16) revert ClearingHouse_OtherPage(tradeNo);
            if (page[uint16(tradeNo) >> 8] & bit != 0) {
                revert ClearingHouse_TradeNumberUsed(header.venue, header.tradingDay, tradeNo);
            }
            if (barred.contains(r.buyer())) revert ClearingHouse_NotBroker(tradeNo, r.buyer());
            if (barred.contains(r.seller())) revert ClearingHouse_NotBroker(tradeNo, r.seller());
            if (r.quantity() == 0) revert ClearingHouse_ZeroQuantity(tradeNo);
            if (r.amount() == 0) revert ClearingHouse_ZeroAmount(tradeNo);
            page[uint16(tradeNo) >> 8] |= bit;
            previous = key;
        }
    }

    // Affirming

    /// @dev Each institution's records are gathered in memory of their own, behind all that is in use. What a false
    /// count spoils is checked afterwards; records of those who do not affirm now go behind the rest, unread.
    function _affirm(bytes32 batchHash, bytes32[] calldata records, Affirmation[] calldata affirmations) private {
        uint256[] memory pointers = new uint256[](uint256(CONSORTIUM.institutionCount()) + 1);
        uint256[] memory starts = new uint256[](affirmations.length);
        uint256 next = _freeMemory();
        for (uint256 i = 0; i < affirmations.length; ++i) {
            (uint16 index, uint256 count) = (affirmations[i].institution, affirmations[i].count);
            if (index == 0 || index >= pointers.length) revert ClearingHouse_Inactive(index);
            if (pointers[index] != 0) revert ClearingHouse_AlreadyAffirmed(batchHash, index);
            if (count > records.length) revert ClearingHouse_WrongCount(index, count, records.length);
            pointers[index] = next;
            starts[i] = next;
            next += count << 5;
        }
        for (uint256 i = 0; i < pointers.length; ++i) {
            if (pointers[i] == 0) pointers[i] = next;
        }
        uint256 base;
        assembly ("memory-safe") {
            base := add(pointers, 0x20)
            mstore(0x40, next)
        }
        records.scatter(base);
        for (uint256 i = 0; i < affirmations.length; ++i) {
            Affirmation calldata a = affirmations[i];
            uint256 actual = (pointers[a.institution] - starts[i]) >> 5;
            if (actual != a.count || actual == 0) revert ClearingHouse_WrongCount(a.institution, a.count, actual);
            _affirmOne(batchHash, records, a, starts[i]);
        }
    }

    function _affirmOne(bytes32 batchHash, bytes32[] calldata records, Affirmation calldata a, uint256 start) private {
        uint256 bit = 1 << (a.institution & 0xff);
        uint256 affirmed = _affirmed[batchHash][a.institution >> 8];
        if (affirmed & bit != 0) revert ClearingHouse_AlreadyAffirmed(batchHash, a.institution);
        address signer = CONSORTIUM.activeSigner(a.institution);
        if (signer == address(0)) revert ClearingHouse_Inactive(a.institution);
        bytes32 prior = blockhash(a.priorBlock);
        if (prior == 0) revert ClearingHouse_PriorBlockUnknown(a.institution, a.priorBlock);
        (bytes32 recordsHash, bytes32 exceptionsHash) = _except(batchHash, records, a, start);
        bytes32 digest =
            affirmationDigest(batchHash, a.institution, recordsHash, exceptionsHash, a.clientRoot, prior);
        if (!_signed(signer, digest, a.signature)) {
            revert ClearingHouse_InvalidSignature(a.institution, recordsHash);
        }
        _affirmed[batchHash][a.institution >> 8] = affirmed | bit;
        emit BatchAffirmed(batchHash, a.institution, recordsHash, a.exceptions.length, a.clientRoot, prior);
    }

    /// @dev Takes the exceptions out of the institution's records, disputes them, and hashes both.
    function _except(bytes32 batchHash, bytes32[] calldata records, Affirmation calldata a, uint256 start)
        private
        returns (bytes32 recordsHash, bytes32 exceptionsHash)
    {
        bytes memory numbers = "";
        uint256 from = start;
        uint256 to = start;
        uint256 end = start + (uint256(a.count) << 5);
        for (uint256 i = 0; i < a.exceptions.length; ++i) {
            uint256 position = a.exceptions[i];
            if (position >= records.length || (i != 0 && position <= a.exceptions[i - 1])) {
                revert ClearingHouse_InvalidException(a.institution, position);
            }
            bytes32 r = records[position];
            if (r.buyer() != a.institution && r.seller() != a.institution) {
                revert ClearingHouse_InvalidException(a.institution, position);
            }
            assembly ("memory-safe") {
                for {} sub(mload(from), r) { from := add(from, 0x20) } {
                    mstore(to, mload(from))
                    to := add(to, 0x20)
                }
                from := add(from, 0x20)
            }
            numbers = bytes.concat(numbers, abi.encodePacked(r.tradeNo()));
            _dispute(batchHash, position, r.tradeNo(), a.institution);
        }
        assembly ("memory-safe") {
            let rest := sub(end, from)
            if sub(from, to) { mcopy(to, from, rest) }
            recordsHash := keccak256(start, sub(add(to, rest), start))
        }
        exceptionsHash = keccak256(numbers);
    }

    function _dispute(bytes32 batchHash, uint256 position, uint32 tradeNo, uint16 institution) private {
        uint256 bit = 1 << (position & 0xff);
        if (_disputed[batchHash][position >> 8] & bit == 0) {
            --_batches[batchHash].pending;
            _closed[batchHash][position >> 8] |= bit;
            _disputed[batchHash][position >> 8] |= bit;
        }
        emit TradeDisputed(batchHash, tradeNo, institution);
    }

    /// @dev A key is tried first: it is what nearly every signer is, and costs no look at the signer's code.
    function _signed(address signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    // Settling

    function _openCycle(uint16 venue, uint64 deadline) private returns (uint64 cycle) {
        Cycle storage it = _cycles[venue];
        if (it.open) revert ClearingHouse_CycleOpen(venue, it.number);
        uint64 latest = uint64(block.timestamp) + MAX_CYCLE;
        if (deadline <= block.timestamp || deadline > latest) revert ClearingHouse_InvalidDeadline(deadline, latest);
        if (it.number != 0 && block.number <= it.closedInBlock + 1) {
            revert ClearingHouse_TooSoon(venue, it.closedInBlock);
        }
        cycle = ++it.number;
        it.deadline = deadline;
        it.open = true;
        ++openCycles;
        emit CycleOpened(venue, cycle, deadline);
    }

    function _closeCycle(uint16 venue) private {
        Cycle storage it = _cycles[venue];
        it.open = false;
        it.closedInBlock = uint64(block.number);
        --openCycles;
        emit CycleClosed(venue, it.number, msg.sender);
    }

    function _newPass(Header calldata header, uint256 slices) private view returns (Netting.Pass memory pass) {
        pass.size = (uint256(CONSORTIUM.institutionCount()) + 1) << 8;
        pass.table = _allocate((slices + 1) * pass.size);
        pass.slices = slices;
        pass.cursors = _allocate(slices << 5);
        FeeSchedule storage fees = _feeSchedules[header.feeScheduleId];
        uint256 n = fees.slabs.length;
        uint256 slab = _allocate(n * 0x60);
        pass.slabs = slab;
        for (uint256 i = 0; i < n; ++i) {
            _poke(slab, fees.slabs[i].upTo);
            _poke(slab + 0x20, fees.slabs[i].ratePpm);
            _poke(slab + 0x40, fees.levyPpm);
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
    ) private {
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
                    bytes32(_peek(from + (position << 5))).tradeNo(), statusOf(batchHash, (i << 8) | position)
                );
            }
            to = chosen == all ? _keepAll(from, to, held < 256 ? held : 256) : _keep(from, to, chosen);
        }
        if (to == start) revert ClearingHouse_EmptyMask(k);
        _poke(to, Netting.END);
        _poke(pass.cursors + (k << 5), start);
        pending -= (to - start) >> 5;
        _batches[batchHash].pending = uint32(pending);
        // A batch with nothing pending needs no bits to say what is settled: all that is not disputed.
        if (pending == 0) return;
        for (uint256 i = 0; i < words; ++i) {
            if (mask[i] != 0) _closed[batchHash][i] |= mask[i];
        }
    }

    function _keepAll(uint256 from, uint256 to, uint256 records) private pure returns (uint256) {
        if (from != to) {
            assembly ("memory-safe") {
                mcopy(to, from, shl(5, records))
            }
        }
        return to + (records << 5);
    }

    function _keep(uint256 from, uint256 to, uint256 chosen) private pure returns (uint256) {
        for (; chosen != 0; chosen >>= 1) {
            if (chosen & 1 != 0) {
                _poke(to, _peek(from));
                to += 0x20;
            }
            from += 0x20;
        }
        return to;
    }

    function _settle(Netting.Pass memory pass, Header calldata header, bytes32[] memory hashes) private {
        uint256[] memory movements;
        assembly ("memory-safe") {
            movements := mload(0x40)
            mstore(add(pass, 0xa0), add(movements, 0x20))
        }
        Netting.run(pass);
        if (pass.gross > MAX_GROSS) revert ClearingHouse_GrossTooLarge(pass.gross, MAX_GROSS);
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
        private
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
    function _settleCash(Netting.Pass memory pass, Header calldata header, uint64 cycle) private {
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

    function _cashMovements(int256[] memory cash, uint16 cashAsset) private pure returns (uint256[] memory list) {
        list = new uint256[](cash.length);
        uint256 n = 0;
        for (uint256 i = 1; i < cash.length; ++i) {
            if (cash[i] != 0) list[n++] = Movements.pack(cashAsset, uint16(i), int128(cash[i]));
        }
        assembly ("memory-safe") {
            mstore(list, n)
        }
    }

    // Common

    function _requireVenue(uint16 venue) private view {
        uint16 caller = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        if (caller != venue) revert ClearingHouse_NotVenue(caller, venue);
    }

    function _requireRecorded(bytes32 batchHash) private view {
        if (_batches[batchHash].count == 0) revert ClearingHouse_UnknownBatch(batchHash);
    }

    function _requireAlike(Header calldata a, Header calldata b, uint256 k) private pure {
        if (a.venue != b.venue || a.cashAsset != b.cashAsset || a.feeScheduleId != b.feeScheduleId) {
            revert ClearingHouse_MixedSlices(k);
        }
    }

    function _numbersKey(uint16 venue, uint32 tradingDay, uint256 word) private pure returns (uint256) {
        return (uint256(venue) << 56) | (uint256(tradingDay) << 24) | word;
    }

    /// @dev A role's members as a set of 256 words (see Bitmaps).
    function _members(Role role) private view returns (uint256[] memory set) {
        set = new uint256[](Bitmaps.WORDS);
        uint256[] memory words = CONSORTIUM.membersOf(role);
        for (uint256 i = 0; i < words.length; ++i) set[i] = words[i];
    }

    /// @dev `size` zeroed bytes of memory, a multiple of 32.
    function _allocate(uint256 size) private pure returns (uint256 place) {
        place = _freeMemory();
        assembly ("memory-safe") {
            calldatacopy(place, calldatasize(), size)
            mstore(0x40, add(place, size))
        }
    }

    function _freeMemory() private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := mload(0x40)
        }
    }

    function _peek(uint256 place) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(place)
        }
    }

    function _poke(uint256 place, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(place, value)
        }
    }
}
