//! Short keys for ids: a transcript has many records, and what is kept of each has to be little.

use garner_kernel::Digest;

/// Returns a key of 64 bits for an id, never 0; two ids of one session share one by accident only.
pub(crate) fn key(id: &str) -> u64 {
    uuid(id).unwrap_or_else(|| hash(id.as_bytes()))
}

/// Returns a key of 64 bits for any bytes, never 0.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let digest = Digest::of(bytes);
    let first = digest.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    u64::from_be_bytes(first).max(1)
}

/// Folds the 128 bits of a UUID, of which most are random.
fn uuid(id: &str) -> Option<u64> {
    let bytes = id.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    let mut bits = 0_u128;
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = char::from(*byte).to_digit(16)?;
        bits = (bits << 4) | u128::from(digit);
    }
    let [high, low] = [bits >> 64, bits & u128::from(u64::MAX)];
    u64::try_from(high ^ low).ok().map(|folded| folded.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_differ_have_keys_that_differ() {
        let ids = [
            "4f9a2c31-0d3e-4b57-9a61-2f1c7d0e8b44",
            "4f9a2c31-0d3e-4b57-9a61-2f1c7d0e8b45",
            "5f9a2c31-0d3e-4b57-9a61-2f1c7d0e8b44",
            "4f9a2c31x0d3e-4b57-9a61-2f1c7d0e8b44",
            "u-1",
            "u-2",
            "",
        ];
        let keys: std::collections::BTreeSet<u64> = ids.iter().map(|id| key(id)).collect();
        assert_eq!(keys.len(), ids.len());
        assert!(!keys.contains(&0));
        assert_eq!(key("00000000-0000-0000-0000-000000000000"), 1);
    }
}
