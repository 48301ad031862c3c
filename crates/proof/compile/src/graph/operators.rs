//! The registry: the operators that compile. Importing matches over [`Operator`] without a catch-all, so that a new one does not compile
//! until it is known what becomes of it. Which forms of each work is in `docs/reference/ops.md`, which ONNX's own tests write.

/// Where an operator is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// `ai.onnx`.
    Core,
    /// `ai.onnx.ml`.
    Classical,
    /// `com.microsoft`: what onnxruntime's own optimiser writes.
    Runtime,
}

impl Domain {
    /// As models write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Core => "ai.onnx",
            Self::Classical => "ai.onnx.ml",
            Self::Runtime => "com.microsoft",
        }
    }
}

/// What imports an operator: the match over it has no catch-all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Attention, and positions turned into angles.
    Attention,
    /// Branches and loops.
    Branch,
    /// Elements of a row or a list.
    Chosen,
    /// What `super::plan` reads node by node.
    Classical,
    /// What only works on constants.
    Constants,
    /// Convolutions over two dimensions or three.
    Convolutions,
    /// Loops that are distances to constant rows.
    Distances,
    /// Einstein's sums.
    Einsum,
    /// Images read at constant positions between their elements.
    Grid,
    /// Support vector machines that vote.
    KernelClassifier,
    /// Support vector machines that add up.
    KernelRegressor,
    /// What moves elements.
    Moves,
    /// Arithmetic and functions of single elements.
    Pointwise,
    /// Pooling over two dimensions or three.
    Pools,
    /// Products with matrices.
    Products,
    /// Numbers as integers of eight bits.
    Quantized,
    /// Recurrent layers.
    Recurrent,
    /// Other sizes of images.
    Resize,
    /// Reductions and normalisations.
    Rows,
    /// Elements, each at a constant position of its own.
    Scattered,
    /// Pooling over everything.
    Windows,
}

macro_rules! operators {
    ($($domain:ident $family:ident { $($variant:ident $name:literal,)* })*) => {
        /// An operator that compiles.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operator {
            $($(
                #[doc = concat!("`", $name, "`.")]
                $variant,
            )*)*
        }

        impl Operator {
            /// All of them, by domain and importer.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// As models write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$variant => $name,)*)*
                }
            }

            /// Where it is defined.
            #[must_use]
            pub const fn domain(self) -> Domain {
                match self {
                    $($(Self::$variant)|* => Domain::$domain,)*
                }
            }

            /// What imports it.
            pub(crate) const fn family(self) -> Family {
                match self {
                    $($(Self::$variant)|* => Family::$family,)*
                }
            }
        }
    };
}

