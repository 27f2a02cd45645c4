//! Builds an ONNX graph node by node; field numbers are those of `onnx.proto`.

use super::protobuf::Message;
use crate::tensors::Stretch;

/// A graph under construction. Nodes are named by their place, so the bytes are deterministic.
pub(crate) struct Graph<'a> {
    /// The name of the file that holds the weights.
    weights: &'a str,
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
}

/// The name of a value that flows through the graph.
#[derive(Debug, Clone)]
pub(crate) struct Value(String);

/// What a node is told besides its inputs.
pub(crate) enum Attribute {
    Integer(&'static str, i64),
    Float(&'static str, f32),
    Integers(&'static str, &'static [i64]),
}

/// The element types in use, with their ONNX numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Element {
    Float = 1,
    Integer = 7,
}

impl<'a> Graph<'a> {
    /// Starts a graph whose weights lie in the file named `weights`.
    pub(crate) fn new(weights: &'a str) -> Self {
        Self {
            weights,
            nodes: Vec::new(),
            initializers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Declares an input; a dimension is named or fixed.
    pub(crate) fn input(&mut self, name: &str, element: Element, shape: &[Dimension]) -> Value {
        self.inputs.push(value_info(name, element, shape));
        Value(name.to_owned())
    }

    /// Adds a node and returns its one output.
    pub(crate) fn node(&mut self, op: &str, inputs: &[&Value], attributes: &[Attribute]) -> Value {
        let output = format!("{}_{op}", self.nodes.len());
        self.add(op, inputs, attributes, output)
    }

    /// Adds the node whose output is the result of the graph.
    pub(crate) fn result(&mut self, name: &str, from: &Value, shape: &[Dimension]) {
        self.add("Identity", &[from], &[], name.to_owned());
        self.outputs.push(value_info(name, Element::Float, shape));
    }

    /// Adds a tensor of the weights file.
    pub(crate) fn weight(&mut self, name: &str, shape: &[usize], stretch: Stretch) -> Value {
        let entry = |key: &str, value: &str| Message::default().bytes(1, key).bytes(2, value);
        let data = [
            entry("location", self.weights),
            entry("offset", &stretch.offset.to_string()),
            entry("length", &stretch.length.to_string()),
        ];
        let shape: Vec<i64> = shape.iter().map(|size| (*size).try_into().unwrap_or(-1)).collect();
        let tensor = tensor(name, Element::Float, &shape).each(13, data).integer(14, EXTERNAL);
        self.initializers.push(tensor);
        Value(name.to_owned())
    }

    /// Adds a constant list of whole numbers.
    pub(crate) fn integers(&mut self, name: &str, values: &[i64]) -> Value {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = [values.len().try_into().unwrap_or(-1)];
        self.initializers.push(tensor(name, Element::Integer, &shape).bytes(9, raw));
        Value(name.to_owned())
    }

    /// Adds a constant number.
    pub(crate) fn number(&mut self, name: &str, value: f32) -> Value {
        self.initializers.push(tensor(name, Element::Float, &[]).bytes(9, value.to_le_bytes()));
        Value(name.to_owned())
    }

    /// Returns the encoded model.
    pub(crate) fn into_model(self) -> Vec<u8> {
        let graph = Message::default()
            .each(1, self.nodes)
            .bytes(2, "encoder")
            .each(5, self.initializers)
            .each(11, self.inputs)
            .each(12, self.outputs);
        let operators = Message::default().bytes(1, "").integer(2, OPERATOR_SET);
        Message::default()
            .integer(1, IR_VERSION)
            .bytes(2, "garner")
            .bytes(7, graph)
            .bytes(8, operators)
            .into_bytes()
    }

    fn add(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: &[Attribute],
        output: String,
    ) -> Value {
        let node = Message::default()
            .each(1, inputs.iter().map(|value| &value.0))
            .bytes(2, &output)
            .bytes(3, &output)
            .bytes(4, op)
            .each(5, attributes.iter().map(Attribute::encode));
        self.nodes.push(node);
        Value(output)
    }
}

/// One dimension of an input or output.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dimension {
    Named(&'static str),
    Fixed(i64),
}

impl Attribute {
    fn encode(&self) -> Message {
        let start = |name: &str| Message::default().bytes(1, name);
        match self {
            Self::Float(name, value) => start(name).float(2, *value).integer(20, 1),
            Self::Integer(name, value) => start(name).integer(3, *value).integer(20, 2),
            Self::Integers(name, values) => {
                values.iter().fold(start(name), |m, value| m.integer(8, *value)).integer(20, 7)
            }
        }
    }
}

fn tensor(name: &str, element: Element, shape: &[i64]) -> Message {
    shape
        .iter()
        .fold(Message::default(), |message, size| message.integer(1, *size))
        .integer(2, element as i64)
        .bytes(8, name)
}

fn value_info(name: &str, element: Element, shape: &[Dimension]) -> Message {
    let dimension = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => Message::default().integer(1, *size),
        Dimension::Named(name) => Message::default().bytes(2, name),
    };
    let shape = Message::default().each(1, shape.iter().map(dimension));
    let tensor = Message::default().integer(1, element as i64).bytes(2, shape);
    Message::default().bytes(1, name).bytes(2, Message::default().bytes(1, tensor))
}

/// Layer normalization became one operator in set 17.
const OPERATOR_SET: i64 = 17;
/// The file format version that belongs to that operator set.
const IR_VERSION: i64 = 8;
/// The data of a tensor lies in another file.
const EXTERNAL: i64 = 1;
