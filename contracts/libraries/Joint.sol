// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IConsortium} from "../interfaces/IConsortium.sol";
import {Role} from "../types/Types.sol";

/// @title What takes two: an exchange and a regulator
/// @notice What one asked for takes effect when the other asks for the very same. Each can take its own word back until
/// then. Two institutions are needed, even where one has both roles.
/// @dev A contract that inherits this calls `_jointly(keccak256(msg.data))` and does nothing yet where it says false.
abstract contract Joint {
    /// @notice The institution agrees; `complete` where both have by now, and so it is done.
    event JointlyAgreed(bytes32 indexed subject, uint16 indexed institution, bool complete);
    /// @notice The institution took its word back.
    event AgreementWithdrawn(bytes32 indexed subject, uint16 indexed institution);

    /// @notice The caller acts neither for an active exchange nor for an active regulator.
    error Joint_NeitherRole(address caller);
    /// @notice The institution has given its word on this, or (to withdraw it) has not.
    error Joint_NoChange(bytes32 subject, uint16 institution);

    IConsortium public immutable CONSORTIUM;
    /// @dev Who has given its word: `exchange u16 | regulator u16`, 0 where nobody.
    mapping(bytes32 subject => uint16[2]) private _agreed;

    constructor(IConsortium consortium) {
        CONSORTIUM = consortium;
    }

    /// @notice Takes back the caller's word on a subject: keccak256 of the calldata that it sent.
    /// @custom:access who has given it
    function withdrawAgreement(bytes32 subject) external {
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        uint16[2] storage it = _agreed[subject];
        if (caller == 0 || (it[0] != caller && it[1] != caller)) revert Joint_NoChange(subject, caller);
        if (it[0] == caller) it[0] = 0;
        if (it[1] == caller) it[1] = 0;
        emit AgreementWithdrawn(subject, caller);
    }

    /// @return complete true where an exchange and a regulator, two institutions, want it; their words are used up then.
    /// Who gave its word and is neither active nor in that role any more does not count.
    function _jointly(bytes32 subject) internal returns (bool complete) {
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        bool exchange = _has(caller, Role.EXCHANGE);
        bool regulator = _has(caller, Role.REGULATOR);
        if (!exchange && !regulator) revert Joint_NeitherRole(msg.sender);
        uint16[2] storage it = _agreed[subject];
        (uint16 first, uint16 second) = (it[0], it[1]);
        complete = (exchange && second != caller && _has(second, Role.REGULATOR))
            || (regulator && first != caller && _has(first, Role.EXCHANGE));
        if (complete) {
            delete _agreed[subject];
        } else {
            if ((!exchange || first == caller) && (!regulator || second == caller)) revert Joint_NoChange(subject, caller);
            if (exchange) it[0] = caller;
            if (regulator) it[1] = caller;
        }
        emit JointlyAgreed(subject, caller, complete);
    }

    function _has(uint16 index, Role role) private view returns (bool) {
        uint256[] memory words = CONSORTIUM.membersOf(role);
        return index != 0 && index >> 8 < words.length && (words[index >> 8] >> (index & 0xff)) & 1 != 0;
    }
}
