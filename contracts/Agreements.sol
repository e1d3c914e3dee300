// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IAgreements} from "./interfaces/IAgreements.sol";
import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IRevenueSharing} from "./interfaces/IRevenueSharing.sol";
import {Calendar} from "./libraries/Calendar.sol";
import {Memory} from "./libraries/Memory.sol";
import {Stored} from "./libraries/Stored.sol";
import {Terms} from "./libraries/Terms.sol";
import {TermsCheck} from "./libraries/TermsCheck.sol";
import {Agreement, Consent, TermsMistake, Version} from "./types/Agreement.sol";

/// @title Agreements, as IAgreements says
contract Agreements is IAgreements, EIP712 {
    using Terms for uint256;

    /// @dev Terms that were proposed. Bits of `consents` and `refused` are places: the payer's, the parties', and from
    /// FORMER on those that the parties of the version before had there.
    struct Proposal {
        uint32 termsNo;
        uint64 consents;
        uint64 refused;
        bool concluded;
    }

    /// @dev An agreement but for its name, which its terms have.
    struct Kept {
        uint16 payer;
        uint16 currency;
        uint32 versions;
        uint16 endPeriod;
        uint40 endsAt;
    }

    uint256 private constant FORMER = 24;
    /// @dev Seconds; see TermsCheck. A later period's number would not fit.
    uint256 private constant LATEST = 2 ** 36;

    bytes32 private constant TERMS_TYPEHASH =
        keccak256("Terms(uint16 payer,uint16 currency,uint32 version,bytes32 name,uint256[] words)");

    IConsortium public immutable CONSORTIUM;
    IAssetRegister public immutable REGISTER;
    IClearingHouse public immutable CLEARING_HOUSE;
    IRevenueSharing public immutable REVENUE_SHARING;

    uint32 public agreementCount;
    /// @dev How many terms were proposed; as a contract's first creation is number 1, so is the first termsNo.
    uint32 private _termsCount;
    mapping(bytes32 termsHash => Proposal) private _proposals;
    mapping(uint16 payer => mapping(bytes32 name => uint32 id)) public agreementNamed;
    mapping(uint32 id => Kept) private _agreements;
    mapping(uint32 id => mapping(uint32 version => Version)) private _versions;

    constructor(
        IConsortium consortium,
        IAssetRegister register,
        IClearingHouse clearingHouse,
        IRevenueSharing revenueSharing
    ) EIP712("Agreements", "1") {
        CONSORTIUM = consortium;
        REGISTER = register;
        CLEARING_HOUSE = clearingHouse;
        REVENUE_SHARING = revenueSharing;
    }

    /// @inheritdoc IAgreements
    function propose(uint256[] calldata terms, Consent[] calldata consents) external returns (bytes32 termsHash) {
        termsHash = hashOf(terms);
        Proposal storage it = _proposals[termsHash];
        uint256 place;
        if (it.termsNo == 0) {
            uint256[] memory words = terms;
            TermsCheck.check(words, CONSORTIUM.institutionCount());
            assembly ("memory-safe") {
                place := add(words, 0x20)
            }
            _checkOutside(place);
            _startOf(place);
            Stored.write(words);
            it.termsNo = ++_termsCount;
            emit TermsProposed(termsHash, place.payer(), CONSORTIUM.institutionOf(msg.sender), terms);
        } else {
            place = _read(it.termsNo);
        }
        _consent(termsHash, it, place, consents);
    }

    /// @inheritdoc IAgreements
    function consent(bytes32 termsHash, Consent[] calldata consents) external {
        Proposal storage it = _proposal(termsHash);
        _consent(termsHash, it, _read(it.termsNo), consents);
    }

    /// @inheritdoc IAgreements
    function withdrawConsent(bytes32 termsHash) external {
        Proposal storage it = _proposal(termsHash);
        uint256 terms = _read(it.termsNo);
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        uint64 bit = _bitOf(terms, _before(terms), caller);
        if (bit == 0 || !CONSORTIUM.isActive(caller)) revert Agreements_NotParty(msg.sender);
        if (it.concluded) revert Agreements_UnknownTerms(termsHash);
        if (it.refused & bit != 0) revert Agreements_NoChange();
        it.consents &= ~bit;
        it.refused |= bit;
        emit ConsentWithdrawn(termsHash, caller);
    }

    /// @inheritdoc IAgreements
    function giveNotice(uint32 agreementId) external {
        Kept storage it = _known(agreementId);
        (, Version memory at) = coverAt(agreementId, block.timestamp);
        if (at.termsNo == 0) at = _versions[agreementId][1];
        uint256 terms = _read(at.termsNo);
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        if (terms.placeOf(caller) > terms.parties() || !CONSORTIUM.isActive(caller)) {
            revert Agreements_NotParty(msg.sender);
        }
        if (it.endPeriod != 0) revert Agreements_NoChange();
        uint256 last = block.timestamp + uint256(terms.noticeDays()) * 1 days;
        if (last < at.startsAt) last = at.startsAt;
        (, at) = coverAt(agreementId, last);
        (uint256 month,) = Calendar.monthOf(last);
        uint16 endPeriod = uint16(month - month % at.months + at.months);
        uint256 endsAt = Calendar.startOf(endPeriod);
        // Who is left out by then would end what others go on with, and be no sooner free.
        (, at) = coverAt(agreementId, endsAt);
        terms = _read(at.termsNo);
        if (terms.placeOf(caller) > terms.parties()) revert Agreements_NotParty(msg.sender);
        if (CLEARING_HOUSE.openCycles() != 0 && endsAt <= CLEARING_HOUSE.openSince() + CLEARING_HOUSE.MAX_CYCLE()) {
            revert Agreements_CycleOpen();
        }
        (it.endPeriod, it.endsAt) = (endPeriod, uint40(endsAt));
        emit NoticeGiven(agreementId, caller, it.endsAt, it.endPeriod);
    }

    /// @inheritdoc IAgreements
    function agreement(uint32 agreementId) external view returns (Agreement memory) {
        Kept storage it = _known(agreementId);
        bytes32 name = _read(_versions[agreementId][1].termsNo).name();
        return Agreement(it.payer, it.currency, it.versions, it.endPeriod, it.endsAt, name);
    }

    /// @inheritdoc IAgreements
    function versionOf(uint32 agreementId, uint32 version) external view returns (Version memory) {
        _known(agreementId);
        return _versions[agreementId][version];
    }

    /// @inheritdoc IAgreements
    function termsOf(uint32 agreementId, uint32 version) external view returns (uint256[] memory terms) {
        Version storage it = _versions[agreementId][version];
        if (it.termsNo == 0) revert Agreements_UnknownAgreement(agreementId);
        uint256 place = _read(it.termsNo);
        assembly ("memory-safe") {
            terms := sub(place, 0x20)
        }
    }

    /// @inheritdoc IAgreements
    function hashOf(uint256[] calldata terms) public view returns (bytes32) {
        if (terms.length < 2) revert Agreements_InvalidTerms(TermsMistake.LENGTH, 0, terms.length);
        uint256 header = terms[0];
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    TERMS_TYPEHASH,
                    header >> 240,
                    uint16(header >> 224),
                    uint32(header >> 192),
                    terms[1],
                    keccak256(abi.encodePacked(terms))
                )
            )
        );
    }

    /// @return terms place in memory of the words that were proposed, with their count before them
    function _read(uint256 termsNo) private view returns (uint256 terms) {
        terms = Memory.free() + 0x20;
        uint256 words = Stored.read(address(this), termsNo, terms);
        Memory.poke(terms - 0x20, words);
        Memory.release(terms + (words << 5));
    }

    /// @return before terms of the version before, 0 of the first; which they are is certain once terms were proposed
    function _before(uint256 terms) private view returns (uint256 before) {
        uint32 version = terms.version();
        if (version == 1) return 0;
        before = _read(_versions[agreementNamed[terms.payer()][terms.name()]][version - 1].termsNo);
    }

    /// @return bit of an institution whose consent is needed, 0 of anybody else
    function _bitOf(uint256 terms, uint256 before, uint16 institution) private pure returns (uint64 bit) {
        uint256 place = terms.placeOf(institution);
        if (place <= terms.parties()) return uint64(1 << place);
        if (before == 0) return 0;
        place = before.placeOf(institution);
        if (place <= before.parties()) bit = uint64(1 << (FORMER + place));
    }

    /// @return bits of all whose consent is needed. Who is left out loses what notice would have let it keep.
    function _needed(uint256 terms, uint256 before) private pure returns (uint64 bits) {
        bits = (uint64(2) << terms.parties()) - 1;
        if (before == 0) return bits;
        uint256 count = before.parties();
        for (uint256 i = 0; i < count; ++i) bits |= _bitOf(terms, before, before.party(i));
    }

    function _known(uint32 agreementId) private view returns (Kept storage it) {
        it = _agreements[agreementId];
        if (it.versions == 0) revert Agreements_UnknownAgreement(agreementId);
    }

    /// @inheritdoc IAgreements
    function coverAt(uint32 agreementId, uint256 moment) public view returns (uint16 period, Version memory version) {
        Kept storage it = _agreements[agreementId];
        if (it.endsAt != 0 && moment >= it.endsAt) return (0, version);
        version = _lastBy(agreementId, it.versions, moment, type(uint16).max);
        if (version.termsNo == 0) return (0, version);
        (uint256 month,) = Calendar.monthOf(moment);
        period = uint16(month - month % version.months);
    }

    /// @inheritdoc IAgreements
    function covering(uint32 agreementId, uint16 period)
        external
        view
        returns (Version memory version, uint256 from, uint256 to)
    {
        Kept storage it = _known(agreementId);
        version = _lastBy(agreementId, it.versions, type(uint256).max, period);
        if (
            version.termsNo == 0 || period % version.months != 0 || (it.endPeriod != 0 && period >= it.endPeriod)
        ) revert Agreements_UnknownPeriod(agreementId, period);
        from = Calendar.startOf(period);
        if (from < version.startsAt) from = version.startsAt;
        to = Calendar.startOf(uint256(period) + version.months);
    }

    /// @dev The last version that starts by a moment and in or before a period. By halves: however many were concluded, a
    /// settlement can pay for this.
    function _lastBy(uint32 agreementId, uint32 versions, uint256 moment, uint16 period)
        private
        view
        returns (Version memory version)
    {
        uint32 low = 0;
        uint32 high = versions;
        while (low < high) {
            uint32 v = high - (high - low) / 2;
            // What is in force is mostly the last.
            if (high == versions) v = versions;
            Version memory it = _versions[agreementId][v];
            if (it.startsAt <= moment && it.fromPeriod <= period) (low, version) = (v, it);
            else high = v - 1;
        }
    }

    function _proposal(bytes32 termsHash) private view returns (Proposal storage it) {
        it = _proposals[termsHash];
        if (it.termsNo == 0) revert Agreements_UnknownTerms(termsHash);
    }

    /// @dev What of terms other contracts know.
    function _checkOutside(uint256 terms) private view {
        if (!REGISTER.isCurrency(terms.currency())) revert Agreements_NotCurrency(terms.currency());
        uint16 keeper = terms.reserveAccount();
        if (keeper != 0 && keeper != CONSORTIUM.institutionOf(address(REVENUE_SHARING))) {
            revert Agreements_NotReserveAccount(keeper);
        }
    }

    /// @dev When terms that all had consented to by now would come into force; refused where they could not.
    function _startOf(uint256 terms) private view returns (uint32 id, uint256 startsAt) {
        id = agreementNamed[terms.payer()][terms.name()];
        uint32 next = _agreements[id].versions + 1;
        if (terms.version() != next) revert Agreements_WrongVersion(terms.version(), next);
        uint64 wanted = terms.effectiveFrom();
        if (next == 1) {
            if (wanted != 0 && wanted < block.timestamp) {
                revert Agreements_NotEffective(wanted, uint64(block.timestamp));
            }
            return (id, wanted == 0 ? block.timestamp : wanted);
        }
        Kept storage it = _agreements[id];
        if (it.currency != terms.currency()) revert Agreements_WrongCurrency(terms.currency(), it.currency);
        Version memory last = _versions[id][next - 1];
        // Where notice ends it before the last version begins, who is none of that party would be bound anew.
        if (it.endsAt != 0 && (block.timestamp >= it.endsAt || last.startsAt >= it.endsAt)) {
            revert Agreements_Ended(id, it.endsAt);
        }
        (uint256 month,) = Calendar.monthOf(block.timestamp);
        if (month < last.fromPeriod) month = last.fromPeriod;
        ++month;
        while (month % last.months != 0 || month % terms.months() != 0) ++month;
        startsAt = Calendar.startOf(month);
        if (startsAt > LATEST) revert Agreements_NotEffective(wanted, uint64(startsAt));
        if (wanted == 0) return (id, startsAt);
        (uint256 from, uint256 day) = Calendar.monthOf(wanted);
        if (
            wanted < startsAt || day != 1 || wanted % 1 days != 0 || from % last.months != 0
                || from % terms.months() != 0
        ) revert Agreements_NotEffective(wanted, uint64(startsAt));
        return (id, wanted);
    }

    function _consent(bytes32 termsHash, Proposal storage it, uint256 terms, Consent[] calldata consents) private {
        if (it.concluded) revert Agreements_UnknownTerms(termsHash);
        uint256 before = _before(terms);
        uint64 given = it.consents;
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        uint64 bit = _bitOf(terms, before, caller);
        if (bit != 0 && CONSORTIUM.isActive(caller)) {
            given |= _note(termsHash, caller, bit, given);
            it.refused &= ~bit;
        } else if (consents.length == 0) {
            revert Agreements_NotParty(msg.sender);
        }
        for (uint256 i = 0; i < consents.length; ++i) {
            uint16 institution = consents[i].institution;
            bit = _bitOf(terms, before, institution);
            if (bit == 0) revert Agreements_UnknownParty(institution);
            // Who is suspended stays bound by what it signs, and others may still need its word.
            (bool signed,) = CONSORTIUM.isSignedBy(institution, termsHash, consents[i].signature);
            if (!signed || it.refused & bit != 0) revert Agreements_InvalidSignature(institution, termsHash);
            given |= _note(termsHash, institution, bit, given);
        }
        if (given == it.consents) revert Agreements_NoChange();
        it.consents = given;
        if (given == _needed(terms, before)) {
            it.concluded = true;
            _conclude(termsHash, it.termsNo, terms);
        }
    }

    function _note(bytes32 termsHash, uint16 institution, uint64 bit, uint64 given) private returns (uint64) {
        if (given & bit == 0) emit ConsentGiven(termsHash, institution);
        return bit;
    }

    function _conclude(bytes32 termsHash, uint32 termsNo, uint256 terms) private {
        if (CLEARING_HOUSE.openCycles() != 0) revert Agreements_CycleOpen();
        // Nobody gives away by terms what it may not move.
        if (!CONSORTIUM.isActive(terms.payer())) revert Agreements_PayerSuspended(terms.payer());
        (uint32 id, uint256 startsAt) = _startOf(terms);
        if (id == 0) {
            id = ++agreementCount;
            agreementNamed[terms.payer()][terms.name()] = id;
            (_agreements[id].payer, _agreements[id].currency) = (terms.payer(), terms.currency());
        }
        (uint256 month,) = Calendar.monthOf(startsAt);
        uint8 months = terms.months();
        uint16 fromPeriod = uint16(month - month % months);
        uint32 version = ++_agreements[id].versions;
        (_agreements[id].endPeriod, _agreements[id].endsAt) = (0, 0);
        _versions[id][version] = Version(termsNo, fromPeriod, months, terms.parties(), uint40(startsAt));
        emit AgreementConcluded(id, version, termsHash, uint40(startsAt), fromPeriod);
        REVENUE_SHARING.begin(id, version);
    }
}
