//! Local functions: a model may bring operators of its own, which are put in where they are called.

use super::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};
use prost::Message;
use std::collections::BTreeMap;

/// Deepest nesting of calls: functions may not call themselves.
const DEEPEST: usize = 32;
/// Most nodes that calls put in, those inside branches included.
const NODES_MAX: usize = 1 << 20;
/// Most bytes that calls put in: a function's constants and names come once a call.
const BYTES_MAX: usize = 1 << 28;

/// The model without calls of its own functions; an error says why that cannot be.
pub(super) fn inline(mut model: ModelProto) -> Result<ModelProto, String> {
    let functions = std::mem::take(&mut model.functions);
    if functions.is_empty() {
        return Ok(model);
    }
    let mut named: BTreeMap<(&str, &str), &FunctionProto> = BTreeMap::new();
    for function in &functions {
        named.entry(key(&function.domain, &function.name)).or_insert(function);
    }
    let (mut calls, mut left) = (0, Size { nodes: NODES_MAX, bytes: BYTES_MAX });
    for _ in 0..DEEPEST {
        let Some(graph) = &mut model.graph else { return Ok(model) };
        let nodes = std::mem::take(&mut graph.node);
        let mut resolved = false;
        for node in nodes {
            match named.get(&key(&node.domain, &node.op_type)) {
                Some(function) => {
                    calls += 1;
                    resolved = true;
                    graph.node.extend(body(function, &node, calls, &mut left)?);
                }
                None => graph.node.push(node),
            }
        }
        if !resolved {
            return Ok(model);
        }
    }
    Err(format!("expected functions that call one another at most {DEEPEST} deep, got deeper ones"))
}

/// What a call and its function agree in.
fn key<'a>(domain: &'a Option<String>, name: &'a Option<String>) -> (&'a str, &'a str) {
    (domain.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default())
}

/// How large nodes are.
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Size {
    /// Takes what a node would need from what is left.
    fn spend(&mut self, needed: &Self) -> Result<(), String> {
        let (nodes, bytes) = (self.nodes.checked_sub(needed.nodes), self.bytes.checked_sub(needed.bytes));
        let left = nodes.zip(bytes).map(|(nodes, bytes)| Self { nodes, bytes });
        let refusal = || {
            format!(
                "expected at most {NODES_MAX} nodes and {BYTES_MAX} bytes of its functions, got more once they are put in"
            )
        };
        *self = left.ok_or_else(refusal)?;
        Ok(())
    }
}

/// What a node and those of its branches refer to.
#[derive(Default)]
struct References {
    nodes: usize,
    /// Names of values and nodes.
    names: usize,
    /// Attributes of the call.
    attributes: usize,
}

impl References {
    fn count(&mut self, node: &NodeProto) {
        self.nodes += 1;
        self.names += node.input.len() + node.output.len() + 1;
        for attribute in &node.attribute {
            self.attributes += usize::from(attribute.ref_attr_name.is_some());
            let Some(graph) = attribute.g.as_deref() else { continue };
            self.names += graph.initializer.len() + graph.output.len();
            graph.node.iter().for_each(|node| self.count(node));
        }
    }
}

/// The nodes of a function as `call` has them. What is between them is named after the number of the call.
fn body(function: &FunctionProto, call: &NodeProto, number: usize, left: &mut Size) -> Result<Vec<NodeProto>, String> {
    let outer = |inner: &[String], given: &[String]| {
        let given = given.iter().cloned().chain(std::iter::repeat(String::new()));
        inner.iter().cloned().zip(given).collect::<Vec<_>>()
    };
    let mut names: BTreeMap<String, String> = outer(&function.input, &call.input).into_iter().collect();
    // A result that the call does not take keeps a name of its own.
    names.extend(outer(&function.output, &call.output).into_iter().filter(|(_, name)| !name.is_empty()));
    let prefix = format!("{}#{number}/", function.name.as_deref().unwrap_or_default());
    let longest = names.values().map(String::len).fold(prefix.len(), usize::max);
    let scope = Scope { names, prefix, longest };
    let given = |name: &str| {
        let given = call.attribute.iter().chain(&function.attribute_proto);
        given.into_iter().find(|attribute| attribute.name.as_deref() == Some(name)).cloned()
    };
    let largest = call.attribute.iter().chain(&function.attribute_proto).map(Message::encoded_len).max().unwrap_or(0);
    let made = |node: &NodeProto| {
        left.spend(&scope.most(node, largest))?;
        Ok(scope.node(node, &given))
    };
    function.node.iter().map(made).collect()
}

struct Scope {
    names: BTreeMap<String, String>,
    prefix: String,
    /// Bytes that a name gets at most.
    longest: usize,
}

impl Scope {
    /// The most that a node may become, before it does: each name the longest, and each attribute of the call the largest.
    fn most(&self, node: &NodeProto, attribute: usize) -> Size {
        let mut references = References::default();
        references.count(node);
        let names = references.names.saturating_mul(self.longest);
        let attributes = references.attributes.saturating_mul(attribute);
        let bytes = node.encoded_len().saturating_add(names).saturating_add(attributes);
        Size { nodes: references.nodes, bytes }
    }

    fn name(&self, inner: &String) -> String {
        match self.names.get(inner) {
            Some(outer) => outer.clone(),
            None if inner.is_empty() => String::new(),
            None => format!("{}{inner}", self.prefix),
        }
    }

    fn node(&self, node: &NodeProto, given: &dyn Fn(&str) -> Option<AttributeProto>) -> NodeProto {
        let attribute = |attribute: &AttributeProto| match attribute.ref_attr_name.as_deref() {
            None | Some("") => Some(self.attribute(attribute, given)),
            Some(name) => given(name).map(|found| AttributeProto { name: attribute.name.clone(), ..found }),
        };
        NodeProto {
            input: node.input.iter().map(|name| self.name(name)).collect(),
            output: node.output.iter().map(|name| self.name(name)).collect(),
            name: node.name.as_ref().map(|name| format!("{}{name}", self.prefix)),
            attribute: node.attribute.iter().filter_map(attribute).collect(),
            ..node.clone()
        }
    }

    fn attribute(&self, attribute: &AttributeProto, given: &dyn Fn(&str) -> Option<AttributeProto>) -> AttributeProto {
        let branch = |graph: &GraphProto| {
            let mut graph = graph.clone();
            graph.node = graph.node.iter().map(|node| self.node(node, given)).collect();
            let named = |name: &mut Option<String>| *name = name.as_ref().map(|name| self.name(name));
            graph.initializer.iter_mut().for_each(|constant| named(&mut constant.name));
            graph.output.iter_mut().for_each(|output| named(&mut output.name));
            Box::new(graph)
        };
        AttributeProto { g: attribute.g.as_deref().map(branch), ..attribute.clone() }
    }
}