operators! {
    Core Attention {
        Attention "Attention",
        RotaryEmbedding "RotaryEmbedding",
    }
    Core Branch {
        If "If",
        Loop "Loop",
    }
    Core Constants {
        Constant "Constant",
        ConstantOfShape "ConstantOfShape",
        Range "Range",
        Shape "Shape",
        Size "Size",
    }
    Core Convolutions {
        Conv "Conv",
    }
    Core Distances {
        Scan "Scan",
    }
    Core Einsum {
        Einsum "Einsum",
    }
    Core Grid {
        GridSample "GridSample",
    }
    Core Moves {
        Concat "Concat",
        DepthToSpace "DepthToSpace",
        Expand "Expand",
        Flatten "Flatten",
        Gather "Gather",
        GatherND "GatherND",
        Pad "Pad",
        Reshape "Reshape",
        SequenceConstruct "SequenceConstruct",
        Slice "Slice",
        SpaceToDepth "SpaceToDepth",
        Split "Split",
        Squeeze "Squeeze",
        Tile "Tile",
        Transpose "Transpose",
        Trilu "Trilu",
        Unsqueeze "Unsqueeze",
    }
    Core Pointwise {
        Abs "Abs",
        Acos "Acos",
        Acosh "Acosh",
        Add "Add",
        And "And",
        Asin "Asin",
        Asinh "Asinh",
        Atan "Atan",
        Atanh "Atanh",
        BatchNormalization "BatchNormalization",
        Cast "Cast",
        CastLike "CastLike",
        Ceil "Ceil",
        Celu "Celu",
        Clip "Clip",
        Cos "Cos",
        Cosh "Cosh",
        Div "Div",
        Dropout "Dropout",
        Elu "Elu",
        Equal "Equal",
        Erf "Erf",
        Exp "Exp",
        Floor "Floor",
        Gelu "Gelu",
        Greater "Greater",
        GreaterOrEqual "GreaterOrEqual",
        HardSigmoid "HardSigmoid",
        HardSwish "HardSwish",
        Identity "Identity",
        IsInf "IsInf",
        IsNan "IsNaN",
        LeakyRelu "LeakyRelu",
        Less "Less",
        LessOrEqual "LessOrEqual",
        Log "Log",
        Max "Max",
        Mean "Mean",
        Min "Min",
        Mish "Mish",
        Mod "Mod",
        Mul "Mul",
        Neg "Neg",
        Not "Not",
        Or "Or",
        PRelu "PRelu",
        Pow "Pow",
        Reciprocal "Reciprocal",
        Relu "Relu",
        Round "Round",
        Selu "Selu",
        Sigmoid "Sigmoid",
        Sign "Sign",
        Sin "Sin",
        Sinh "Sinh",
        Softplus "Softplus",
        Softsign "Softsign",
        Sqrt "Sqrt",
        Sub "Sub",
        Sum "Sum",
        Swish "Swish",
        Tan "Tan",
        Tanh "Tanh",
        ThresholdedRelu "ThresholdedRelu",
        Where "Where",
    }
    Core Pools {
        AveragePool "AveragePool",
        MaxPool "MaxPool",
    }
    Core Products {
        ConvTranspose "ConvTranspose",
        CumSum "CumSum",
        Gemm "Gemm",
        MatMul "MatMul",
    }
    Core Quantized {
        ConvInteger "ConvInteger",
        DequantizeLinear "DequantizeLinear",
        DynamicQuantizeLinear "DynamicQuantizeLinear",
        MatMulInteger "MatMulInteger",
        QLinearConv "QLinearConv",
        QLinearMatMul "QLinearMatMul",
        QuantizeLinear "QuantizeLinear",
    }
    Core Recurrent {
        Gru "GRU",
        Lstm "LSTM",
        Rnn "RNN",
    }
    Core Resize {
        Resize "Resize",
        Upsample "Upsample",
    }
    Core Rows {
        ArgMax "ArgMax",
        ArgMin "ArgMin",
        GroupNormalization "GroupNormalization",
        InstanceNormalization "InstanceNormalization",
        LayerNormalization "LayerNormalization",
        Lrn "LRN",
        LogSoftmax "LogSoftmax",
        LpNormalization "LpNormalization",
        RmsNormalization "RMSNormalization",
        ReduceL1 "ReduceL1",
        ReduceL2 "ReduceL2",
        ReduceLogSum "ReduceLogSum",
        ReduceLogSumExp "ReduceLogSumExp",
        ReduceMax "ReduceMax",
        ReduceMean "ReduceMean",
        ReduceMin "ReduceMin",
        ReduceProd "ReduceProd",
        ReduceSum "ReduceSum",
        ReduceSumSquare "ReduceSumSquare",
        Softmax "Softmax",
        TopK "TopK",
    }
    Core Scattered {
        GatherElements "GatherElements",
        ScatterElements "ScatterElements",
        ScatterNd "ScatterND",
    }
    Core Windows {
        GlobalAveragePool "GlobalAveragePool",
        GlobalMaxPool "GlobalMaxPool",
    }
    Classical Chosen {
        ArrayFeatureExtractor "ArrayFeatureExtractor",
    }
    Classical Classical {
        Binarizer "Binarizer",
        Imputer "Imputer",
        LabelEncoder "LabelEncoder",
        LinearClassifier "LinearClassifier",
        LinearRegressor "LinearRegressor",
        Normalizer "Normalizer",
        OneHotEncoder "OneHotEncoder",
        Scaler "Scaler",
        TreeEnsembleClassifier "TreeEnsembleClassifier",
        TreeEnsembleRegressor "TreeEnsembleRegressor",
        ZipMap "ZipMap",
    }
    Classical KernelClassifier {
        SvmClassifier "SVMClassifier",
    }
    Classical KernelRegressor {
        SvmRegressor "SVMRegressor",
    }
    Runtime Pointwise {
        FastGelu "FastGelu",
    }
    Runtime Quantized {
        QGemm "QGemm",
        QLinearAdd "QLinearAdd",
        QLinearConcat "QLinearConcat",
        QLinearGlobalAveragePool "QLinearGlobalAveragePool",
        QLinearLeakyRelu "QLinearLeakyRelu",
        QLinearMul "QLinearMul",
        QLinearSigmoid "QLinearSigmoid",
    }
    Runtime Rows {
        SimplifiedLayerNormalization "SimplifiedLayerNormalization",
    }
}

impl Operator {
    /// The operator of a node: an empty domain is that of ONNX, and what onnxruntime's optimiser writes counts as ONNX's where that has
    /// an operator of the same name.
    #[must_use]
    pub fn of(domain: &str, name: &str) -> Option<Self> {
        // Of these, the runtime has older ones with other operands.
        let is_another = matches!(name, "Attention" | "RotaryEmbedding");
        let is_known = |known: Domain| match domain {
            "" | "ai.onnx" => known == Domain::Core,
            "com.microsoft" => known == Domain::Runtime || (known == Domain::Core && !is_another),
            "ai.onnx.ml" => known == Domain::Classical,
            _ => false,
        };
        Self::ALL.iter().copied().find(|operator| operator.name() == name && is_known(operator.domain()))
    }

    /// Those of a domain, by name.
    pub fn of_domain(domain: Domain) -> impl Iterator<Item = Self> {
        let mut all: Vec<Self> = Self::ALL.iter().copied().filter(|operator| operator.domain() == domain).collect();
        all.sort_by_key(|operator| operator.name());
        all.into_iter()
    }
}

/// The operator that the slices of a convolution are named after.
pub(crate) const SLICES: &str = "Conv by slices";

/// Whether the steps of an operator are repeated with the same weights, for each position of a sequence or slice of a volume.
pub(crate) fn is_unrolled(operator: &str) -> bool {
    matches!(operator, "LSTM" | "GRU" | "RNN" | SLICES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_found_by_domain_and_name() {
        for &operator in Operator::ALL {
            assert_eq!(Operator::of(operator.domain().name(), operator.name()), Some(operator));
        }
        assert_eq!(Operator::of("", "Gelu"), Some(Operator::Gelu));
        assert_eq!(Operator::of("com.microsoft", "Gelu"), Some(Operator::Gelu));
        assert_eq!(Operator::of("com.microsoft", "Attention"), None);
        assert_eq!(Operator::of("com.microsoft", "RotaryEmbedding"), None);
        assert_eq!(Operator::of("ai.onnx.ml", "Gelu"), None);
        assert_eq!(Operator::of("", "Scaler"), None);
    }
}
