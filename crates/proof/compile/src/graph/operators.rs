//! The registry of operators: a line for each that compiles.
//!
//! The line says the operator's name, its domain, the versions of the domain that define it, and the attributes that are read. It
//! stands in a *family*, which is an enum of its own. The importer of a family (`fronts::net`) matches over that enum without a
//! catch-all. Importers make steps, and evaluation, lowering and ranges match over all kinds of steps. So an operator that is missing
//! somewhere does not compile here.
//!
//! For example, `Elu "Elu" Core 1..=22 ["alpha"],` in the family `Activations` makes `Operator::Elu` and `family::Activations::Elu`.
//! An attribute that is not in the line is refused by name. Which forms of each operator work is in `docs/reference/ops.md`, which
//! ONNX's own tests write.

use std::ops::RangeInclusive;

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

macro_rules! operators {
    ($($(#[$doc:meta])* $family:ident {
        $($variant:ident $name:literal $domain:ident $first:literal..=$last:literal [$($attribute:literal),*],)*
    })*) => {
        /// An operator that compiles.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operator {
            $($(
                #[doc = concat!("`", $name, "`.")]
                $variant,
            )*)*
        }

        /// The operators of each family, which its importer matches over.
        pub(crate) mod family {
            $(
                $(#[$doc])*
                #[allow(clippy::enum_variant_names, reason = "operators are called as ONNX calls them")]
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub(crate) enum $family {
                    $($variant,)*
                }
            )*
        }

        /// What imports an operator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Family {
            $(
                $(#[$doc])*
                $family(family::$family),
            )*
        }

        impl Operator {
            /// All of them, by family.
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
                    $($(Self::$variant => Domain::$domain,)*)*
                }
            }

            /// Versions of its domain, from the one that has it first to that of its newest form that is known here.
            #[must_use]
            pub const fn opsets(self) -> RangeInclusive<u32> {
                match self {
                    $($(Self::$variant => $first..=$last,)*)*
                }
            }

            /// The attributes that are read, or known to change nothing, by name. Others are refused.
            #[must_use]
            pub const fn attributes(self) -> &'static [&'static str] {
                match self {
                    $($(Self::$variant => &[$($attribute),*],)*)*
                }
            }

            /// What imports it.
            pub(crate) const fn family(self) -> Family {
                match self {
                    $($(Self::$variant => Family::$family(family::$family::$variant),)*)*
                }
            }
        }
    };
}

