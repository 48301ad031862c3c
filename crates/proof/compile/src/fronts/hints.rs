//! For each operator that is not supported, the nearest thing that works.

/// A hint for `operator`.
pub(crate) fn hint(operator: &str) -> String {
    let nearest = match operator {
        "NonZero" | "NonMaxSuppression" | "ArrayFeatureExtractor" => {
            "positions that depend on the input are not proven; Gather and Slice at constant positions work, and embeddings by \
             an integer input. If this is a tree model in tensor form, export it as TreeEnsembleClassifier or \
             TreeEnsembleRegressor (skl2onnx and onnxmltools do); branches are then exact"
        }
        "MultiHeadAttention"
        | "GroupQueryAttention"
        | "EmbedLayerNormalization"
        | "SkipLayerNormalization"
        | "BiasGelu"
        | "FusedMatMul"
        | "FusedConv" => {
            "export without the runtime's graph optimisations: attention works as MatMul, Softmax and MatMul"
        }
        "DynamicQuantizeMatMul" | "DynamicQuantizeLSTM" | "MatMulIntegerToFloat" => {
            "quantize without the runtime's graph optimisations: DynamicQuantizeLinear and MatMulInteger work"
        }
        "TreeEnsemble" => {
            "export with target_opset {\"ai.onnx.ml\": 3}, which writes TreeEnsembleClassifier or TreeEnsembleRegressor"
        }
        "CategoryMapper" | "DictVectorizer" | "FeatureVectorizer" | "StringNormalizer" | "TfIdfVectorizer" => {
            "prepare texts and dictionaries before the model; of numbers, scalers, imputers, encoders, bins and Normalizer work inside it"
        }
        _ => {
            "`ciro ops` lists the operators that compile: put some of them in its place, or export the model with another opset"
        }
    };
    nearest.to_string()
}
