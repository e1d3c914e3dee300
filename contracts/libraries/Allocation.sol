// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

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

    /// @notice Splits `total` by weights: floor(total * weight / sum of weights) each, and one unit more for those with the
    /// largest fractions, ties to the earlier entry, so that all parts sum to `total`. Where `total` is at most the sum,
    /// no part is above its weight. Products are of 512 bits, so nothing overflows.
    /// @param total 0 where all weights are
    /// @param weights below 2^224; at most 2^16 of them
    /// @return parts one a weight
    function byWeight(uint256 total, uint256[] memory weights) internal pure returns (uint256[] memory parts) {
        uint256 n = weights.length;
        parts = new uint256[](n);
        if (total == 0) return parts;
        uint256 sum = 0;
        for (uint256 i = 0; i < n; ++i) sum += weights[i];
        // Fraction and, for ties, how early the entry is, in one word that sorts.
        uint256[] memory ranks = new uint256[](n);
        uint256 left = total;
        for (uint256 i = 0; i < n; ++i) {
            parts[i] = Math.mulDiv(total, weights[i], sum);
            ranks[i] = (mulmod(total, weights[i], sum) << 16) | (type(uint16).max - i);
            left -= parts[i];
        }
        if (left == 0) return parts;
        ranks = _falling(ranks);
        for (uint256 i = 0; i < left; ++i) ++parts[type(uint16).max - uint16(ranks[i])];
    }

    /// @dev Merges runs, from bottom up. OpenZeppelin's quicksort recurses as deep as the list is long where fractions
    /// are equal, which a hundred equal contributions are, and the stack ends before.
    /// @return the list, or as long a one, with the same words from largest to smallest
    function _falling(uint256[] memory list) private pure returns (uint256[] memory) {
        uint256 n = list.length;
        uint256[] memory merged = new uint256[](n);
        for (uint256 run = 1; run < n; run *= 2) {
            for (uint256 start = 0; start < n; start += 2 * run) {
                uint256 middle = Math.min(start + run, n);
                uint256 end = Math.min(middle + run, n);
                (uint256 i, uint256 j) = (start, middle);
                for (uint256 k = start; k < end; ++k) {
                    merged[k] = j == end || (i < middle && list[i] > list[j]) ? list[i++] : list[j++];
                }
            }
            (list, merged) = (merged, list);
        }
        return list;
    }
}
