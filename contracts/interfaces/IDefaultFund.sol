// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Margin, contributions, and the waterfall when a member defaults
interface IDefaultFund {}
