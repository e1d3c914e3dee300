// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FeeSchedule, Tier} from "../types/Types.sol";

/// @title What one side of one trade is charged
library Fees {
    uint256 internal constant PPM = 1_000_000;

    /// @param amount of the whole trade, minor units
    /// @return commission by the schedule's tiers, rounded down, minor units
    /// @return levy floor(amount * the levy's rate / 1,000,000), minor units
    function charge(FeeSchedule memory schedule, uint256 amount)
        internal
        pure
        returns (uint256 commission, uint256 levy)
    {
        uint256 from = 0;
        bool last = false;
        for (uint256 i = 0; !last; ++i) {
            Tier memory tier = schedule.tiers[i];
            last = amount <= tier.upTo;
            if (!last && !schedule.graduated) continue;
            commission += ((last ? amount : tier.upTo) - from) * tier.ratePpm + tier.flat * PPM;
            from = tier.upTo;
        }
        commission /= PPM;
        levy = amount * schedule.levyPpm / PPM;
    }
}
