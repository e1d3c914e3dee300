// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Days as yyyymmdd
library Dates {
    /// @return true for a day of the Gregorian calendar from 1900 to 9999
    function isDate(uint32 yyyymmdd) internal pure returns (bool) {
        (uint32 year, uint32 month, uint32 day) = (yyyymmdd / 10000, (yyyymmdd / 100) % 100, yyyymmdd % 100);
        if (year < 1900 || year > 9999 || month == 0 || month > 12) return false;
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        // Months alternate, and start over in August.
        uint32 last = month == 2 ? (leap ? 29 : 28) : 30 + ((month + (month >> 3)) & 1);
        return day != 0 && day <= last;
    }
}
