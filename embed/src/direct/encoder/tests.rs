//! A tiny encoder against its definition, and every way in which a weights file can be wrong.

#![allow(clippy::cast_precision_loss, reason = "counts of a few")]

use std::fs;
use std::path::Path;

use super::*;
use crate::tensors::WeightsError;

const TINY: Shape = Shape { layers: 2, heads: 2, width: 4, inner: 8, vocabulary: 5, positions: 6 };

/// The names and shapes of the tensors of a tiny model.
fn shapes() -> Vec<(String, Vec<usize>)> {
    let Shape { width, inner, vocabulary, positions, layers, .. } = TINY;
    let mut shapes = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![vocabulary, width]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, width]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![positions, width]),
    ];
    let mut pair = |name: String, shape: &[usize]| {
        shapes.push((format!("{name}.weight"), shape.to_vec()));
        shapes.push((format!("{name}.bias"), shape[..1].to_vec()));
    };
    pair("embeddings.LayerNorm".to_owned(), &[width]);
    for layer in 0..layers {
        let prefix = format!("encoder.layer.{layer}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            pair(format!("{prefix}.attention.{part}"), &[width, width]);
        }
        pair(format!("{prefix}.attention.output.LayerNorm"), &[width]);
        pair(format!("{prefix}.intermediate.dense"), &[inner, width]);
        pair(format!("{prefix}.output.dense"), &[width, inner]);
        pair(format!("{prefix}.output.LayerNorm"), &[width]);
    }
    shapes
}

/// The number at a place of a tensor: small, and different everywhere.
fn number(tensor: usize, place: usize) -> f32 {
    let mixed = (tensor * 7919 + place * 104_729 + 13) % 1009;
    f32::from(u16::try_from(mixed).unwrap()) / 1009.0 - 0.4
}

fn file(shapes: &[(String, Vec<usize>)]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (tensor, (name, shape)) in shapes.iter().enumerate() {
        let start = data.len();
        for place in 0..shape.iter().product::<usize>() {
            data.extend_from_slice(&number(tensor, place).to_le_bytes());
        }
        let offsets = format!(r#""data_offsets":[{start},{}]"#, data.len());
        entries.push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},{offsets}}}"#));
    }
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

fn open(path: &Path, threads: usize) -> Result<Encoder, ReadError> {
    Encoder::open(WeightsFile::open(path)?, TINY, threads)
}

fn written(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// The encoder by its definition, in the longer floats, one number after the other.
struct Definition(Vec<(String, Vec<f64>)>);

impl Definition {
    fn new() -> Self {
        let values = |(tensor, (name, shape)): (usize, (String, Vec<usize>))| {
            let places = 0..shape.iter().product();
            (name, places.map(|place| f64::from(number(tensor, place))).collect())
        };
        Self(shapes().into_iter().enumerate().map(values).collect())
    }

    fn get(&self, name: &str) -> &[f64] {
        &self.0.iter().find(|(known, _)| known == name).unwrap().1
    }

    fn linear(&self, name: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let weight = self.get(&format!("{name}.weight"));
        let bias = self.get(&format!("{name}.bias"));
        let dot = |row: &Vec<f64>, weights: &[f64]| {
            row.iter().zip(weights).map(|(a, b)| a * b).sum::<f64>()
        };
        let one = |row: &Vec<f64>| {
            let weights = weight.chunks(row.len());
            weights.zip(bias).map(|(weights, bias)| dot(row, weights) + bias).collect()
        };
        rows.iter().map(one).collect()
    }

    fn norm(&self, name: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let scale = self.get(&format!("{name}.weight"));
        let bias = self.get(&format!("{name}.bias"));
        let one = |row: &Vec<f64>| {
            let count = row.len() as f64;
            let mean = row.iter().sum::<f64>() / count;
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let root = (variance + f64::from(crate::shape::EPSILON)).sqrt();
            let parts = row.iter().zip(scale).zip(bias);
            parts.map(|((v, scale), bias)| (v - mean) / root * scale + bias).collect()
        };
        rows.iter().map(one).collect()
    }

    fn attend(&self, layer: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let part = |name: &str| self.linear(&format!("{layer}.attention.self.{name}"), rows);
        let (query, key, value) = (part("query"), part("key"), part("value"));
        let size = TINY.width / TINY.heads;
        let mut context = vec![vec![0.0; TINY.width]; rows.len()];
        for head in 0..TINY.heads {
            let columns = head * size..(head + 1) * size;
            for (query, context) in query.iter().zip(&mut context) {
                let score = |key: &Vec<f64>| {
                    let product: f64 = columns.clone().map(|c| query[c] * key[c]).sum();
                    (product / (size as f64).sqrt()).exp()
                };
                let scores: Vec<f64> = key.iter().map(score).collect();
                let total: f64 = scores.iter().sum();
                for (value, score) in value.iter().zip(&scores) {
                    columns.clone().for_each(|c| context[c] += value[c] * score / total);
                }
            }
        }
        context
    }

    fn run(&self, tokens: &[u32]) -> Vec<f64> {
        let add = |a: Vec<Vec<f64>>, b: &[Vec<f64>]| -> Vec<Vec<f64>> {
            let row = |(a, b): (Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + b).collect();
            a.into_iter().zip(b).map(row).collect()
        };
        let table = |name: &str, row: usize| {
            let table = self.get(&format!("embeddings.{name}.weight"));
            table[row * TINY.width..][..TINY.width].to_vec()
        };
        let each = |(place, token): (usize, &u32)| {
            let sum = add(
                vec![table("word_embeddings", *token as usize)],
                &[table("position_embeddings", place)],
            );
            add(sum, &[table("token_type_embeddings", 0)]).remove(0)
        };
        let rows: Vec<Vec<f64>> = tokens.iter().enumerate().map(each).collect();
        let mut rows = self.norm("embeddings.LayerNorm", &rows);
        for layer in 0..TINY.layers {
            let layer = format!("encoder.layer.{layer}");
            let output = format!("{layer}.attention.output");
            let context = self.linear(&format!("{output}.dense"), &self.attend(&layer, &rows));
            let middle = self.norm(&format!("{output}.LayerNorm"), &add(context, &rows));
            let mut inner = self.linear(&format!("{layer}.intermediate.dense"), &middle);
            for value in inner.iter_mut().flatten() {
                *value = *value * 0.5 * (1.0 + erf(*value / 2.0_f64.sqrt()));
            }
            let outer = self.linear(&format!("{layer}.output.dense"), &inner);
            rows = self.norm(&format!("{layer}.output.LayerNorm"), &add(outer, &middle));
        }
        let mean = |c: usize| rows.iter().map(|row| row[c]).sum::<f64>() / rows.len() as f64;
        (0..TINY.width).map(mean).collect()
    }
}

/// The error function by its series.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200_u32 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn every_call_gives_what_the_definition_says() {
    let (_folder, path) = written(&file(&shapes()));
    let definition = Definition::new();
    let texts: Vec<Vec<u32>> =
        (0..200).map(|n| (0..=n % 6).map(|place| (n * 3 + place) % 5).collect()).collect();
    for threads in [1, 3] {
        let encoder = open(&path, threads).unwrap();
        // The first call reads the layers one by one, the second keeps them, the third has them.
        for call in 0..3 {
            let vectors = encoder.run(&texts).unwrap();
            assert_eq!(vectors.len(), texts.len());
            for (text, vector) in texts.iter().zip(vectors) {
                for (value, expected) in vector.iter().zip(definition.run(text)) {
                    let distance = (f64::from(*value) - expected).abs();
                    assert!(distance < 1e-4, "call {call}, {text:?}: {value} {expected}");
                }
            }
        }
        assert!(encoder.run(&[]).unwrap().is_empty());
    }
}

