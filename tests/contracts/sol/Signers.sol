// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Signs everything (ERC-1271).
contract AcceptingSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}

/// Signs one digest, and only with the signature "yes".
contract ParticularSigner {
    bytes32 private immutable DIGEST;

    constructor(bytes32 digest) {
        DIGEST = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        return digest == DIGEST && keccak256(signature) == keccak256("yes") ? bytes4(0x1626ba7e) : bytes4(0);
    }
}

/// Signs nothing.
contract RefusingSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0xffffffff;
    }
}

/// Reverts with ERC-1271's word for yes.
contract RevertingSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        assembly {
            mstore(0, shl(224, 0x1626ba7e))
            revert(0, 0x20)
        }
    }
}

/// Answers ERC-1271's word for yes, and more in the same word.
contract GarbageSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        assembly {
            mstore(0, or(shl(224, 0x1626ba7e), 1))
            return(0, 0x20)
        }
    }
}

/// Answers ERC-1271's word for yes, cut off after its four bytes.
contract ShortSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        assembly {
            mstore(0, shl(224, 0x1626ba7e))
            return(0, 4)
        }
    }
}

/// Answers yes and 64 kB behind it.
contract LongSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        assembly {
            mstore(0, shl(224, 0x1626ba7e))
            return(0, 0x10000)
        }
    }
}

/// Uses up all the gas it gets.
contract WastingSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        while (true) {}
        return 0x1626ba7e;
    }
}

/// Would sign, but writes first.
contract WritingSigner {
    uint256 private _calls;

    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        ++_calls;
        return 0x1626ba7e;
    }
}
