//! The forward pass over any number of texts: embeddings, layers, mean of the tokens.
//!
//! Texts lie one after the other in blocks, without padding, so that short ones share a product.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ndarray::{Array2, Axis, Slice};

use super::layer::{Layer, LayerPlaces, Norm};
use super::weights::{ReadError, WeightsFile};
use crate::shape::Shape;
use crate::tensors::Stretch;

/// An encoder whose weights are in their file.
#[derive(Debug)]
pub(super) struct Encoder {
    file: WeightsFile,
    shape: Shape,
    threads: usize,
    words: Stretch,
    kinds: Stretch,
    positions: Stretch,
    norm: [Stretch; 2],
    layers: Vec<LayerPlaces>,
    /// Whether there was a call: who asks twice will ask again, and keeps the layers.
    asked: AtomicBool,
    kept: OnceLock<Vec<Layer>>,
}

/// Some texts on their way through the layers, one row per token.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) hidden: Array2<f32>,
    /// The rows of each text.
    pub(super) texts: Vec<Range<usize>>,
}

impl Encoder {
    /// Finds every tensor of an encoder of this shape, and reads none.
    pub(super) fn open(file: WeightsFile, shape: Shape, threads: usize) -> Result<Self, ReadError> {
        let width = shape.width;
        let find = |name: &str, shape: &[usize]| file.find(&format!("embeddings.{name}"), shape);
        let words = find("word_embeddings.weight", &[shape.vocabulary, width])?;
        let kinds = find("token_type_embeddings.weight", &[2, width])?;
        let positions = find("position_embeddings.weight", &[shape.positions, width])?;
        let norm = [find("LayerNorm.weight", &[width])?, find("LayerNorm.bias", &[width])?];
        let layer = |number| LayerPlaces::find(&file, shape, number);
        let layers = (0..shape.layers).map(layer).collect::<Result<_, _>>()?;
        let (asked, kept) = (AtomicBool::new(false), OnceLock::new());
        Ok(Self { file, shape, threads, words, kinds, positions, norm, layers, asked, kept })
    }

    /// Returns one vector per text, in order, not yet of length 1.
    ///
    /// A text is its tokens, none longer than the table of positions.
    pub(super) fn run(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, ReadError> {
        let mut vectors = Vec::with_capacity(texts.len());
        if texts.is_empty() {
            return Ok(vectors);
        }
        let kept = self.kept()?;
        for pass in split(texts, PASS) {
            let blocks: Result<_, _> = split(pass, BLOCK).map(|texts| self.block(texts)).collect();
            let mut blocks: Vec<Block> = blocks?;
            match kept {
                Some(layers) => layers.iter().for_each(|layer| self.apply(layer, &mut blocks)),
                None => {
                    // The same memory for every layer stays near the processor.
                    let mut layer = Layer::zeros(self.shape);
                    for places in &self.layers {
                        layer.fill(&self.file, places)?;
                        self.apply(&layer, &mut blocks);
                    }
                }
            }
            vectors.extend(blocks.iter().flat_map(Block::means));
        }
        Ok(vectors)
    }

    /// Returns the layers in memory, from the second call on.
    fn kept(&self) -> Result<Option<&[Layer]>, ReadError> {
        if !self.asked.swap(true, Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some(layers) = self.kept.get() {
            return Ok(Some(layers));
        }
        let mut layers = Vec::with_capacity(self.layers.len());
        for places in &self.layers {
            let mut layer = Layer::zeros(self.shape);
            layer.fill(&self.file, places)?;
            layers.push(layer);
        }
        Ok(Some(self.kept.get_or_init(|| layers)))
    }

    fn apply(&self, layer: &Layer, blocks: &mut [Block]) {
        let share = blocks.len().div_ceil(self.threads).max(1);
        let work = |blocks: &mut [Block]| blocks.iter_mut().for_each(|block| layer.apply(block));
        let (own, others) = blocks.split_at_mut(share.min(blocks.len()));
        thread::scope(|scope| {
            for blocks in others.chunks_mut(share) {
                scope.spawn(move || work(blocks));
            }
            work(own);
        });
    }

    /// Returns the tokens of some texts as the first layer takes them.
    fn block(&self, texts: &[Vec<u32>]) -> Result<Block, ReadError> {
        let width = self.shape.width;
        let longest = texts.iter().map(Vec::len).max().unwrap_or_default();
        let mut positions = vec![0.0; longest.min(self.shape.positions) * width];
        self.file.fill(self.positions, &mut positions)?;
        // All tokens are of the first kind: the second is for pairs of texts.
        let mut kind = vec![0.0; width];
        self.file.fill(self.kinds, &mut kind)?;
        let mut norm = Norm::zeros(width);
        for (slot, place) in norm.slots().into_iter().zip(self.norm) {
            self.file.fill(place, slot)?;
        }

        let mut hidden = Array2::zeros((texts.iter().map(Vec::len).sum(), width));
        let mut rows = hidden.as_slice_mut().unwrap_or_default().chunks_exact_mut(width);
        let (mut ranges, mut start) = (Vec::with_capacity(texts.len()), 0);
        for tokens in texts {
            ranges.push(start..start + tokens.len());
            start += tokens.len();
            let positions = positions.chunks_exact(width);
            for ((token, position), row) in tokens.iter().zip(positions).zip(&mut rows) {
                self.file.fill_row([self.words.offset, self.shape.vocabulary], *token, row)?;
                for ((value, position), kind) in row.iter_mut().zip(position).zip(&kind) {
                    *value += position + kind;
                }
            }
        }
        norm.apply(&mut hidden);
        Ok(Block { hidden, texts: ranges })
    }
}

impl Block {
    /// Returns the mean of the tokens of each text.
    fn means(&self) -> impl Iterator<Item = Vec<f32>> {
        self.texts.iter().map(|rows| {
            let rows = self.hidden.slice_axis(Axis(0), Slice::from(rows.clone()));
            rows.mean_axis(Axis(0)).map(|mean| mean.to_vec()).unwrap_or_default()
        })
    }
}

/// Cuts a list of texts into runs of at most `limit` tokens; a longer text is a run of its own.
fn split(texts: &[Vec<u32>], limit: usize) -> impl Iterator<Item = &[Vec<u32>]> {
    let mut tokens = 0;
    texts.chunk_by(move |before, after| {
        tokens += before.len();
        let fits = tokens + after.len() <= limit;
        tokens = if fits { tokens } else { 0 };
        fits
    })
}

/// The tokens of one product: enough for full speed, few enough for the caches.
const BLOCK: usize = 256;
/// The tokens for which the layers are read once: 6 MB between two layers.
const PASS: usize = 16 * BLOCK;

#[cfg(test)]
mod tests;
