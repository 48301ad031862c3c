//! What goes in: types and dimensions of a graph's inputs.

use super::builder::{Bound, Builder, MAX_LEN};
use crate::fronts::onnx::proto::{
    TYPE_BOOL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_FLOAT16, TYPE_INT8, TYPE_INT32, TYPE_INT64, TYPE_UINT8, ValueInfoProto,
    type_name,
};
use crate::graph::array::Array;
use crate::graph::net::NetInput;
use crate::terms::error::CompileError;
use crate::terms::size::count_of;

impl Builder<'_> {
    pub(super) fn input(&mut self, info: &ValueInfoProto) -> Result<(), CompileError> {
        let name = info.name.clone().unwrap_or_default();
        // Old files list initializers among the inputs.
        if self.names.contains_key(&name) {
            return Ok(());
        }
        let (dims, whole) = self.input_type(&name, info)?;
        if let Some(value) = self.sizes.named(&name).filter(|_| whole && dims.iter().all(|&d| d == 1)) {
            self.net.notes.push(format!("input {name:?} is {value} for ever: what is given for it counts for nothing"));
            self.names.insert(name, Bound::Const(Array::whole(dims, vec![value as f32])));
            return Ok(());
        }
        let id = self.net.inputs.len();
        self.net.inputs.push(NetInput { name: name.clone(), dims, whole });
        self.names.insert(name, Bound::Value(id));
        Ok(())
    }

    fn input_type(&self, name: &str, info: &ValueInfoProto) -> Result<(Vec<usize>, bool), CompileError> {
        let refuse =
            |expected: &str, got: String| CompileError::Input { input: name.into(), expected: expected.into(), got };
        let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        let tensor = tensor.ok_or_else(|| refuse("a tensor", "another type".into()))?;
        let whole = match tensor.elem_type.unwrap_or(0) {
            // Doubles are read as float32: where that makes a difference, the program does not pass for the model.
            TYPE_FLOAT | TYPE_FLOAT16 | TYPE_DOUBLE => false,
            TYPE_INT32 | TYPE_INT64 | TYPE_BOOL | TYPE_UINT8 | TYPE_INT8 => true,
            other => {
                let expected = "a tensor of float, float16, double, int8, uint8, int32, int64 or bool";
                return Err(refuse(expected, format!("one of {}", type_name(other))));
            }
        };
        let shape = tensor.shape.as_ref().ok_or_else(|| refuse("a shape", "none".into()))?;
        let mut dims = Vec::with_capacity(shape.dim.len());
        for (i, dim) in shape.dim.iter().enumerate() {
            let open = |called: String| {
                refuse("fixed dimensions after the first", format!("an open dimension {i} ({called:?})"))
            };
            dims.push(self.sizes.dimension(name, i, dim).map_err(open)?);
        }
        if count_of(&dims, MAX_LEN).is_some() {
            Ok((dims, whole))
        } else {
            Err(refuse("at most 16 Mi elements", format!("shape {dims:?}")))
        }
    }
}
