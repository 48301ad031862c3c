//! The network under construction, and what names stand for so far.

use super::sizes::Sizes;
use crate::fronts::catboost::CatBoost;
use crate::fronts::onnx::Tensor;
use crate::fronts::onnx::proto::{TYPE_INT8, TYPE_UINT8, TensorProto};
use crate::graph::array::Array;
use crate::graph::net::{Id, Net};
use crate::terms::labels::Labels;
use std::collections::BTreeMap;

/// Most elements of a value.
pub(super) const MAX_LEN: usize = 1 << 24;

/// The network under construction.
pub(super) struct Builder<'a> {
    pub(super) net: Net,
    /// Version of ai.onnx.
    pub(super) opset: i64,
    /// Whether a plan is made of the steps, which may have trees.
    pub(super) is_classical: bool,
    pub(super) names: BTreeMap<String, Bound>,
    /// Constants that are texts.
    pub(super) texts: BTreeMap<String, Tensor>,
    /// Constants that are integers of eight bits, and whether with a sign.
    pub(super) bytes: BTreeMap<String, bool>,
    /// Values that are numbers of classes: the class's index, and what it means.
    pub(super) classes: BTreeMap<Id, (Id, Labels)>,
    /// What CatBoost means by its own files.
    pub(super) catboost: Option<CatBoost>,
    /// What the user says of open dimensions and of whole numbers that go in.
    pub(super) sizes: Sizes<'a>,
    /// Elements that values and constants may still have.
    pub(super) left: usize,
}

/// Whether integers of eight bits have a sign; nothing for other types.
pub(super) fn is_signed(tensor: &TensorProto) -> Option<bool> {
    match tensor.data_type {
        Some(TYPE_INT8) => Some(true),
        Some(TYPE_UINT8) => Some(false),
        _ => None,
    }
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// What depends on the input.
    Value(Id),
    /// What does not.
    Const(Array),
}
