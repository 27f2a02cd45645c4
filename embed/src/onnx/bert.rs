//! The graph of the encoder: embeddings, then layers of attention and feed-forward.

use super::graph::{Attribute, Dimension, Element, Graph, Value};
use crate::shape::{EPSILON, MINI_LM};
use crate::tensors::{Tensors, WeightsError};

const LAYERS: usize = MINI_LM.layers;
const HEADS: i64 = 12;
const WIDTH: usize = MINI_LM.width;
const INNER: usize = MINI_LM.inner;
const VOCABULARY: usize = MINI_LM.vocabulary;
const POSITIONS: usize = MINI_LM.positions;

/// Returns the ONNX model of all-MiniLM-L6-v2 up to the last hidden state, without pooling.
///
/// Inputs: `input_ids`, `attention_mask`, `token_type_ids`, each `[batch, sequence]`. Output:
/// `last_hidden_state`, `[batch, sequence, 384]`. The weights stay in the file named `weights`,
/// whose contents `tensors` lists.
pub(crate) fn encoder(tensors: &Tensors, weights: &str) -> Result<Vec<u8>, WeightsError> {
    let mut encoder = Encoder::new(tensors, weights);
    let shape = [Dimension::Named("batch"), Dimension::Named("sequence")];
    let ids = encoder.graph.input("input_ids", Element::Integer, &shape);
    let mask = encoder.graph.input("attention_mask", Element::Integer, &shape);
    let types = encoder.graph.input("token_type_ids", Element::Integer, &shape);

    let batch = encoder.batch(&ids, &mask);
    let mut hidden = encoder.embeddings(&ids, &types)?;
    for layer in 0..LAYERS {
        let prefix = format!("encoder.layer.{layer}");
        hidden = encoder.attention(&prefix, &hidden, &batch)?;
        hidden = encoder.feed_forward(&prefix, &hidden)?;
    }
    let hidden = encoder.graph.node("Reshape", &[&hidden, &batch.whole], &[]);
    let [texts, tokens] = shape;
    let shape = [texts, tokens, Dimension::Fixed(384)];
    encoder.graph.result("last_hidden_state", &hidden, &shape);
    Ok(encoder.graph.into_model())
}

struct Encoder<'a> {
    tensors: &'a Tensors,
    graph: Graph<'a>,
    constants: Constants,
}

/// What depends on the size of the input. Between the first and the last node, all tokens of a batch
/// are the rows of one matrix.
struct Batch {
    /// 0 for a token, far below for padding, which softmax turns into nothing.
    mask: Value,
    /// `[batch, sequence, 384]`.
    whole: Value,
    /// `[batch, sequence, heads, 32]`.
    split: Value,
}

struct Constants {
    zero: Value,
    mask_axes: Value,
    heads: Value,
    width: Value,
    rows: Value,
    one: Value,
    half: Value,
    root_of_two: Value,
    root_of_head: Value,
    masked: Value,
}

impl<'a> Encoder<'a> {
    fn new(tensors: &'a Tensors, weights: &'a str) -> Self {
        let mut graph = Graph::new(weights);
        let constants = Constants {
            zero: graph.integers("zero", &[0]),
            mask_axes: graph.integers("mask_axes", &[1, 2]),
            heads: graph.integers("heads", &[HEADS, 32]),
            width: graph.integers("width", &[384]),
            // A size of -1 is whatever is left.
            rows: graph.integers("rows", &[-1, 384]),
            one: graph.number("one", 1.0),
            half: graph.number("half", 0.5),
            root_of_two: graph.number("root_of_two", std::f32::consts::SQRT_2),
            root_of_head: graph.number("root_of_head", 5.656_854),
            masked: graph.number("masked", -10_000.0),
        };
        Self { tensors, graph, constants }
    }

    fn batch(&mut self, ids: &Value, mask: &Value) -> Batch {
        let mask = self.mask(mask);
        let Self { graph, constants, .. } = self;
        let size = graph.node("Shape", &[ids], &[]);
        let axis = [Attribute::Integer("axis", 0)];
        Batch {
            mask,
            whole: graph.node("Concat", &[&size, &constants.width], &axis),
            split: graph.node("Concat", &[&size, &constants.heads], &axis),
        }
    }

