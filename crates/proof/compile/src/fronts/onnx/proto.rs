//! The part of ONNX's protobuf schema that the compiler reads, with the schema's field numbers. Fields that are not
//! listed are skipped by the decoder.

use prost::Message;

/// A model file.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    /// Version of the file format.
    #[prost(int64, optional, tag = "1")]
    pub ir_version: Option<i64>,
    /// The exporter.
    #[prost(string, optional, tag = "2")]
    pub producer_name: Option<String>,
    /// The graph.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Operator set versions by domain.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// What the exporter says beside the graph.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
    /// Operators that the model defines itself.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
}

/// An operator that a model defines itself.
#[derive(Clone, PartialEq, Message)]
pub struct FunctionProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Names of its operands.
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    /// Names of its results.
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    /// What it is made of.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    /// Its domain.
    #[prost(string, optional, tag = "10")]
    pub domain: Option<String>,
    /// Defaults of its attributes.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<AttributeProto>,
}

/// A pair of texts.
#[derive(Clone, PartialEq, Message)]
pub struct StringStringEntryProto {
    /// The first.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The second.
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

/// A domain and the version of its operators.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    /// Empty for ai.onnx.
    #[prost(string, optional, tag = "1")]
    pub domain: Option<String>,
    /// The version.
    #[prost(int64, optional, tag = "2")]
    pub version: Option<i64>,
}

/// A graph of operators.
#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    /// The operators, topologically sorted.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// Its name.
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    /// Constants.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// Inputs; those that are also initializers have defaults.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

/// An operator.
#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    /// Names of the operands; empty for an omitted optional one.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the results.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Its name, for people.
    #[prost(string, optional, tag = "3")]
    pub name: Option<String>,
    /// The operator.
    #[prost(string, optional, tag = "4")]
    pub op_type: Option<String>,
    /// Its attributes.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    /// The operator's domain.
    #[prost(string, optional, tag = "7")]
    pub domain: Option<String>,
}

/// A named attribute; `r#type` says which field holds it.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// A float.
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    /// An integer.
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    /// UTF-8 text.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: Option<Vec<u8>>,
    /// A tensor.
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    /// A graph: a branch of an If.
    #[prost(message, optional, boxed, tag = "6")]
    pub g: Option<Box<GraphProto>>,
    /// Floats.
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    /// Integers.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Texts.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
    /// One of `ATTRIBUTE_*`.
    #[prost(int32, optional, tag = "20")]
    pub r#type: Option<i32>,
    /// In a function: the attribute of the call that this one is.
    #[prost(string, optional, tag = "21")]
    pub ref_attr_name: Option<String>,
}

/// A tensor of constants, in `raw_data` or in the field of its type.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// Dimensions, outermost first.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// One of `TYPE_*`.
    #[prost(int32, optional, tag = "2")]
    pub data_type: Option<i32>,
    /// Of a float tensor.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Of a tensor of narrow integers.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Of a text tensor.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub string_data: Vec<Vec<u8>>,
    /// Of an int64 tensor.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Its name.
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    /// Little-endian elements.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub raw_data: Option<Vec<u8>>,
    /// Of a double tensor.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Where in which other file the data lie: `location`, `offset`, `length`.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// One when the data lie in another file.
    #[prost(int32, optional, tag = "14")]
    pub data_location: Option<i32>,
}

/// A named value and its type.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// A type. Only tensor types are read.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// Of a tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

/// A tensor's type.
#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    /// One of `TYPE_*`.
    #[prost(int32, optional, tag = "1")]
    pub elem_type: Option<i32>,
    /// Its dimensions.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// Dimensions, outermost first.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// The dimensions.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// A dimension: a number, a name, or unknown.
#[derive(Clone, PartialEq, Message)]
pub struct DimensionProto {
    /// The number.
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    /// The name.
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

/// `TensorProto.DataType`.
pub const TYPE_FLOAT: i32 = 1;
/// See [`TYPE_FLOAT`].
pub const TYPE_UINT8: i32 = 2;
/// See [`TYPE_FLOAT`].
pub const TYPE_INT8: i32 = 3;
/// See [`TYPE_FLOAT`].
pub const TYPE_INT32: i32 = 6;
/// See [`TYPE_FLOAT`].
pub const TYPE_INT64: i32 = 7;
/// See [`TYPE_FLOAT`].
pub const TYPE_STRING: i32 = 8;
/// See [`TYPE_FLOAT`].
pub const TYPE_BOOL: i32 = 9;
/// See [`TYPE_FLOAT`].
pub const TYPE_FLOAT16: i32 = 10;
/// See [`TYPE_FLOAT`].
pub const TYPE_DOUBLE: i32 = 11;

/// `AttributeProto.AttributeType`.
pub const ATTRIBUTE_FLOAT: i32 = 1;
/// See [`ATTRIBUTE_FLOAT`].
pub const ATTRIBUTE_INT: i32 = 2;
/// See [`ATTRIBUTE_FLOAT`].
pub const ATTRIBUTE_STRING: i32 = 3;
/// See [`ATTRIBUTE_FLOAT`].
pub const ATTRIBUTE_TENSOR: i32 = 4;
/// See [`ATTRIBUTE_FLOAT`].
pub const ATTRIBUTE_FLOATS: i32 = 6;
/// See [`ATTRIBUTE_FLOAT`].
pub const ATTRIBUTE_INTS: i32 = 7;
/// See [`ATTRIBUTE_FLOAT`].
pub const ATTRIBUTE_STRINGS: i32 = 8;

/// The name of a data type, for messages.
#[must_use]
pub const fn type_name(data_type: i32) -> &'static str {
    match data_type {
        1 => "float",
        2 => "uint8",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        8 => "string",
        9 => "bool",
        10 => "float16",
        11 => "double",
        12 => "uint32",
        13 => "uint64",
        16 => "bfloat16",
        _ => "an unlisted type",
    }
}
