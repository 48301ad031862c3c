//! What CatBoost means by its own files and does not say in the graph.

use crate::fronts::onnx::proto::ModelProto;

/// What CatBoost means by its own files. Missing values are below all numbers, and some predictions are other functions of the sums than
/// the file says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CatBoost {
    pub(crate) exponential: bool,
    /// Whether classes have probabilities of their own, of which its files make a softmax.
    pub(crate) apart: bool,
}

impl CatBoost {
    pub(crate) fn of(model: &ModelProto) -> Option<Self> {
        model.producer_name.as_deref().filter(|name| *name == "CatBoost")?;
        let parameters = model.metadata_props.iter().find(|entry| entry.key.as_deref() == Some("params"));
        let parameters = parameters.and_then(|entry| entry.value.as_deref()).unwrap_or_default();
        let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap_or_default();
        let loss = parameters["loss_function"]["type"].as_str().unwrap_or_default();
        let exponential = matches!(loss, "Poisson" | "Tweedie" | "LogLinQuantile");
        Some(Self { exponential, apart: loss == "MultiClassOneVsAll" })
    }
}
