//! Inputs that are texts: each becomes the code of a category, so that the program reads numbers.
//!
//! What an encoder in the graph compares texts with is a table of the model's own. Inputs that meet in one tensor share
//! the texts of all tables that it goes through. A text is coded by its place among them, and so are the tables.
//! Whatever is in no table has the code −1, which no table holds, so that encoders answer as they do to what they do
//! not know.

use super::proto::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_FLOATS, ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, GraphProto, ModelProto,
    NodeProto, TYPE_FLOAT, TYPE_STRING, TensorProto,
};
use super::tensor::texts;
use crate::terms::error::{At, CompileError};
use std::collections::BTreeMap;

/// The categories of each input of texts, by its name.
pub(crate) type Categories = BTreeMap<String, Vec<String>>;

/// Operators that give texts as they take them.
const MOVES: [&str; 14] = [
    "Identity",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Concat",
    "Gather",
    "ArrayFeatureExtractor",
    "Transpose",
    "Slice",
    "Split",
    "Expand",
    "Dropout",
    "Cast",
];

/// Replaces inputs of texts by inputs of codes, in the inputs and in every table that they meet.
///
/// # Errors
/// [`CompileError::Form`] at an operator that does something else with texts than to look them up.
pub(crate) fn encode(model: &mut ModelProto) -> Result<Categories, CompileError> {
    let Some(graph) = &mut model.graph else { return Ok(Categories::new()) };
    let mut groups = Groups::of(graph)?;
    if groups.inputs.is_empty() {
        return Ok(Categories::new());
    }
    for node in &graph.node {
        groups.meet(node)?;
    }
    for node in &mut graph.node {
        groups.rewrite(node)?;
    }
    groups.rewrite_constants(graph)?;
    let inputs = groups.inputs.clone();
    for input in graph.input.iter_mut().filter(|input| inputs.iter().any(|name| input.name.as_ref() == Some(name))) {
        if let Some(tensor) = input.r#type.as_mut().and_then(|kind| kind.tensor_type.as_mut()) {
            tensor.elem_type = Some(TYPE_FLOAT);
        }
    }
    Ok(inputs.into_iter().map(|name| (name.clone(), groups.texts_of(&name))).collect())
}

/// Tensors of texts, in groups of those that meet.
struct Groups {
    /// The inputs of texts.
    inputs: Vec<String>,
    /// Texts that a table gives for those of an input.
    given: Vec<String>,
    /// A tensor's group.
    of: BTreeMap<String, usize>,
    /// The group that a group has become a part of, or itself.
    parent: Vec<usize>,
    texts: Vec<Vec<String>>,
}

impl Groups {
    /// A group for each input and each constant of texts.
    fn of(graph: &GraphProto) -> Result<Self, CompileError> {
        let is_text = |data_type: Option<i32>| data_type == Some(TYPE_STRING);
        let mut groups = Self { inputs: vec![], given: vec![], of: BTreeMap::new(), parent: vec![], texts: vec![] };
        for input in &graph.input {
            let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
            if is_text(tensor.and_then(|tensor| tensor.elem_type)) {
                let name = input.name.clone().unwrap_or_default();
                groups.found(&name, vec![]);
                groups.inputs.push(name);
            }
        }
        let constants = graph.initializer.iter().map(|tensor| (tensor.name.clone().unwrap_or_default(), tensor));
        for (name, tensor) in constants.filter(|(_, tensor)| is_text(tensor.data_type)) {
            let refuse = |reason| CompileError::Initializer { tensor: name.clone(), reason };
            groups.found(&name, texts(&tensor.string_data).map_err(refuse)?);
        }
        Ok(groups)
    }

    fn found(&mut self, name: &str, texts: Vec<String>) {
        self.of.insert(name.into(), self.parent.len());
        self.parent.push(self.parent.len());
        self.texts.push(texts);
    }

    /// The group of a tensor, if it holds texts.
    fn group(&self, name: &str) -> Option<usize> {
        let mut group = *self.of.get(name)?;
        while self.parent[group] != group {
            group = self.parent[group];
        }
        Some(group)
    }

    fn texts_of(&self, name: &str) -> Vec<String> {
        self.group(name).map(|group| self.texts[group].clone()).unwrap_or_default()
    }

    fn add(&mut self, group: usize, texts: Vec<String>) {
        for text in texts {
            if !self.texts[group].contains(&text) {
                self.texts[group].push(text);
            }
        }
    }

