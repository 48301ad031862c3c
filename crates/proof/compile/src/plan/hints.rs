//! For each operator that is not supported, the nearest thing that works.

/// Every operator that works, for messages.
pub(crate) const SUPPORTED: &str = "Gemm, MatMul, Add, Sub, Mul, Div by a constant, Relu, Sigmoid, Softmax, ArgMax, \
    Neg, Exp, Pow of a constant, Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout, Cast, Concat, Constant, and ai.onnx.ml \
    Scaler, Imputer, Normalizer, LinearClassifier, LinearRegressor, TreeEnsembleClassifier, TreeEnsembleRegressor, ZipMap, ArrayFeatureExtractor of a label";

/// A hint for `operator`.
pub(crate) fn hint(operator: &str) -> String {
    let nearest = match operator {
        "Gather"
        | "GatherElements"
        | "GatherND"
        | "Less"
        | "LessOrEqual"
        | "Greater"
        | "GreaterOrEqual"
        | "Equal"
        | "Where"
        | "ArrayFeatureExtractor" => {
            "if this is a tree model in tensor form, export it as TreeEnsembleClassifier or TreeEnsembleRegressor \
             (skl2onnx and onnxmltools do); branches are then exact"
        }
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" | "GlobalAveragePool" | "GlobalMaxPool"
        | "BatchNormalization" | "LayerNormalization" | "Attention" | "LSTM" | "GRU" | "RNN" | "Transpose"
        | "Concat" | "Split" | "Slice" | "Pad" | "ReduceMean" | "ReduceSum" | "Einsum" => {
            "of neural networks, fully connected layers work: Gemm, or MatMul and Add, with Relu, Sigmoid or Softmax"
        }
        "Tanh" | "Gelu" | "Erf" | "Elu" | "Selu" | "LeakyRelu" | "PRelu" | "HardSigmoid" | "HardSwish" | "Softplus"
        | "Softsign" | "Mish" | "Clip" | "LogSoftmax" | "Log" | "Sqrt" => {
            "of activations, Relu, Sigmoid and Softmax work"
        }
        "SVMClassifier" | "SVMRegressor" => {
            "of linear models, LinearClassifier and LinearRegressor work: train a linear support vector machine or a \
             logistic regression"
        }
        "TreeEnsemble" => {
            "export with target_opset {\"ai.onnx.ml\": 3}, which writes TreeEnsembleClassifier or TreeEnsembleRegressor"
        }
        "OneHotEncoder" | "LabelEncoder" | "Binarizer" | "CategoryMapper" | "DictVectorizer" | "FeatureVectorizer"
        | "StringNormalizer" | "TfIdfVectorizer" => {
            "prepare the features before the model; Scaler, Imputer and Normalizer work inside it"
        }
        _ => return format!("these work: {SUPPORTED}"),
    };
    nearest.to_string()
}