operators! {
    /// Functions of single elements with constants of their own.
    Activations {
        Celu "Celu" Core 12..=28 ["alpha"],
        Clip "Clip" Core 1..=13 ["max", "min"],
        Elu "Elu" Core 1..=22 ["alpha"],
        FastGelu "FastGelu" Runtime 1..=1 [],
        Gelu "Gelu" Core 20..=20 ["approximate"],
        HardSigmoid "HardSigmoid" Core 1..=22 ["alpha", "beta"],
        HardSwish "HardSwish" Core 14..=22 [],
        LeakyRelu "LeakyRelu" Core 1..=16 ["alpha"],
        Mish "Mish" Core 18..=22 [],
        Reciprocal "Reciprocal" Core 1..=13 [],
        Selu "Selu" Core 1..=22 ["alpha", "gamma"],
        Softsign "Softsign" Core 1..=22 [],
        Swish "Swish" Core 24..=24 ["alpha"],
        ThresholdedRelu "ThresholdedRelu" Core 10..=22 ["alpha"],
    }
    /// Arithmetic and comparisons of two values, element by element.
    Arithmetic {
        Add "Add" Core 1..=14 [],
        And "And" Core 1..=7 [],
        Div "Div" Core 1..=14 [],
        Equal "Equal" Core 1..=19 [],
        Greater "Greater" Core 1..=13 [],
        GreaterOrEqual "GreaterOrEqual" Core 12..=16 [],
        Less "Less" Core 1..=13 [],
        LessOrEqual "LessOrEqual" Core 12..=16 [],
        Max "Max" Core 1..=13 [],
        Min "Min" Core 1..=13 [],
        Mod "Mod" Core 10..=28 ["fmod"],
        Mul "Mul" Core 1..=14 [],
        Or "Or" Core 1..=7 [],
        Pow "Pow" Core 1..=15 [],
        Sub "Sub" Core 1..=14 [],
        Sum "Sum" Core 1..=13 [],
    }
    /// Attention, and positions turned into angles.
    Attention {
        Attention "Attention" Core 23..=25 ["is_causal", "kv_num_heads", "left_window_size", "q_num_heads", "qk_matmul_output_mode", "right_window_size", "scale", "softcap", "softmax_precision"],
        RotaryEmbedding "RotaryEmbedding" Core 23..=23 ["interleaved", "num_heads", "rotary_embedding_dim"],
    }
    /// Branches and loops.
    Branches {
        If "If" Core 1..=25 ["else_branch", "then_branch"],
        Loop "Loop" Core 1..=25 ["body"],
    }
    /// Elements of a row or a list.
    Chosen {
        ArrayFeatureExtractor "ArrayFeatureExtractor" Classical 1..=1 [],
    }
    /// What `fronts::plan` reads node by node.
    Classical {
        Binarizer "Binarizer" Classical 1..=1 ["threshold"],
        Imputer "Imputer" Classical 1..=1 ["imputed_value_floats", "replaced_value_float"],
        LabelEncoder "LabelEncoder" Classical 1..=4 ["default_float", "default_int64", "default_string", "default_tensor", "keys_floats", "keys_int64s", "keys_strings", "keys_tensor", "values_floats", "values_int64s", "values_strings", "values_tensor"],
        LinearClassifier "LinearClassifier" Classical 1..=1 ["classlabels_ints", "classlabels_strings", "coefficients", "intercepts", "multi_class", "post_transform"],
        LinearRegressor "LinearRegressor" Classical 1..=1 ["coefficients", "intercepts", "post_transform", "targets"],
        Normalizer "Normalizer" Classical 1..=1 ["norm"],
        OneHotEncoder "OneHotEncoder" Classical 1..=1 ["cats_int64s", "cats_strings", "zeros"],
        Scaler "Scaler" Classical 1..=1 ["offset", "scale"],
        TreeEnsembleClassifier "TreeEnsembleClassifier" Classical 1..=5 ["base_values", "base_values_as_tensor", "class_ids", "class_nodeids", "class_treeids", "class_weights", "class_weights_as_tensor", "classlabels_int64s", "classlabels_strings", "nodes_falsenodeids", "nodes_featureids", "nodes_hitrates", "nodes_hitrates_as_tensor", "nodes_missing_value_tracks_true", "nodes_modes", "nodes_nodeids", "nodes_treeids", "nodes_truenodeids", "nodes_values", "nodes_values_as_tensor", "post_transform"],
        TreeEnsembleRegressor "TreeEnsembleRegressor" Classical 1..=5 ["aggregate_function", "base_values", "base_values_as_tensor", "n_targets", "nodes_falsenodeids", "nodes_featureids", "nodes_hitrates", "nodes_hitrates_as_tensor", "nodes_missing_value_tracks_true", "nodes_modes", "nodes_nodeids", "nodes_treeids", "nodes_truenodeids", "nodes_values", "nodes_values_as_tensor", "post_transform", "target_ids", "target_nodeids", "target_treeids", "target_weights", "target_weights_as_tensor"],
        ZipMap "ZipMap" Classical 1..=1 ["classlabels_int64s", "classlabels_strings"],
    }
    /// What only works on constants.
    Constants {
        Constant "Constant" Core 1..=25 ["value", "value_float", "value_floats", "value_int", "value_ints"],
        ConstantOfShape "ConstantOfShape" Core 9..=25 ["value"],
        Range "Range" Core 11..=27 [],
        Shape "Shape" Core 1..=25 ["end", "start"],
        Size "Size" Core 1..=25 [],
    }
    /// Convolutions over two dimensions or three.
    Convolutions {
        Conv "Conv" Core 1..=22 ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"],
    }
    /// The same elements under other dimensions.
    Dims {
        Flatten "Flatten" Core 1..=25 ["axis"],
        Reshape "Reshape" Core 1..=25 ["allowzero", "shape"],
        Squeeze "Squeeze" Core 1..=25 ["axes"],
        Unsqueeze "Unsqueeze" Core 1..=25 ["axes"],
    }
    /// Loops that are distances to constant rows.
    Distances {
        Scan "Scan" Core 8..=25 ["body", "num_scan_inputs", "scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"],
    }
    /// Einstein's sums.
    Einsum {
        Einsum "Einsum" Core 12..=28 ["equation"],
    }
    /// Functions of single elements.
    Functions {
        Abs "Abs" Core 1..=13 [],
        Acos "Acos" Core 7..=22 [],
        Acosh "Acosh" Core 9..=22 [],
        Asin "Asin" Core 7..=22 [],
        Asinh "Asinh" Core 9..=22 [],
        Atan "Atan" Core 7..=22 [],
        Atanh "Atanh" Core 9..=22 [],
        Ceil "Ceil" Core 1..=13 [],
        Cos "Cos" Core 7..=22 [],
        Cosh "Cosh" Core 9..=22 [],
        Erf "Erf" Core 9..=13 [],
        Exp "Exp" Core 1..=13 [],
        Floor "Floor" Core 1..=13 [],
        Log "Log" Core 1..=13 [],
        Neg "Neg" Core 1..=13 [],
        Not "Not" Core 1..=1 [],
        Relu "Relu" Core 1..=14 [],
        Round "Round" Core 11..=22 [],
        Sigmoid "Sigmoid" Core 1..=13 [],
        Sign "Sign" Core 9..=13 [],
        Sin "Sin" Core 7..=22 [],
        Sinh "Sinh" Core 9..=22 [],
        Softplus "Softplus" Core 1..=22 [],
        Sqrt "Sqrt" Core 1..=13 [],
        Tan "Tan" Core 7..=22 [],
        Tanh "Tanh" Core 1..=13 [],
    }
    /// Pooling over everything.
    GlobalPools {
        GlobalAveragePool "GlobalAveragePool" Core 1..=22 [],
        GlobalMaxPool "GlobalMaxPool" Core 1..=22 [],
    }
    /// Images read at constant positions between their elements.
    Grid {
        GridSample "GridSample" Core 16..=22 ["align_corners", "mode", "padding_mode"],
    }
    /// Support vector machines.
    Kernels {
        SvmClassifier "SVMClassifier" Classical 1..=1 ["classlabels_ints", "classlabels_strings", "coefficients", "kernel_params", "kernel_type", "post_transform", "prob_a", "prob_b", "rho", "support_vectors", "vectors_per_class"],
        SvmRegressor "SVMRegressor" Classical 1..=1 ["coefficients", "kernel_params", "kernel_type", "n_supports", "one_class", "post_transform", "rho", "support_vectors"],
    }
    /// What moves elements.
    Moves {
        Concat "Concat" Core 1..=13 ["axis"],
        DepthToSpace "DepthToSpace" Core 1..=28 ["blocksize", "mode"],
        Expand "Expand" Core 8..=13 [],
        Gather "Gather" Core 1..=13 ["axis"],
        GatherND "GatherND" Core 11..=13 ["batch_dims"],
        Pad "Pad" Core 1..=25 ["mode", "pads", "value"],
        SequenceConstruct "SequenceConstruct" Core 11..=11 [],
        Slice "Slice" Core 1..=13 ["axes", "ends", "starts"],
        SpaceToDepth "SpaceToDepth" Core 1..=28 ["blocksize", "mode"],
        Split "Split" Core 1..=18 ["axis", "num_outputs", "split"],
        Tile "Tile" Core 1..=13 [],
        Transpose "Transpose" Core 1..=25 ["perm"],
        Trilu "Trilu" Core 14..=14 ["upper"],
    }
    /// What else works element by element.
    Pointwise {
        BatchNormalization "BatchNormalization" Core 1..=15 ["epsilon", "momentum", "spatial", "training_mode"],
        Cast "Cast" Core 1..=28 ["round_mode", "saturate", "to"],
        CastLike "CastLike" Core 15..=25 ["round_mode", "saturate"],
        Dropout "Dropout" Core 1..=22 ["is_test", "ratio", "seed"],
        Identity "Identity" Core 1..=25 [],
        IsInf "IsInf" Core 10..=20 ["detect_negative", "detect_positive"],
        IsNan "IsNaN" Core 9..=20 [],
        Mean "Mean" Core 1..=13 [],
        PRelu "PRelu" Core 1..=16 [],
        Where "Where" Core 9..=16 [],
    }
    /// Pooling over two dimensions or three.
    Pools {
        AveragePool "AveragePool" Core 1..=22 ["auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"],
        MaxPool "MaxPool" Core 1..=22 ["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"],
    }
    /// Products with matrices.
    Products {
        ConvTranspose "ConvTranspose" Core 1..=22 ["auto_pad", "dilations", "group", "kernel_shape", "output_padding", "output_shape", "pads", "strides"],
        CumSum "CumSum" Core 11..=14 ["exclusive", "reverse"],
        Gemm "Gemm" Core 1..=13 ["alpha", "beta", "transA", "transB"],
        MatMul "MatMul" Core 1..=13 [],
    }
    /// Numbers as integers of eight bits.
    Quantized {
        ConvInteger "ConvInteger" Core 10..=10 ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"],
        DequantizeLinear "DequantizeLinear" Core 10..=28 ["axis", "block_size", "output_dtype"],
        DynamicQuantizeLinear "DynamicQuantizeLinear" Core 11..=11 [],
        MatMulInteger "MatMulInteger" Core 10..=10 [],
        QLinearConv "QLinearConv" Core 10..=10 ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"],
        QLinearMatMul "QLinearMatMul" Core 10..=21 [],
        QuantizeLinear "QuantizeLinear" Core 10..=28 ["axis", "block_size", "output_dtype", "precision", "saturate"],
    }
    /// Recurrent layers.
    Recurrent {
        Gru "GRU" Core 1..=22 ["activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "layout", "linear_before_reset", "output_sequence"],
        Lstm "LSTM" Core 1..=22 ["activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget", "layout", "output_sequence"],
        Rnn "RNN" Core 1..=22 ["activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "layout", "output_sequence"],
    }
    /// Sums, products and extremes along dimensions.
    Reductions {
        ReduceL1 "ReduceL1" Core 1..=18 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceL2 "ReduceL2" Core 1..=18 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceLogSum "ReduceLogSum" Core 1..=28 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceLogSumExp "ReduceLogSumExp" Core 1..=28 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceMax "ReduceMax" Core 1..=20 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceMean "ReduceMean" Core 1..=18 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceMin "ReduceMin" Core 1..=20 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceProd "ReduceProd" Core 1..=18 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceSum "ReduceSum" Core 1..=13 ["axes", "keepdims", "noop_with_empty_axes"],
        ReduceSumSquare "ReduceSumSquare" Core 1..=18 ["axes", "keepdims", "noop_with_empty_axes"],
    }
    /// Other sizes of images.
    Resize {
        Resize "Resize" Core 10..=19 ["antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode"],
        Upsample "Upsample" Core 1..=10 ["mode", "scales"],
    }
    /// Largest elements and normalisations along dimensions.
    Rows {
        ArgMax "ArgMax" Core 1..=13 ["axis", "keepdims", "select_last_index"],
        ArgMin "ArgMin" Core 1..=13 ["axis", "keepdims", "select_last_index"],
        GroupNormalization "GroupNormalization" Core 18..=21 ["epsilon", "num_groups", "stash_type"],
        InstanceNormalization "InstanceNormalization" Core 1..=22 ["epsilon"],
        LayerNormalization "LayerNormalization" Core 17..=17 ["axis", "epsilon", "stash_type"],
        LogSoftmax "LogSoftmax" Core 1..=13 ["axis"],
        LpNormalization "LpNormalization" Core 1..=22 ["axis", "p"],
        Lrn "LRN" Core 1..=13 ["alpha", "beta", "bias", "size"],
        RmsNormalization "RMSNormalization" Core 23..=23 ["axis", "epsilon", "stash_type"],
        SimplifiedLayerNormalization "SimplifiedLayerNormalization" Runtime 1..=1 ["axis", "epsilon", "stash_type"],
        Softmax "Softmax" Core 1..=13 ["axis"],
        TopK "TopK" Core 1..=24 ["axis", "largest", "sorted"],
    }
    /// Numbers as integers of eight bits, as onnxruntime's own quantizer writes them.
    RuntimeQuantized {
        QGemm "QGemm" Runtime 1..=1 ["alpha", "transA", "transB"],
        QLinearAdd "QLinearAdd" Runtime 1..=1 [],
        QLinearConcat "QLinearConcat" Runtime 1..=1 ["axis"],
        QLinearGlobalAveragePool "QLinearGlobalAveragePool" Runtime 1..=1 ["channels_last"],
        QLinearLeakyRelu "QLinearLeakyRelu" Runtime 1..=1 ["alpha"],
        QLinearMul "QLinearMul" Runtime 1..=1 [],
        QLinearSigmoid "QLinearSigmoid" Runtime 1..=1 [],
    }
    /// Elements, each at a constant position of its own.
    Scattered {
        GatherElements "GatherElements" Core 11..=13 ["axis"],
        ScatterElements "ScatterElements" Core 11..=18 ["axis", "reduction"],
        ScatterNd "ScatterND" Core 11..=18 ["reduction"],
    }
}

macro_rules! subset {
    ($(#[$doc:meta])* $name:ident $of:ident { $($variant:ident)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($variant,)*
        }

        impl $name {
            pub(crate) const fn $of(operator: Operator) -> Option<Self> {
                match operator {
                    $(Operator::$variant => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

subset! {
    /// Operators of ai.onnx that a plan reads.
    PlanCore of {
        Abs Add ArgMax Cast Clip Concat Constant Div Dropout Exp Flatten Gather Gemm Identity MatMul Mul Neg Pow ReduceMean ReduceProd
        Relu Reshape Sigmoid Softmax Squeeze Sub Sum Tanh Unsqueeze
    }
}

subset! {
    /// Operators of ai.onnx.ml that a plan reads.
    PlanClassical of {
        ArrayFeatureExtractor Binarizer Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder Scaler
        TreeEnsembleClassifier TreeEnsembleRegressor ZipMap
    }
}

impl Operator {
    /// The operator of a node. An empty domain is that of ONNX. What onnxruntime's optimiser writes counts as ONNX's where ONNX has an
    /// operator of the same name.
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

    /// As [`Self::of`], without what onnxruntime's optimiser writes.
    pub(crate) fn of_standard(domain: &str, name: &str) -> Option<Self> {
        Self::of(domain, name).filter(|_| domain != Domain::Runtime.name())
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

    #[test]
    fn lines_are_of_different_operators_in_order() {
        let names: Vec<_> = Operator::ALL.iter().map(|operator| (operator.domain().name(), operator.name())).collect();
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
        for operator in Operator::ALL {
            assert!(!operator.opsets().is_empty() && operator.attributes().is_sorted(), "{operator:?}");
        }
    }
}
