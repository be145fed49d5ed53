//! Public keys under which others than their owner can sign.

/// The y coordinates of the eight points of small order of Ed25519, little-endian, with the
/// two that have a second, non-canonical spelling. The sign bit is not looked at.
const SMALL_ORDER: [[u8; 32]; 7] = [
    ends([0x00; 32], 0x00, 0x00),
    ends([0x00; 32], 0x01, 0x00),
    ends([0xff; 32], 0xec, 0x7f),
    ends([0xff; 32], 0xed, 0x7f),
    ends([0xff; 32], 0xee, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// The primes of the ROCA fingerprint: the odd ones up to 167, which divide the primorial that
/// the broken generator used for keys of every size.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
/// The generator's base.
const ROCA_BASE: u32 = 65_537;

const fn ends(mut bytes: [u8; 32], first: u8, last: u8) -> [u8; 32] {
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Whether an Ed25519 key is a point of small order: some signature verifies under it for
/// every message.
pub(super) fn is_small_order(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
}

/// Whether a modulus carries the fingerprint of CVE-2017-15361: modulo every one of the
/// primes it is a power of 65537. Chance alone does that once in about 2^27 keys or less.
pub(super) fn is_roca(modulus: &[u8]) -> bool {
    ROCA_PRIMES
        .iter()
        .all(|prime| is_power(rest(modulus, *prime), *prime))
}

fn rest(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power(rest: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == rest {
            return true;
        }
        power = power * (ROCA_BASE % prime) % prime;
    }
    false
}

/// 65537^128, a number of 2049 bits: a power of the base modulo anything.
#[cfg(test)]
pub(super) fn roca_like() -> Vec<u8> {
    let mut number = vec![1_u8];
    for _ in 0..128 {
        // times 65537 is: shifted by two bytes, plus itself.
        let mut next = number.clone();
        next.extend([0, 0]);
        let mut carry = 0;
        let aligned = std::iter::repeat_n(0, 2).chain(number.iter().copied());
        for (digit, add) in next
            .iter_mut()
            .rev()
            .zip(aligned.collect::<Vec<_>>().iter().rev())
        {
            let sum = u16::from(*digit) + u16::from(*add) + carry;
            *digit = u8::try_from(sum % 256).unwrap();
            carry = sum / 256;
        }
        if carry > 0 {
            next.insert(0, u8::try_from(carry).unwrap());
        }
        number = next;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_found_and_only_there() {
        let mut number = roca_like();
        assert_eq!(number.len(), 257);
        assert!(is_roca(&number));
        number[100] ^= 1;
        assert!(!is_roca(&number));
        assert!(!is_roca(&[0xff; 256]));
    }

    #[test]
    fn a_prime_divides_as_it_should() {
        assert_eq!(rest(&[1, 0, 1], 65), 65_537 % 65);
        assert!(is_power(65_537 % 167, 167));
        assert!(!is_power(0, 3));
    }

    #[test]
    fn small_orders_are_found_with_either_sign() {
        for y in SMALL_ORDER {
            assert!(is_small_order(&y));
            let mut negative = y;
            negative[31] |= 0x80;
            assert!(is_small_order(&negative));
        }
        assert!(!is_small_order(&[0x02; 32]));
    }
}
