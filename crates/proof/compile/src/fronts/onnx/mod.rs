//! ONNX files: bounded decoding, tensors, typed attributes.

mod attributes;
mod external;
mod functions;
pub mod proto;
mod tensor;
mod texts;

pub(crate) use attributes::Attributes;
pub use external::with_external_data;
pub(crate) use tensor::{Data, Tensor, doubles, half};
pub(crate) use texts::{Categories, encode as encode_texts};

use crate::terms::error::{At, CompileError};
use prost::Message;
use proto::{ModelProto, NodeProto};
use std::collections::BTreeMap;

/// Largest model file that is read, bytes: 1 GiB, half of what protobuf itself allows.
pub const MAX_ONNX_BYTES: usize = 1 << 30;

/// Decodes a model file.
///
/// # Errors
/// [`CompileError::NotOnnx`] for bytes that are too many, no protobuf, or without a graph.
pub fn decode(bytes: &[u8]) -> Result<ModelProto, CompileError> {
    let refuse = |reason: String| CompileError::NotOnnx { reason };
    if bytes.len() > MAX_ONNX_BYTES {
        return Err(refuse(format!("expected at most {MAX_ONNX_BYTES} bytes, got {}", bytes.len())));
    }
    let model = ModelProto::decode(bytes).map_err(|e| refuse(e.to_string()))?;
    match model.graph {
        Some(ref graph) if !graph.output.is_empty() => functions::inline(model).map_err(refuse),
        _ => Err(refuse("it has no graph with an output".into())),
    }
}

/// What operand `i` of the node `at` stands for, among the names that are bound so far; `None` if it is omitted.
pub(crate) fn operand<'a, B>(
    node: &NodeProto,
    i: usize,
    names: &'a BTreeMap<String, B>,
    at: &At,
) -> Result<Option<&'a B>, CompileError> {
    match node.input.get(i).map(String::as_str) {
        None | Some("") => Ok(None),
        Some(name) => {
            let undefined = || CompileError::Undefined { at: at.clone(), name: name.into() };
            names.get(name).map(Some).ok_or_else(undefined)
        }
    }
}

/// Version of ai.onnx that a model asks for.
pub(crate) fn opset(model: &ModelProto) -> i64 {
    let of_core = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let versions = model.opset_import.iter().filter(|import| of_core(&import.domain)).filter_map(|i| i.version);
    versions.max().unwrap_or(17)
}

/// Where a node is.
pub(crate) fn node_at(node: &NodeProto) -> At {
    let name = node.name.clone().filter(|name| !name.is_empty());
    let operator = node.op_type.clone().unwrap_or_default();
    At {
        node: name.or_else(|| node.output.first().cloned()).unwrap_or_default(),
        operator: match node.domain.as_deref() {
            None | Some("" | "ai.onnx") => operator,
            Some(domain) => format!("{domain} {operator}"),
        },
    }
}
