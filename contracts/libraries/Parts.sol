// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Settling a trade in parts
/// @notice Cumulative: of a whole of `total` has settled floor(total * settled / quantity) once `settled` of `quantity`
/// units have. So the parts of a trade sum to the whole, however it is cut, and no order of parts shifts a unit.
library Parts {
    /// @param total settlement amount, commission or levy of the whole trade, minor units; below 2^128
    /// @param quantity units of the whole trade, not zero
    /// @return what settling the units from `from` up to `to` comes to, minor units
    function cut(uint256 total, uint256 quantity, uint256 from, uint256 to) internal pure returns (uint256) {
        return total * to / quantity - total * from / quantity;
    }
}
