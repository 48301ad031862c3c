//! What the user says of open dimensions and of whole numbers that go in.

use crate::fronts::onnx::proto::{DimensionProto, GraphProto, ValueInfoProto};
use std::collections::BTreeSet;

/// What the user says of open dimensions, and of inputs that are one whole number.
pub(super) struct Sizes<'a> {
    given: &'a [(String, u32)],
    /// Names of the batch: of which one sample is proven at a time.
    batch: BTreeSet<&'a str>,
}

impl<'a> Sizes<'a> {
    pub(super) fn of(graph: &'a GraphProto, given: &'a [(String, u32)]) -> Self {
        let first = |info: &'a ValueInfoProto| {
            let tensor = info.r#type.as_ref()?.tensor_type.as_ref()?;
            tensor.shape.as_ref()?.dim.first()?.dim_param.as_deref()
        };
        let batch = graph.input.iter().filter_map(first).filter(|name| !name.is_empty()).collect();
        Self { given, batch }
    }

    pub(super) fn named(&self, name: &str) -> Option<u32> {
        self.given.iter().find(|(given, _)| given == name).map(|(_, size)| *size)
    }

    /// The size of dimension `i` of an input. It is fixed in the file, or given for this dimension alone (`x[1]`) or for its name, or
    /// one, as the batch is. An error is what the dimension is called.
    pub(super) fn dimension(&self, input: &str, i: usize, dim: &DimensionProto) -> Result<usize, String> {
        if let Some(fixed) = dim.dim_value.and_then(|d| usize::try_from(d).ok()).filter(|&d| d > 0) {
            return Ok(fixed);
        }
        let place = format!("{input}[{i}]");
        let name = dim.dim_param.as_deref().filter(|name| !name.is_empty());
        let given = self.named(&place).or_else(|| name.and_then(|name| self.named(name)));
        match (given, name) {
            (Some(size), _) => Ok(size as usize),
            (None, _) if i == 0 => Ok(1),
            // A question mark is no name.
            (None, Some(name)) if name != "?" && self.batch.contains(name) => Ok(1),
            (None, Some(name)) if name != "?" => Err(name.to_string()),
            (None, _) => Err(place),
        }
    }
}
