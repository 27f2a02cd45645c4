//! The best of many by a number.

/// A row and the number that ranks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) row: u32,
    pub(crate) score: f32,
}

/// Returns the `most` highest, the highest first; of equal ones the lower row comes first.
pub(crate) fn best(mut list: Vec<Scored>, most: usize) -> Vec<Scored> {
    if most == 0 {
        return Vec::new();
    }
    if list.len() > most {
        list.select_nth_unstable_by(most - 1, order);
        list.truncate(most);
    }
    list.sort_unstable_by(order);
    list
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that sorting takes")]
fn order(a: &Scored, b: &Scored) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then_with(|| a.row.cmp(&b.row))
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
            sorted.sort_by(order);
            let numbers: Vec<f32> = scores.iter().map(|score| f32::from(*score)).collect();
            let least = if most > 0 && sorted.len() >= most { sorted[most - 1].score } else { f32::NEG_INFINITY };
            sorted.truncate(most);
            prop_assert_eq!(best(list, most), sorted);
            prop_assert!(last_of_highest(numbers, most).total_cmp(&least).is_eq());
        }
    }
}