#[test]
fn texts_are_cut_into_runs_by_their_tokens() {
    let texts = |lengths: &[usize]| -> Vec<Vec<u32>> {
        lengths.iter().map(|length| vec![0; *length]).collect()
    };
    let rows: [(&[usize], &[usize]); 5] = [
        (&[], &[]),
        (&[9], &[1]),
        (&[2, 2, 1], &[3]),
        (&[2, 2, 2, 3, 3], &[2, 2, 1]),
        (&[9, 1, 4, 9], &[1, 2, 1]),
    ];
    for (lengths, expected) in rows {
        let texts = texts(lengths);
        let runs: Vec<usize> = split(&texts, 5).map(<[_]>::len).collect();
        assert_eq!(runs, expected, "{lengths:?}");
    }
}

#[test]
fn a_tensor_that_is_missing_or_of_another_shape_is_named() {
    for (index, (name, shape)) in shapes().into_iter().enumerate() {
        let mut without = shapes();
        without.remove(index);
        let mut other = shapes();
        other[index].1.push(1);
        for shapes in [without, other] {
            let (_folder, path) = written(&file(&shapes));
            let error = open(&path, 1).unwrap_err();
            let ReadError::Unusable { path: named, source } = error else { panic!("{error:?}") };
            assert_eq!(named, path);
            let message = source.to_string();
            assert!(
                message.contains(&name) && message.contains(&format!("{shape:?}")),
                "{message}"
            );
        }
    }
}

#[test]
fn a_file_of_another_length_or_kind_is_named() {
    let whole = file(&shapes());
    let (_folder, path) = written(&whole[..whole.len() - 1]);
    let error = open(&path, 1).unwrap_err();
    let ReadError::Unusable { source: WeightsError::Truncated { length, expected }, .. } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!((length, expected), (whole.len() as u64 - 1, whole.len() as u64));
    for bytes in
        [&b""[..], b"not a weights file", b"PK\x03\x04 a zip file of some length", &whole[..40]]
    {
        let (_folder, path) = written(bytes);
        let error = open(&path, 1).unwrap_err();
        assert!(matches!(error, ReadError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains("model.safetensors"), "{error}");
    }
    let absent = open(&path.with_file_name("absent"), 1).unwrap_err();
    assert!(matches!(absent, ReadError::Missing { .. }), "{absent:?}");
}

#[test]
fn a_file_that_shrinks_while_it_is_open_is_an_error_and_the_next_call_works() {
    let whole = file(&shapes());
    let (_folder, path) = written(&whole);
    let encoder = open(&path, 1).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    for _ in 0..3 {
        let error = encoder.run(&[vec![1, 2]]).unwrap_err();
        assert!(matches!(error, ReadError::Io { .. }), "{error:?}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(encoder.run(&[vec![1, 2]]).unwrap().len(), 1);
}

#[test]
fn a_word_that_the_weights_do_not_know_is_an_error() {
    let (_folder, path) = written(&file(&shapes()));
    let error = open(&path, 1).unwrap().run(&[vec![0, 5]]).unwrap_err();
    assert!(matches!(error, ReadError::Word { rows: 5, token: 5, .. }), "{error:?}");
}
