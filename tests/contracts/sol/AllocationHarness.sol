// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Allocation} from "../../../contracts/libraries/Allocation.sol";

/// The library Allocation, to be called by itself.
contract AllocationHarness {
    function floorShare(uint256 total, uint256 sharePpm) external pure returns (uint256) {
        return Allocation.floorShare(total, sharePpm);
    }

    function largestRemainder(uint256 total, uint256[] calldata sharesPpm) external pure returns (uint256[] memory) {
        return Allocation.largestRemainder(total, sharesPpm);
    }

    function byWeight(uint256 total, uint256[] calldata weights) external pure returns (uint256[] memory) {
        return Allocation.byWeight(total, weights);
    }
}
