// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Header} from "./Types.sol";

/// @notice What an institution's money in the fund is for. MARGIN answers for its own default only, CONTRIBUTION for
/// anyone's; CAPITAL is an exchange's own, which answers before the members' contributions do.
enum Purse {
    MARGIN,
    CONTRIBUTION,
    CAPITAL
}

/// @notice The steps of the waterfall, in their order: the defaulter's margin, its contribution, the capital of the
/// venues, the other members' contributions, and what nobody covers.
enum Step {
    MARGIN,
    CONTRIBUTION,
    CAPITAL,
    MUTUAL,
    UNCOVERED
}

/// @notice A batch that requirements are reckoned from.
/// @param records all of it, re-sent
struct Listed {
    Header header;
    bytes32[] records;
}

/// @notice How much of a member's trades it has to have in the fund, in one currency.
/// @param marginPpm of the amounts that are still to be settled
/// @param contributionPpm of all amounts
struct Rates {
    uint24 marginPpm;
    uint24 contributionPpm;
}

/// @notice An institution's word that it wants money back.
/// @param amount minor units that it may still take out
/// @param from seconds, when it may from; for as long as the notice was
struct Notice {
    uint128 amount;
    uint64 from;
}

/// @notice One institution's default in one currency.
/// @param day yyyymmdd, whose prices its trades are closed out at
/// @param declaredAt seconds; trades recorded later are none of it
/// @param finished true once the waterfall has run; nothing of it changes any more
/// @param loss what the claimants claim together, minor units
struct Default {
    uint16 institution;
    uint16 currency;
    uint32 day;
    uint64 declaredAt;
    bool finished;
    uint128 loss;
}
