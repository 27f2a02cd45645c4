//! The best of many by a number.

/// A row and the number that ranks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) row: u32,
    pub(crate) score: f32,
}

/// Returns the `most` highest, the highest first; of equal ones the lower row comes first.
pub(crate) fn best(list: impl IntoIterator<Item = Scored>, most: usize) -> Vec<Scored> {
    let Some(place) = most.checked_sub(1) else { return Vec::new() };
    // What cannot be among the best any more is passed over with one comparison.
    let (mut keys, mut limit) = (Vec::new(), u64::MAX);
    for key in list.into_iter().map(Scored::key) {
        if key <= limit {
            keys.push(key);
        }
        if keys.len() > most.saturating_mul(2) {
            limit = *keys.select_nth_unstable(place).1;
            keys.truncate(most);
        }
    }
    keys.sort_unstable();
    keys.truncate(most);
    keys.into_iter().map(Scored::of_key).collect()
}

impl Scored {
    /// Returns a number by which lists are sorted several times faster than by both fields: the
    /// better, the lower.
    fn key(self) -> u64 {
        // In the order of `f32::total_cmp`: the bits of negative numbers go the other way.
        let bits = self.score.to_bits();
        let ascending = bits ^ if bits >> 31 == 1 { u32::MAX } else { 1 << 31 };
        u64::from(!ascending) << 32 | u64::from(self.row)
    }

    fn of_key(key: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the halves are taken apart")]
        let (ascending, row) = (!((key >> 32) as u32), key as u32);
        let bits = ascending ^ if ascending >> 31 == 1 { 1 << 31 } else { u32::MAX };
        Self { row, score: f32::from_bits(bits) }
    }
}

/// Returns the last of the `most` highest numbers; below every number where there are fewer.
pub(crate) fn last_of_highest(mut numbers: Vec<f32>, most: usize) -> f32 {
    match most.checked_sub(1) {
        Some(last) if last < numbers.len() => {
            *numbers.select_nth_unstable_by(last, |a, b| b.total_cmp(a)).1
        }
        _ => f32::NEG_INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_the_first_of_a_sorted_list(
            scores in proptest::collection::vec(-4i8..4, 0..50), most in 0usize..20,
        ) {
            let list: Vec<Scored> = (0..).zip(&scores).map(|(row, score)| {
                Scored { row, score: f32::from(*score) }
            }).collect();
            let mut sorted = list.clone();
            sorted.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.row.cmp(&b.row)));
            let numbers: Vec<f32> = scores.iter().map(|score| f32::from(*score)).collect();
            let least = if most > 0 && sorted.len() >= most { sorted[most - 1].score } else { f32::NEG_INFINITY };
            sorted.truncate(most);
            prop_assert_eq!(best(list, most), sorted);
            prop_assert!(last_of_highest(numbers, most).total_cmp(&least).is_eq());
        }
    }
}
