// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Months of the Gregorian calendar in UTC, numbered `year * 12 + month - 1`
/// @dev Days of an era of 400 years that begins with March, so that a leap day is a year's last:
/// howardhinnant.github.io/date_algorithms.html.
library Calendar {
    uint256 private constant ERA = 146_097;
    /// @dev From 0000-03-01 to 1970-01-01.
    uint256 private constant EPOCH = 719_468;

    /// @return month that a moment (seconds) lies in
    /// @return day of the month, from 1
    function monthOf(uint256 moment) internal pure returns (uint256 month, uint256 day) {
        uint256 sinceMarch = moment / 1 days + EPOCH;
        uint256 dayOfEra = sinceMarch % ERA;
        uint256 yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        uint256 fromMarch = (5 * dayOfYear + 2) / 153;
        day = dayOfYear - (153 * fromMarch + 2) / 5 + 1;
        month = (sinceMarch / ERA * 400 + yearOfEra) * 12 + fromMarch + 2;
    }

    /// @return moment (seconds) that a month begins at; not before 1970
    function startOf(uint256 month) internal pure returns (uint256 moment) {
        uint256 fromMarch = month - 2;
        uint256 year = fromMarch / 12;
        uint256 yearOfEra = year % 400;
        uint256 dayOfYear = (153 * (fromMarch % 12) + 2) / 5;
        uint256 dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        moment = (year / 400 * ERA + dayOfEra - EPOCH) * 1 days;
    }
}
