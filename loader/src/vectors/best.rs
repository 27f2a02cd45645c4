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

/// Keeps the highest numbers of a stream, to know the lowest of them at any time.
#[derive(Debug)]
pub(crate) struct Highest {
    /// Ascending by `total_cmp`.
    kept: Vec<f32>,
    most: usize,
}

impl Highest {
    pub(crate) fn new(most: usize) -> Self {
        Self { kept: Vec::with_capacity(most.saturating_add(1).min(1 << 16)), most }
    }

    /// Takes a number into account.
    #[inline(always)]
    pub(crate) fn push(&mut self, number: f32) {
        if self.kept.len() == self.most && self.least() >= number {
            return;
        }
        self.insert(number);
    }

    #[inline(never)]
    fn insert(&mut self, number: f32) {
        let place = self.kept.partition_point(|kept| kept.total_cmp(&number).is_lt());
        self.kept.insert(place, number);
        if self.kept.len() > self.most {
            self.kept.remove(0);
        }
    }

    /// Returns the lowest of the highest; below every number while there are fewer than asked for.
    #[inline(always)]
    pub(crate) fn least(&self) -> f32 {
        match self.kept.first() {
            Some(least) if self.kept.len() == self.most => *least,
            _ => f32::NEG_INFINITY,
        }
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
            let mut highest = Highest::new(most);
            for score in &scores {
                highest.push(f32::from(*score));
            }
            let least = if most > 0 && sorted.len() >= most { sorted[most - 1].score } else { f32::NEG_INFINITY };
            sorted.truncate(most);
            prop_assert_eq!(best(list, most), sorted);
            if most > 0 {
                prop_assert!(highest.least().total_cmp(&least).is_eq());
            }
        }
    }
}