    /// Turns 1 for a token into 0, and 0 for padding into the large negative number.
    fn mask(&mut self, mask: &Value) -> Value {
        let Self { graph, constants, .. } = self;
        let mask = graph.node("Unsqueeze", &[mask, &constants.mask_axes], &[]);
        let mask = graph.node("Cast", &[&mask], &[Attribute::Integer("to", Element::Float as i64)]);
        let padding = graph.node("Sub", &[&constants.one, &mask], &[]);
        graph.node("Mul", &[&padding, &constants.masked], &[])
    }

    fn embeddings(&mut self, ids: &Value, types: &Value) -> Result<Value, WeightsError> {
        let words = self.weight("embeddings.word_embeddings.weight", &[VOCABULARY, WIDTH])?;
        let kinds = self.weight("embeddings.token_type_embeddings.weight", &[2, WIDTH])?;
        let places = self.weight("embeddings.position_embeddings.weight", &[POSITIONS, WIDTH])?;

        let words = self.graph.node("Gather", &[&words, ids], &[]);
        let kinds = self.graph.node("Gather", &[&kinds, types], &[]);
        let second = [Attribute::Integer("start", 1), Attribute::Integer("end", 2)];
        let length = self.graph.node("Shape", &[ids], &second);
        let zero = &self.constants.zero;
        let places = self.graph.node("Slice", &[&places, zero, &length, zero], &[]);
        let sum = self.graph.node("Add", &[&words, &kinds], &[]);
        let sum = self.graph.node("Add", &[&sum, &places], &[]);
        let sum = self.graph.node("Reshape", &[&sum, &self.constants.rows], &[]);
        self.normalize("embeddings.LayerNorm", &sum)
    }

    fn attention(
        &mut self,
        layer: &str,
        hidden: &Value,
        batch: &Batch,
    ) -> Result<Value, WeightsError> {
        let mut heads = |part: &str, order| {
            let name = format!("{layer}.attention.self.{part}");
            let projected = self.linear(&name, hidden, [WIDTH, WIDTH])?;
            let split = self.graph.node("Reshape", &[&projected, &batch.split], &[]);
            Ok(self.graph.node("Transpose", &[&split], &[Attribute::Integers("perm", order)]))
        };
        let query = heads("query", &[0, 2, 1, 3])?;
        let key = heads("key", &[0, 2, 3, 1])?;
        let value = heads("value", &[0, 2, 1, 3])?;

        let Self { graph, constants, .. } = self;
        let scores = graph.node("MatMul", &[&query, &key], &[]);
        let scores = graph.node("Div", &[&scores, &constants.root_of_head], &[]);
        let scores = graph.node("Add", &[&scores, &batch.mask], &[]);
        let shares = graph.node("Softmax", &[&scores], &[Attribute::Integer("axis", -1)]);
        let context = graph.node("MatMul", &[&shares, &value], &[]);
        let order = [Attribute::Integers("perm", &[0, 2, 1, 3])];
        let context = graph.node("Transpose", &[&context], &order);
        let context = graph.node("Reshape", &[&context, &constants.rows], &[]);

        let output = format!("{layer}.attention.output");
        let context = self.linear(&format!("{output}.dense"), &context, [WIDTH, WIDTH])?;
        let sum = self.graph.node("Add", &[&context, hidden], &[]);
        self.normalize(&format!("{output}.LayerNorm"), &sum)
    }

    fn feed_forward(&mut self, layer: &str, hidden: &Value) -> Result<Value, WeightsError> {
        let name = format!("{layer}.intermediate.dense");
        let inner = self.linear(&name, hidden, [INNER, WIDTH])?;
        let inner = self.gelu(&inner);
        let outer = self.linear(&format!("{layer}.output.dense"), &inner, [WIDTH, INNER])?;
        let sum = self.graph.node("Add", &[&outer, hidden], &[]);
        self.normalize(&format!("{layer}.output.LayerNorm"), &sum)
    }

