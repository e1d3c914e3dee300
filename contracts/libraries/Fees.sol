// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FeeSchedule} from "../types/Types.sol";

/// @title What one side of one trade is charged
library Fees {
    uint256 internal constant PPM = 1_000_000;

    /// @param amount of the whole trade, minor units
    /// @return commission floor(amount * the rate of its slab / 1,000,000), minor units
    /// @return levy floor(amount * the levy's rate / 1,000,000), minor units
    function charge(FeeSchedule memory schedule, uint256 amount)
        internal
        pure
        returns (uint256 commission, uint256 levy)
    {
        uint256 i = 0;
        while (amount > schedule.slabs[i].upTo) ++i;
        commission = amount * schedule.slabs[i].ratePpm / PPM;
        levy = amount * schedule.levyPpm / PPM;
    }
}
