//! Attention: each token of a text takes from the others what matters to it.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};

use super::numbers::softmax;

/// What the tokens ask for, what they offer, and what they give: one row per token.
#[derive(Debug)]
pub(super) struct Projections {
    pub(super) query: Array2<f32>,
    pub(super) key: Array2<f32>,
    pub(super) value: Array2<f32>,
}

impl Projections {
    /// Returns what each token takes; `texts` are the rows of each text, which sees no other.
    pub(super) fn attend(&self, texts: &[Range<usize>], heads: usize) -> Array2<f32> {
        let width = self.query.ncols() / heads.max(1);
        #[expect(clippy::cast_precision_loss, reason = "heads are far narrower than 2^24")]
        let scale = 1.0 / (width as f32).sqrt();
        let mut context = Array2::zeros(self.query.raw_dim());
        for rows in texts {
            let mut scores = Array2::zeros((rows.len(), rows.len()));
            for head in 0..heads {
                let columns = head * width..(head + 1) * width;
                let part = |whole| part(whole, rows, &columns);
                let (query, key) = (part(self.query.view()), part(self.key.view()));
                general_mat_mul(scale, &query, &key.t(), 0.0, &mut scores);
                // One row after the other, as they lie in memory.
                let length = rows.len().max(1);
                let shares = scores.as_slice_mut().unwrap_or_default();
                shares.chunks_exact_mut(length).for_each(softmax);
                let mut taken = context.view_mut();
                taken.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
                taken.slice_axis_inplace(Axis(1), Slice::from(columns.clone()));
                general_mat_mul(1.0, &scores, &part(self.value.view()), 0.0, &mut taken);
            }
        }
        context
    }
}

fn part<'a>(
    mut whole: ArrayView2<'a, f32>,
    rows: &Range<usize>,
    columns: &Range<usize>,
) -> ArrayView2<'a, f32> {
    whole.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
    whole.slice_axis_inplace(Axis(1), Slice::from(columns.clone()));
    whole
}
