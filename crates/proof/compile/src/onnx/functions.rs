//! Local functions: a model may bring operators of its own, which are put in where they are called.

use super::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};
use std::collections::BTreeMap;

/// Deepest nesting of calls: functions may not call themselves.
const DEEPEST: usize = 32;
/// Most nodes of a model once all calls are resolved.
const NODES_MAX: usize = 1 << 20;

/// The model without calls of its own functions; an error says why that cannot be.
pub(super) fn inline(mut model: ModelProto) -> Result<ModelProto, String> {
    let functions = std::mem::take(&mut model.functions);
    if functions.is_empty() {
        return Ok(model);
    }
    let mut calls = 0;
    for _ in 0..DEEPEST {
        let Some(graph) = &mut model.graph else { return Ok(model) };
        let nodes = std::mem::take(&mut graph.node);
        let mut resolved = false;
        for node in nodes {
            match functions.iter().find(|function| is_call(&node, function)) {
                Some(function) => {
                    calls += 1;
                    resolved = true;
                    graph.node.extend(body(function, &node, calls));
                }
                None => graph.node.push(node),
            }
            if graph.node.len() > NODES_MAX {
                return Err(format!("expected at most {NODES_MAX} nodes, got more once its functions are put in"));
            }
        }
        if !resolved {
            return Ok(model);
        }
    }
    Err(format!("expected functions that call one another at most {DEEPEST} deep, got deeper ones"))
}

fn is_call(node: &NodeProto, function: &FunctionProto) -> bool {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    node.op_type == function.name && text(&node.domain) == text(&function.domain)
}

/// The nodes of a function as `call` has them. What is between them is named after the number of the call.
fn body(function: &FunctionProto, call: &NodeProto, number: usize) -> Vec<NodeProto> {
    let outer = |inner: &[String], given: &[String]| {
        let given = given.iter().cloned().chain(std::iter::repeat(String::new()));
        inner.iter().cloned().zip(given).collect::<Vec<_>>()
    };
    let mut names: BTreeMap<String, String> = outer(&function.input, &call.input).into_iter().collect();
    // A result that the call does not take keeps a name of its own.
    names.extend(outer(&function.output, &call.output).into_iter().filter(|(_, name)| !name.is_empty()));
    let scope = Scope { names, prefix: format!("{}#{number}/", function.name.as_deref().unwrap_or_default()) };
    let given = |name: &str| {
        let given = call.attribute.iter().chain(&function.attribute_proto);
        given.into_iter().find(|attribute| attribute.name.as_deref() == Some(name)).cloned()
    };
    function.node.iter().map(|node| scope.node(node, &given)).collect()
}

struct Scope {
    names: BTreeMap<String, String>,
    prefix: String,
}

impl Scope {
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