    fn join(&mut self, a: &str, b: &str) {
        if let (Some(a), Some(b)) = (self.group(a), self.group(b))
            && a != b
        {
            self.parent[b] = a;
            let texts = std::mem::take(&mut self.texts[b]);
            self.add(a, texts);
        }
    }

    /// Whether texts of an input come to a tensor.
    fn is_fed(&self, name: &str) -> bool {
        let group = self.group(name);
        group.is_some() && self.inputs.iter().chain(&self.given).any(|text| self.group(text) == group)
    }

    /// Takes up what a node does with texts.
    fn meet(&mut self, node: &NodeProto) -> Result<(), CompileError> {
        let operands: Vec<&String> = node.input.iter().filter(|name| self.of.contains_key(*name)).collect();
        let Some(first) = operands.first() else { return Ok(()) };
        for other in &operands[1..] {
            self.join(first, other);
        }
        let Some(group) = self.group(first) else { return Ok(()) };
        match node.op_type.as_deref().unwrap_or_default() {
            "OneHotEncoder" | "CategoryMapper" => self.add(group, listed(node, "cats_strings")?),
            "LabelEncoder" => {
                self.add(group, keys(node)?);
                let values = values(node)?;
                if !values.is_empty() {
                    node.output.iter().for_each(|name| self.found(name, values.clone()));
                    if self.is_fed(first) {
                        self.given.extend(node.output.iter().cloned());
                    }
                }
            }
            "Equal" => {}
            moved if MOVES.contains(&moved) => {
                for name in &node.output {
                    self.found(name, vec![]);
                    self.join(first, name);
                }
            }
            _ if self.is_fed(first) => return Err(refuse(node)),
            _ => {}
        }
        Ok(())
    }

    /// The codes of texts in the group of a tensor.
    fn codes(&self, name: &str, texts: &[String]) -> Vec<i64> {
        let Some(group) = self.group(name) else { return vec![] };
        let code = |text: &String| self.texts[group].iter().position(|other| other == text);
        texts.iter().map(|text| code(text).map_or(-1, |code| code as i64)).collect()
    }

    fn rewrite(&self, node: &mut NodeProto) -> Result<(), CompileError> {
        let Some(first) = node.input.iter().find(|name| self.is_fed(name)).cloned() else { return Ok(()) };
        match node.op_type.as_deref().unwrap_or_default() {
            "OneHotEncoder" => {
                let codes = self.codes(&first, &listed(node, "cats_strings")?);
                replace(node, &["cats_strings"], [ints("cats_int64s", codes)]);
            }
            "CategoryMapper" => {
                let codes = self.codes(&first, &listed(node, "cats_strings")?);
                let values = attribute(node, "cats_int64s").map(|a| a.ints.clone()).unwrap_or_default();
                let default = attribute(node, "default_int64").and_then(|a| a.i).unwrap_or(-1);
                node.op_type = Some("LabelEncoder".into());
                let known = ["cats_strings", "cats_int64s", "default_int64", "default_string"];
                let table = [ints("keys_int64s", codes), ints("values_int64s", values), int("default_int64", default)];
                replace(node, &known, table);
            }
            "LabelEncoder" => self.rewrite_table(node, &first)?,
            // Codes are numbers already.
            "Cast" => {
                node.op_type = Some("Identity".into());
                node.attribute.clear();
            }
            _ => {}
        }
        Ok(())
    }

    fn rewrite_table(&self, node: &mut NodeProto, first: &str) -> Result<(), CompileError> {
        let keys = ints("keys_int64s", self.codes(first, &keys(node)?));
        let texts = values(node)?;
        if !texts.is_empty() {
            let output = node.output.first().cloned().unwrap_or_default();
            let default = attribute(node, "default_string").and_then(|a| a.s.clone()).unwrap_or_default();
            let default = self.codes(&output, &[String::from_utf8_lossy(&default).into_owned()]);
            let values = ints("values_int64s", self.codes(&output, &texts));
            let default = int("default_int64", default.first().copied().unwrap_or(-1));
            let known =
                ["keys_strings", "keys_tensor", "values_strings", "values_tensor", "default_string", "default_tensor"];
            replace(node, &known, [keys, values, default]);
            return Ok(());
        }
        let unpacked = ["values_tensor", "default_tensor"].map(|name| attribute(node, name).and_then(unpacked));
        let kept: Vec<AttributeProto> = unpacked.into_iter().flatten().chain([keys]).collect();
        replace(node, &["keys_strings", "keys_tensor", "values_tensor", "default_tensor"], kept);
        Ok(())
    }

