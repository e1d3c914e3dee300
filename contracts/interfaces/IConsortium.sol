// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Admission, Institution, Role} from "../types/Types.sol";

/// @title Who may take part
/// @notice Institutions, each with a permanent index and account, a signer that can be replaced, roles and a status.
/// The operator (OpenZeppelin's `owner`) lets institutions in and helps those who lost a key; only a regulator puts
/// one out. So neither the operator nor any other institution alone can take another's place; whom to keep out is in
/// the regulators' hands.
interface IConsortium {
    /// @notice An institution was admitted. `account` is permanent, `roles` a set with role r at bit r.
    event InstitutionAdmitted(
        uint16 indexed institution, bytes32 indexed name, address account, address signer, uint8 roles
    );
    /// @notice An institution's roles are now `roles`.
    event RolesChanged(uint16 indexed institution, uint8 roles, address indexed by);
    /// @notice A regulator put the institution out: it can neither act nor settle.
    event InstitutionSuspended(uint16 indexed institution, uint16 indexed regulator);
    /// @notice A regulator let the institution back in.
    event InstitutionReinstated(uint16 indexed institution, uint16 indexed regulator);
    /// @notice `signer` may accept from `acceptableFrom` (seconds) on.
    event SignerNominated(uint16 indexed institution, address indexed signer, uint64 acceptableFrom, address by);
    /// @notice The nominations open for the institution that `by` may withdraw were withdrawn.
    event NominationWithdrawn(uint16 indexed institution, address by);
    /// @notice `signer` acts for the institution from now on, `previous` no more.
    event SignerChanged(uint16 indexed institution, address indexed previous, address indexed signer);

    /// @notice The caller does not act for an active institution with that role.
    error Consortium_RoleRequired(address caller, Role role);
    /// @notice The caller is not the institution's signer, nor the operator where it may.
    error Consortium_NotSigner(address caller, uint16 institution);
    /// @notice The caller was not nominated for the institution.
    error Consortium_NotNominated(address caller, uint16 institution);
    /// @notice The nomination can be accepted from `acceptableFrom` (seconds) on.
    error Consortium_TooEarly(uint16 institution, uint64 acceptableFrom);
    /// @notice No institution has this index.
    error Consortium_UnknownInstitution(uint16 institution);
    /// @notice Names are given once, and are not empty.
    error Consortium_NameTaken(bytes32 name);
    /// @notice A signer acts for one institution only, and is not the zero address.
    error Consortium_SignerTaken(address signer);
    /// @notice At least one role, and only bits that are roles.
    error Consortium_InvalidRoles(uint8 roles);
    /// @notice Once there is a regulator, only a regulator appoints another.
    error Consortium_RegulatorAppointsRegulator(address caller);
    /// @notice A regulator cannot suspend itself or give up its own role.
    error Consortium_OwnCase(uint16 institution);
    /// @notice The institution already is what it should become.
    error Consortium_NoChange(uint16 institution);
    /// @notice The consortium always has an operator.
    error Consortium_OperatorRequired();

    /// @notice Admits institutions and gives them the next indexes, from 1.
    /// @return first index given
    /// @custom:access the operator; once there is a regulator, a further one only if the operator is one itself
    function admit(Admission[] calldata admissions) external returns (uint16 first);

    /// @notice Adds roles to an institution.
    /// @custom:access the operator, except for REGULATOR: that a regulator, once there is one
    function grantRoles(uint16 institution, uint8 roles) external;

    /// @notice Takes roles from an institution.
    /// @custom:access a regulator, not in its own case
    function revokeRoles(uint16 institution, uint8 roles) external;

    /// @notice Puts an institution out until it is reinstated.
    /// @custom:access a regulator, not in its own case
    function suspend(uint16 institution) external;

    /// @notice Lets a suspended institution back in.
    /// @custom:access a regulator
    function reinstate(uint16 institution) external;

    /// @notice Names the next signer, who becomes it by accepting. The institution's own nomination can be accepted
    /// at once; the operator's, for a lost key, after RECOVERY_DELAY, in which the signer may withdraw it.
    /// @custom:access the institution's signer; the operator
    function nominateSigner(uint16 institution, address signer) external;

    /// @notice Withdraws what is nominated: the signer both nominations, the operator its own.
    /// @custom:access the institution's signer; the operator
    function withdrawNomination(uint16 institution) external;

    /// @notice Makes the caller the institution's signer. Nothing the institution holds moves.
    /// @custom:access who was nominated
    function acceptSigner(uint16 institution) external;

    /// @return seconds between the operator's nomination and its earliest acceptance
    function RECOVERY_DELAY() external view returns (uint64);

    /// @return number of institutions ever admitted; indexes run from 1 to it
    /// @custom:access anyone
    function institutionCount() external view returns (uint16);

    /// @return the institution; reverts where there is none
    /// @custom:access anyone
    function institution(uint16 index) external view returns (Institution memory);

    /// @return the permanent account of an index, whether or not it is given yet
    /// @custom:access anyone
    function accountOf(uint16 index) external pure returns (address);

    /// @return index that `signer` acts for, 0 if none
    /// @custom:access anyone
    function institutionOf(address signer) external view returns (uint16);

    /// @return index of the institution with that name, 0 if none
    /// @custom:access anyone
    function institutionNamed(bytes32 name) external view returns (uint16);

    /// @return true where the institution is admitted and not suspended
    /// @custom:access anyone
    function isActive(uint16 index) external view returns (bool);

    /// @return who signs for an institution; the zero address where it is suspended or not admitted
    /// @custom:access anyone
    function activeSigner(uint16 index) external view returns (address);

    /// @notice Whether an institution signed, by its key (ECDSA) or its contract (ERC-1271); reverts where there is none.
    /// @return signed true where its signer of today did
    /// @return acting true where it is not suspended: a suspended institution's word may or may not count
    /// @custom:access anyone
    function isSignedBy(uint16 index, bytes32 digest, bytes calldata signature)
        external
        view
        returns (bool signed, bool acting);

    /// @notice The index that `signer` acts for, where it is active and has the role; reverts otherwise.
    /// @custom:access anyone
    function actingAs(address signer, Role role) external view returns (uint16);

    /// @return words a bit for each institution, set where it is active and has the role
    /// @custom:access anyone
    function membersOf(Role role) external view returns (uint256[] memory words);

    /// @return words a bit for each institution, set where it is active
    /// @custom:access anyone
    function active() external view returns (uint256[] memory words);
}