    /// x · (1 + erf(x / √2)) / 2, the exact form that the model was trained with.
    fn gelu(&mut self, x: &Value) -> Value {
        let Self { graph, constants, .. } = self;
        let scaled = graph.node("Div", &[x, &constants.root_of_two], &[]);
        let erf = graph.node("Erf", &[&scaled], &[]);
        let sum = graph.node("Add", &[&erf, &constants.one], &[]);
        let product = graph.node("Mul", &[x, &sum], &[]);
        graph.node("Mul", &[&product, &constants.half], &[])
    }

    /// The weights lie as `[out, in]`, hence the transposition, which costs nothing here.
    fn linear(&mut self, name: &str, x: &Value, shape: [usize; 2]) -> Result<Value, WeightsError> {
        let [out, _] = shape;
        let weight = self.weight(&format!("{name}.weight"), &shape)?;
        let bias = self.weight(&format!("{name}.bias"), &[out])?;
        Ok(self.graph.node("Gemm", &[x, &weight, &bias], &[Attribute::Integer("transB", 1)]))
    }

    fn normalize(&mut self, name: &str, x: &Value) -> Result<Value, WeightsError> {
        let scale = self.weight(&format!("{name}.weight"), &[WIDTH])?;
        let bias = self.weight(&format!("{name}.bias"), &[WIDTH])?;
        let attributes = [Attribute::Integer("axis", -1), Attribute::Float("epsilon", EPSILON)];
        Ok(self.graph.node("LayerNormalization", &[x, &scale, &bias], &attributes))
    }

    fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Value, WeightsError> {
        let stretch = self.tensors.find(name, shape)?;
        Ok(self.graph.weight(name, shape, stretch))
    }
}

#[cfg(test)]
mod tests {
    use garner_kernel::Digest;

    use super::*;

    /// A weights file of zeros with the tensors of the model.
    fn weights() -> Vec<u8> {
        let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
        let mut pair = |name: &str, shape: &[usize]| {
            shapes.push((format!("{name}.weight"), shape.to_vec()));
            shapes.push((format!("{name}.bias"), shape[..1].to_vec()));
        };
        pair("embeddings.LayerNorm", &[WIDTH]);
        pair("embeddings.word_embeddings", &[VOCABULARY, WIDTH]);
        pair("embeddings.token_type_embeddings", &[2, WIDTH]);
        pair("embeddings.position_embeddings", &[POSITIONS, WIDTH]);
        for layer in 0..LAYERS {
            for part in ["self.query", "self.key", "self.value", "output.dense"] {
                pair(&format!("encoder.layer.{layer}.attention.{part}"), &[WIDTH, WIDTH]);
            }
            pair(&format!("encoder.layer.{layer}.attention.output.LayerNorm"), &[WIDTH]);
            pair(&format!("encoder.layer.{layer}.intermediate.dense"), &[INNER, WIDTH]);
            pair(&format!("encoder.layer.{layer}.output.dense"), &[WIDTH, INNER]);
            pair(&format!("encoder.layer.{layer}.output.LayerNorm"), &[WIDTH]);
        }
        file(&shapes)
    }

    /// A weights file of zeros with the given tensors, in their order.
    fn file(shapes: &[(String, Vec<usize>)]) -> Vec<u8> {
        let mut end = 0;
        let entries: Vec<String> = shapes
            .iter()
            .map(|(name, shape)| {
                let start = end;
                end += shape.iter().product::<usize>() * 4;
                let offsets = format!(r#""data_offsets":[{start},{end}]"#);
                format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},{offsets}}}"#)
            })
            .collect();
        let header = format!("{{{}}}", entries.join(","));
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        file.resize(file.len() + end, 0);
        file
    }

    #[test]
    fn the_graph_is_the_same_bytes_on_every_machine() {
        let tensors = Tensors::read(&weights()[..]).unwrap();
        let graph = encoder(&tensors, "model.safetensors").unwrap();
        assert_eq!(
            Digest::of(&graph).to_string(),
            "b8be70f25f1233456c8a9adf0cf02f445fd0985662001431206591e79f3df91b"
        );
    }

    #[test]
    fn weights_of_another_model_are_an_error_that_names_the_tensor() {
        let tensors = Tensors::read(&file(&[("a".to_owned(), vec![1])])[..]).unwrap();
        let error = encoder(&tensors, "model.safetensors").unwrap_err();
        assert!(error.to_string().contains("word_embeddings"), "{error}");
    }
}
