// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {Accounts} from "./libraries/Accounts.sol";
import {Admission, Institution, Role} from "./types/Types.sol";

/// @title Consortium, as IConsortium says
contract Consortium is IConsortium, Ownable2Step {
    struct Nomination {
        address signer;
        uint64 acceptableFrom;
    }

    uint64 public constant RECOVERY_DELAY = 2 days;
    uint256 private constant ROLES = uint256(type(Role).max) + 1;
    /// @dev The set of all active institutions is kept beside the roles' sets, under the next number.
    uint256 private constant ACTIVE = ROLES;
    uint8 private constant REGULATOR = uint8(1 << uint8(Role.REGULATOR));

    uint16 public institutionCount;
    uint16 private _regulators;
    mapping(uint16 index => Institution) private _institutions;
    mapping(address signer => uint16 index) public institutionOf;
    mapping(bytes32 name => uint16 index) public institutionNamed;
    mapping(uint256 set => mapping(uint256 word => uint256)) private _members;
    mapping(uint16 index => mapping(bool byOperator => Nomination)) private _nominations;

    modifier known(uint16 index) {
        if (index == 0 || index > institutionCount) revert Consortium_UnknownInstitution(index);
        _;
    }

    constructor(address operator) Ownable(operator) {}

    /// @inheritdoc IConsortium
    function admit(Admission[] calldata admissions) external onlyOwner returns (uint16 first) {
        first = institutionCount + 1;
        for (uint256 i = 0; i < admissions.length; ++i) {
            Admission calldata a = admissions[i];
            uint16 index = institutionCount + 1;
            if (a.name == 0 || institutionNamed[a.name] != 0) revert Consortium_NameTaken(a.name);
            if (a.signer == address(0) || institutionOf[a.signer] != 0) revert Consortium_SignerTaken(a.signer);
            _checkGrant(a.roles);
            if (a.roles & REGULATOR != 0) ++_regulators;
            institutionCount = index;
            _institutions[index] = Institution(a.signer, a.roles, false, a.name);
            institutionOf[a.signer] = index;
            institutionNamed[a.name] = index;
            _mark(index, a.roles, true, true);
            emit InstitutionAdmitted(index, a.name, Accounts.addressOf(index), a.signer, a.roles);
        }
    }

    /// @inheritdoc IConsortium
    function grantRoles(uint16 index, uint8 roles) external known(index) {
        if (roles != REGULATOR || _regulators == 0) _checkOwner();
        _checkGrant(roles);
        Institution storage it = _institutions[index];
        uint8 added = roles & ~it.roles;
        if (added == 0) revert Consortium_NoChange(index);
        if (added & REGULATOR != 0) ++_regulators;
        it.roles |= added;
        if (!it.suspended) _mark(index, added, false, true);
        emit RolesChanged(index, it.roles, msg.sender);
    }

    /// @inheritdoc IConsortium
    function revokeRoles(uint16 index, uint8 roles) external known(index) {
        if (actingAs(msg.sender, Role.REGULATOR) == index) revert Consortium_OwnCase(index);
        Institution storage it = _institutions[index];
        uint8 removed = roles & it.roles;
        if (removed == 0) revert Consortium_NoChange(index);
        if (removed & REGULATOR != 0) --_regulators;
        it.roles &= ~removed;
        if (!it.suspended) _mark(index, removed, false, false);
        emit RolesChanged(index, it.roles, msg.sender);
    }

    /// @inheritdoc IConsortium
    function suspend(uint16 index) external known(index) {
        uint16 regulator = actingAs(msg.sender, Role.REGULATOR);
        if (regulator == index) revert Consortium_OwnCase(index);
        Institution storage it = _institutions[index];
        if (it.suspended) revert Consortium_NoChange(index);
        it.suspended = true;
        _mark(index, it.roles, true, false);
        emit InstitutionSuspended(index, regulator);
    }

    /// @inheritdoc IConsortium
    function reinstate(uint16 index) external known(index) {
        uint16 regulator = actingAs(msg.sender, Role.REGULATOR);
        Institution storage it = _institutions[index];
        if (!it.suspended) revert Consortium_NoChange(index);
        it.suspended = false;
        _mark(index, it.roles, true, true);
        emit InstitutionReinstated(index, regulator);
    }

    /// @inheritdoc IConsortium
    function nominateSigner(uint16 index, address signer) external known(index) {
        if (signer == address(0) || institutionOf[signer] != 0) revert Consortium_SignerTaken(signer);
        bool byOperator = _byOperator(index);
        uint64 from = uint64(block.timestamp) + (byOperator ? RECOVERY_DELAY : 0);
        _nominations[index][byOperator] = Nomination(signer, from);
        emit SignerNominated(index, signer, from, msg.sender);
    }

    /// @inheritdoc IConsortium
    function withdrawNomination(uint16 index) external known(index) {
        if (!_byOperator(index)) delete _nominations[index][false];
        delete _nominations[index][true];
        emit NominationWithdrawn(index, msg.sender);
    }

    /// @inheritdoc IConsortium
    function acceptSigner(uint16 index) external known(index) {
        if (institutionOf[msg.sender] != 0) revert Consortium_SignerTaken(msg.sender);
        if (_nominations[index][false].signer != msg.sender) {
            Nomination memory recovery = _nominations[index][true];
            if (recovery.signer != msg.sender) revert Consortium_NotNominated(msg.sender, index);
            if (block.timestamp < recovery.acceptableFrom) {
                revert Consortium_TooEarly(index, recovery.acceptableFrom);
            }
        }
        address previous = _institutions[index].signer;
        delete institutionOf[previous];
        delete _nominations[index][false];
        delete _nominations[index][true];
        institutionOf[msg.sender] = index;
        _institutions[index].signer = msg.sender;
        emit SignerChanged(index, previous, msg.sender);
    }

    /// @notice Refused: without an operator a lost key could not be replaced.
    /// @custom:access nobody
    function renounceOwnership() public pure override {
        revert Consortium_OperatorRequired();
    }

    /// @inheritdoc IConsortium
    function institution(uint16 index) external view known(index) returns (Institution memory) {
        return _institutions[index];
    }

    /// @inheritdoc IConsortium
    function accountOf(uint16 index) external pure returns (address) {
        return Accounts.addressOf(index);
    }

    /// @inheritdoc IConsortium
    function isActive(uint16 index) external view returns (bool) {
        return _isMember(ACTIVE, index);
    }

    /// @inheritdoc IConsortium
    function activeSigner(uint16 index) external view returns (address) {
        Institution storage it = _institutions[index];
        return it.suspended ? address(0) : it.signer;
    }

    /// @inheritdoc IConsortium
    /// @dev A key is tried first: it is what nearly every signer is, and costs no look at the signer's code.
    function isSignedBy(uint16 index, bytes32 digest, bytes calldata signature)
        external
        view
        known(index)
        returns (bool signed, bool acting)
    {
        Institution storage it = _institutions[index];
        address signer = it.signer;
        acting = !it.suspended;
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        signed = (err == ECDSA.RecoverError.NoError && recovered == signer)
            || SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    /// @inheritdoc IConsortium
    function actingAs(address signer, Role role) public view returns (uint16 index) {
        index = institutionOf[signer];
        if (!_isMember(uint256(role), index)) revert Consortium_RoleRequired(signer, role);
    }

    /// @inheritdoc IConsortium
    function membersOf(Role role) external view returns (uint256[] memory) {
        return _set(uint256(role));
    }

    /// @inheritdoc IConsortium
    function active() external view returns (uint256[] memory) {
        return _set(ACTIVE);
    }

    /// @dev True where the caller acts as operator in a matter of the institution's key, false where as its signer.
    function _byOperator(uint16 index) private view returns (bool) {
        if (institutionOf[msg.sender] == index) return false;
        if (msg.sender != owner()) revert Consortium_NotSigner(msg.sender, index);
        return true;
    }

    function _checkGrant(uint8 roles) private view {
        if (roles == 0 || roles >> ROLES != 0) revert Consortium_InvalidRoles(roles);
        if (roles & REGULATOR == 0 || _regulators == 0) return;
        if (!_isMember(uint256(Role.REGULATOR), institutionOf[msg.sender])) {
            revert Consortium_RegulatorAppointsRegulator(msg.sender);
        }
    }

    function _isMember(uint256 set, uint16 index) private view returns (bool) {
        return (_members[set][index >> 8] >> (index & 0xff)) & 1 != 0;
    }

    function _set(uint256 set) private view returns (uint256[] memory words) {
        words = new uint256[]((uint256(institutionCount) >> 8) + 1);
        for (uint256 i = 0; i < words.length; ++i) {
            words[i] = _members[set][i];
        }
    }

    function _mark(uint16 index, uint8 roles, bool withActive, bool present) private {
        uint256 sets = uint256(roles) | (withActive ? 1 << ACTIVE : 0);
        uint256 bit = 1 << (index & 0xff);
        for (uint256 set = 0; set <= ACTIVE; ++set) {
            if ((sets >> set) & 1 == 0) continue;
            if (present) _members[set][index >> 8] |= bit;
            else _members[set][index >> 8] &= ~bit;
        }
    }
}
