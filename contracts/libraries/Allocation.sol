// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Splitting an integer
library Allocation {
    uint256 internal constant PPM = 1_000_000;

    /// @return floor(total * sharePpm / 1,000,000)
    function floorShare(uint256 total, uint256 sharePpm) internal pure returns (uint256) {
        return total * sharePpm / PPM;
    }

    /// @notice Who gets one unit more than its floor, so that all parts sum to `total`: those with the largest
    /// fractions, ties to the earlier entry. The payer's residual is the last entry.
    /// @param sharesPpm parts of the parties; what they leave of 1,000,000 is the payer's
    /// @return extra 0 or 1 for each party
    function largestRemainder(uint256 total, uint256[] memory sharesPpm) internal pure returns (uint256[] memory extra) {
        uint256 n = sharesPpm.length;
        extra = new uint256[](n);
        uint256[] memory fractions = new uint256[](n + 1);
        uint256 residual = PPM;
        uint256 left = 0;
        for (uint256 i = 0; i <= n; ++i) {
            uint256 share = i < n ? sharesPpm[i] : residual;
            if (i < n) residual -= share;
            fractions[i] = (total * share) % PPM;
            left += fractions[i];
        }
        for (left /= PPM; left != 0; --left) {
            uint256 best = 0;
            for (uint256 i = 1; i <= n; ++i) {
                if (fractions[i] > fractions[best]) best = i;
            }
            fractions[best] = 0;
            if (best < n) extra[best] = 1;
        }
    }
}