    fn rewrite_constants(&self, graph: &mut GraphProto) -> Result<(), CompileError> {
        for tensor in &mut graph.initializer {
            let name = tensor.name.clone().unwrap_or_default();
            if !self.is_fed(&name) {
                continue;
            }
            let refuse = |reason| CompileError::Initializer { tensor: name.clone(), reason };
            let codes = self.codes(&name, &texts(&tensor.string_data).map_err(refuse)?);
            tensor.string_data.clear();
            tensor.data_type = Some(TYPE_FLOAT);
            tensor.float_data = codes.into_iter().map(|code| code as f32).collect();
        }
        Ok(())
    }
}

/// A table's numbers as the attributes of older operator sets.
fn unpacked(attribute: &AttributeProto) -> Option<AttributeProto> {
    let (kind, tensor) = (attribute.name.as_deref()?, attribute.t.as_ref()?);
    let data = crate::fronts::onnx::Tensor::read(tensor).ok()?.data;
    let scalar = kind.starts_with("default");
    Some(match data {
        crate::fronts::onnx::Data::Ints(values) if scalar => int("default_int64", *values.first()?),
        crate::fronts::onnx::Data::Ints(values) => ints("values_int64s", values),
        crate::fronts::onnx::Data::Floats(values) if scalar => AttributeProto {
            name: Some("default_float".into()),
            f: values.first().copied(),
            r#type: Some(ATTRIBUTE_FLOAT),
            ..AttributeProto::default()
        },
        crate::fronts::onnx::Data::Floats(floats) => AttributeProto {
            name: Some("values_floats".into()),
            floats,
            r#type: Some(ATTRIBUTE_FLOATS),
            ..AttributeProto::default()
        },
        crate::fronts::onnx::Data::Texts(_) => return None,
    })
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
}

/// A list of texts; empty if the node has none of this name.
fn listed(node: &NodeProto, name: &str) -> Result<Vec<String>, CompileError> {
    let found = attribute(node, name).map(|attribute| texts(&attribute.strings)).transpose();
    found.map(Option::unwrap_or_default).map_err(|got| CompileError::Attribute {
        at: at(node),
        attribute: name.into(),
        expected: "UTF-8 texts".into(),
        got,
    })
}

/// The texts that a table looks up.
fn keys(node: &NodeProto) -> Result<Vec<String>, CompileError> {
    in_table(node, "keys_strings", "keys_tensor")
}

/// The texts that a table gives, if it gives texts.
fn values(node: &NodeProto) -> Result<Vec<String>, CompileError> {
    in_table(node, "values_strings", "values_tensor")
}

fn in_table(node: &NodeProto, list: &str, tensor: &str) -> Result<Vec<String>, CompileError> {
    let is_text = |tensor: &&TensorProto| tensor.data_type == Some(TYPE_STRING);
    let tensor = attribute(node, tensor).and_then(|attribute| attribute.t.as_ref()).filter(is_text);
    let Some(tensor) = tensor else { return listed(node, list) };
    texts(&tensor.string_data).map_err(|got| CompileError::Attribute {
        at: at(node),
        attribute: list.into(),
        expected: "UTF-8 texts".into(),
        got,
    })
}

fn ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { name: Some(name.into()), ints, r#type: Some(ATTRIBUTE_INTS), ..AttributeProto::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: Some(name.into()), i: Some(value), r#type: Some(ATTRIBUTE_INT), ..AttributeProto::default() }
}

fn replace(node: &mut NodeProto, old: &[&str], new: impl IntoIterator<Item = AttributeProto>) {
    node.attribute.retain(|attribute| !old.iter().any(|old| attribute.name.as_deref() == Some(*old)));
    node.attribute.extend(new);
}

fn at(node: &NodeProto) -> At {
    let domain = node.domain.clone().filter(|domain| !domain.is_empty());
    let operator = node.op_type.clone().unwrap_or_default();
    let name = node.name.clone().filter(|name| !name.is_empty()).or_else(|| node.output.first().cloned());
    At {
        node: name.unwrap_or_default(),
        operator: domain.map_or_else(|| operator.clone(), |domain| format!("{domain}.{operator}")),
    }
}

fn refuse(node: &NodeProto) -> CompileError {
    let operator = node.op_type.clone().unwrap_or_default();
    CompileError::Form {
        at: at(node),
        what: format!("{operator} reads inside a text, and texts are only looked up as wholes here"),
        hint: "do that before the model, and export what comes after it, with the numbers that it gives for inputs"
            .into(),
    }
}
