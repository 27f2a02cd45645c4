//! Signatures at the edges of Ed25519, where implementations differ: each is refused.
//!
//! The cases are those of C2SP's collection, made anew from the curve: every pair of a public key
//! A and a point R that are of small order (in all of their encodings) or have a part of small
//! order, with signatures that hold for whoever multiplies by the cofactor. The strict rules
//! accept only those where neither point is of small order and the equation holds as it stands.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::{Digest as _, Sha512};

use super::keys::{PublicKey, PublisherKey};

/// A point as it is written, and its logarithm without the part of small order.
#[derive(Clone, Copy)]
struct Written {
    bytes: [u8; 32],
    point: EdwardsPoint,
    log: Scalar,
}

impl Written {
    fn is_canonical(&self) -> bool {
        self.point.compress().0 == self.bytes
    }
}

/// A signature with a message that it is valid for if equations are multiplied by the cofactor.
struct Signed {
    message: Vec<u8>,
    signature: [u8; 64],
    /// Whether the equation holds only when it is multiplied.
    residue: bool,
}

/// Returns every encoding of the eight points of small order that some reader takes: the canonical
/// one, y + p for y, and minus zero for x.
fn small_points() -> Vec<Written> {
    let mut written: Vec<Written> = Vec::new();
    for point in EIGHT_TORSION {
        let canonical = point.compress().0;
        for bytes in [canonical, plus_p(canonical)].into_iter().flat_map(|b| [b, other_sign(b)]) {
            let same = CompressedEdwardsY(bytes).decompress() == Some(point);
            if same && written.iter().all(|other| other.bytes != bytes) {
                written.push(Written { bytes, point, log: Scalar::ZERO });
            }
        }
    }
    written
}

/// Returns y + p for a y below 19, and `bytes` for others, whose sum would not fit.
fn plus_p(mut bytes: [u8; 32]) -> [u8; 32] {
    let (first, last) = (bytes[0], bytes[31]);
    if first < 19 && bytes[1..31].iter().all(|byte| *byte == 0) && matches!(last, 0 | 0x80) {
        bytes = [0xFF; 32];
        bytes[0] = 0xED + first;
        bytes[31] = 0x7F | last;
    }
    bytes
}

fn other_sign(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] ^= 0x80;
    bytes
}

/// Returns eight points with the logarithm `log` and each of the parts of small order.
fn mixed_points(log: u64) -> impl Iterator<Item = Written> {
    let log = Scalar::from(log);
    EIGHT_TORSION.into_iter().map(move |small| {
        let point = ED25519_BASEPOINT_POINT * log + small;
        Written { bytes: point.compress().0, point, log }
    })
}

fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let digest = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&digest.into())
}

/// Signs `message` with points as they are written, or as they would be written canonically.
fn sign(a: &Written, r: &Written, message: &[u8], canonical: bool) -> Signed {
    let k = if canonical {
        challenge(&r.point.compress().0, &a.point.compress().0, message)
    } else {
        challenge(&r.bytes, &a.bytes, message)
    };
    let s = r.log + k * a.log;
    let rest = ED25519_BASEPOINT_POINT * s - r.point - a.point * k;
    assert!(rest.is_small_order(), "the signature does not even hold with the cofactor");
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r.bytes);
    signature[32..].copy_from_slice(s.as_bytes());
    Signed { message: message.to_vec(), signature, residue: rest != EdwardsPoint::default() }
}

/// Returns a signature for which the equation holds as it stands, and one for which it does not,
/// where there are such messages.
fn both(a: &Written, r: &Written, canonical: bool) -> Vec<Signed> {
    let mut found: Vec<Signed> = Vec::new();
    for number in 0..64 {
        let signed = sign(a, r, format!("edge {number}").as_bytes(), canonical);
        if found.iter().all(|other| other.residue != signed.residue) {
            found.push(signed);
        }
        if found.len() == 2 {
            break;
        }
    }
    found
}

fn accepts(a: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    PublicKey::from_bytes("edge".parse().unwrap(), a)
        .is_some_and(|key| key.verifies(message, signature))
}

#[test]
fn signatures_with_points_of_small_order_or_a_residue_are_refused() {
    let small = small_points();
    assert_eq!(small.len(), 14, "eight points, six of them with another encoding");
    let keys: Vec<Written> = small.iter().copied().chain(mixed_points(7)).collect();
    let points: Vec<Written> = small.into_iter().chain(mixed_points(11)).collect();
    let (mut accepted, mut refused) = (0, 0);
    for a in &keys {
        for r in &points {
            let plain = a.is_canonical() && r.is_canonical();
            let forms = if plain { &[false][..] } else { &[false, true] };
            for signed in forms.iter().flat_map(|canonical| both(a, r, *canonical)) {
                let small = a.point.is_small_order() || r.point.is_small_order();
                let strict = !small && !signed.residue;
                let got = accepts(&a.bytes, &signed.message, &signed.signature);
                assert_eq!(got, strict, "{:x?} {:x?} {}", a.bytes, r.bytes, signed.residue);
                *(if got { &mut accepted } else { &mut refused }) += 1;
            }
        }
    }
    // As many are accepted as of C2SP's collection.
    assert_eq!((accepted, refused), (43, 1069));
}

#[test]
fn a_scalar_that_is_not_reduced_is_refused() {
    let order = (-Scalar::ONE).to_bytes();
    let key = PublisherKey::from_seed("ada".parse().unwrap(), &[3; 32]);
    let mut signature = key.sign(b"text");
    assert!(key.public().verifies(b"text", &signature));
    // S + L, S + 2 L and so on, up to the last that fits: all of them satisfy the equation.
    let mut fits = 0;
    while add(&mut signature[32..], &order, 1) {
        assert!(!key.public().verifies(b"text", &signature), "S + {} L", fits + 1);
        fits += 1;
    }
    assert!(fits >= 14, "{fits} sums fit");
}

/// Adds `number` and `carry` to the little-endian `sum`; returns whether the result fits.
fn add(sum: &mut [u8], number: &[u8], carry: u16) -> bool {
    let last = sum.iter_mut().zip(number).fold(carry, |carry, (byte, other)| {
        let [low, high] = (u16::from(*byte) + u16::from(*other) + carry).to_le_bytes();
        *byte = low;
        u16::from(high)
    });
    last == 0
}

#[test]
fn the_examples_of_rfc_8032_sign_and_verify() {
    // Section 7.1: seed, public key, message, signature.
    let rows = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, public, message, signature) in rows {
        let seed = hex(seed).try_into().unwrap();
        let key = PublisherKey::from_seed("rfc8032".parse().unwrap(), &seed);
        assert_eq!(key.public().as_bytes().as_slice(), hex(public));
        assert_eq!(key.sign(&hex(message)).as_slice(), hex(signature));
        assert!(key.public().verifies(&hex(message), &hex(signature).try_into().unwrap()));
    }
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}
