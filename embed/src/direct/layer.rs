//! One layer of the encoder: its weights, and what it does to the tokens.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2};

use super::attention::Projections;
use super::encoder::Block;
use super::numbers::{gelu, sum};
use super::weights::{ReadError, WeightsFile};
use crate::shape::{EPSILON, Shape};
use crate::tensors::Stretch;

/// The weights of one layer.
#[derive(Debug)]
pub(super) struct Layer {
    heads: usize,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    output_norm: Norm,
    inner: Linear,
    outer: Linear,
    outer_norm: Norm,
}

/// A product and a sum; the weights lie as `[out, in]`.
#[derive(Debug)]
struct Linear {
    weight: Array2<f32>,
    bias: Array1<f32>,
}

/// Brings each token to mean 0 and variance 1, then scales and shifts it.
#[derive(Debug)]
pub(super) struct Norm {
    scale: Vec<f32>,
    bias: Vec<f32>,
}

/// Where the tensors of one layer lie, in the order of [`Layer::slots`].
#[derive(Debug)]
pub(super) struct LayerPlaces(Vec<Stretch>);

impl LayerPlaces {
    /// Finds the tensors of the layer with this number; an error if one is not there.
    pub(super) fn find(file: &WeightsFile, shape: Shape, number: usize) -> Result<Self, ReadError> {
        let Shape { width, inner, .. } = shape;
        let (square, wide, tall) = ([width, width], [inner, width], [width, inner]);
        let parts: [(&str, &[usize]); 8] = [
            ("attention.self.query", &square),
            ("attention.self.key", &square),
            ("attention.self.value", &square),
            ("attention.output.dense", &square),
            ("attention.output.LayerNorm", &[width]),
            ("intermediate.dense", &wide),
            ("output.dense", &tall),
            ("output.LayerNorm", &[width]),
        ];
        let mut places = Vec::with_capacity(2 * parts.len());
        for (part, shape) in parts {
            let name = format!("encoder.layer.{number}.{part}");
            places.push(file.find(&format!("{name}.weight"), shape)?);
            places.push(file.find(&format!("{name}.bias"), shape.get(..1).unwrap_or_default())?);
        }
        Ok(Self(places))
    }
}

impl Layer {
    /// Returns a layer of zeros, to be filled.
    pub(super) fn zeros(shape: Shape) -> Self {
        let Shape { width, inner, heads, .. } = shape;
        let square = || Linear::zeros(width, width);
        Self {
            heads,
            query: square(),
            key: square(),
            value: square(),
            output: square(),
            output_norm: Norm::zeros(width),
            inner: Linear::zeros(inner, width),
            outer: Linear::zeros(width, inner),
            outer_norm: Norm::zeros(width),
        }
    }

    /// Reads the weights of a layer over those that are here.
    pub(super) fn fill(
        &mut self,
        file: &WeightsFile,
        places: &LayerPlaces,
    ) -> Result<(), ReadError> {
        for (slot, place) in self.slots().into_iter().zip(&places.0) {
            file.fill(*place, slot)?;
        }
        Ok(())
    }

    /// Takes the tokens of a block through the layer.
    pub(super) fn apply(&self, block: &mut Block) {
        let projections = Projections {
            query: self.query.apply(&block.hidden),
            key: self.key.apply(&block.hidden),
            value: self.value.apply(&block.hidden),
        };
        let context = projections.attend(&block.texts, self.heads);
        let mut middle = self.output.apply(&context);
        middle += &block.hidden;
        self.output_norm.apply(&mut middle);

        let mut inner = self.inner.apply(&middle);
        gelu(inner.as_slice_mut().unwrap_or_default());
        block.hidden = self.outer.apply(&inner);
        block.hidden += &middle;
        self.outer_norm.apply(&mut block.hidden);
    }

    fn slots(&mut self) -> Vec<&mut [f32]> {
        let Self { query, key, value, output, inner, outer, output_norm, outer_norm, .. } = self;
        [query, key, value, output]
            .into_iter()
            .flat_map(Linear::slots)
            .chain(output_norm.slots())
            .chain([inner, outer].into_iter().flat_map(Linear::slots))
            .chain(outer_norm.slots())
            .collect()
    }
}

impl Linear {
    fn zeros(out: usize, from: usize) -> Self {
        Self { weight: Array2::zeros((out, from)), bias: Array1::zeros(out) }
    }

    fn apply(&self, rows: &Array2<f32>) -> Array2<f32> {
        let mut result = Array2::zeros((rows.nrows(), self.weight.nrows()));
        general_mat_mul(1.0, rows, &self.weight.t(), 0.0, &mut result);
        result += &self.bias;
        result
    }

    fn slots(&mut self) -> [&mut [f32]; 2] {
        let Self { weight, bias } = self;
        [weight.as_slice_mut().unwrap_or_default(), bias.as_slice_mut().unwrap_or_default()]
    }
}

impl Norm {
    /// Returns a normalization of zeros, to be filled.
    pub(super) fn zeros(width: usize) -> Self {
        Self { scale: vec![0.0; width], bias: vec![0.0; width] }
    }

    /// Normalizes each row.
    pub(super) fn apply(&self, rows: &mut Array2<f32>) {
        let width = self.scale.len();
        #[expect(clippy::cast_precision_loss, reason = "tokens are far narrower than 2^24")]
        let share = 1.0 / width as f32;
        let mut squares = vec![0.0; width];
        for row in rows.as_slice_mut().unwrap_or_default().chunks_exact_mut(width.max(1)) {
            let mean = sum(row) * share;
            for (value, square) in row.iter_mut().zip(&mut squares) {
                *value -= mean;
                *square = *value * *value;
            }
            let factor = 1.0 / (sum(&squares) * share + EPSILON).sqrt();
            for ((value, scale), bias) in row.iter_mut().zip(&self.scale).zip(&self.bias) {
                *value = *value * factor * scale + bias;
            }
        }
    }

    /// Returns the numbers to fill: scale, then bias.
    pub(super) fn slots(&mut self) -> [&mut [f32]; 2] {
        [&mut self.scale, &mut self.bias]
    }
}
