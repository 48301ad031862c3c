//! Constant tensors.

use super::proto::{
    TYPE_BOOL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_FLOAT16, TYPE_INT8, TYPE_INT32, TYPE_INT64, TYPE_STRING, TYPE_UINT8,
    TensorProto, type_name,
};
use crate::graph::array::Array;
use crate::terms::size::{MOST_IN_FILE, count_of};

/// A tensor of constants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    /// Dimensions, outermost first.
    pub(crate) dims: Vec<usize>,
    /// Row-major; the dimensions' product many.
    pub(crate) data: Data,
}

/// Elements by type. Doubles are rounded to float32, int32 widened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// Real numbers.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
}

impl Data {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Floats(v) => v.len(),
            Self::Ints(v) => v.len(),
            Self::Texts(v) => v.len(),
        }
    }
}

impl Tensor {
    /// Its numbers; `None` for texts.
    pub(crate) fn into_numbers(self) -> Option<Array> {
        match self.data {
            Data::Floats(values) => Some(Array::new(self.dims, values)),
            Data::Ints(values) => Some(Array::whole(self.dims, values.into_iter().map(|v| v as f32).collect())),
            Data::Texts(_) => None,
        }
    }

    /// Reads a tensor; an error says what was expected and what was found.
    pub(crate) fn read(proto: &TensorProto) -> Result<Self, String> {
        if proto.data_location == Some(1) {
            return Err("its data lie in another file; save the model with embedded weights".into());
        }
        let dims = proto.dims.iter().map(|&d| usize::try_from(d).map_err(|_| format!("dimension {d} is negative")));
        let dims: Vec<usize> = dims.collect::<Result<_, _>>()?;
        let count = count_of(&dims, MOST_IN_FILE);
        let count =
            count.ok_or_else(|| format!("expected at most {MOST_IN_FILE} elements, got dimensions {dims:?}"))?;
        let data = read_data(proto)?;
        if data.len() != count {
            return Err(format!("expected {count} elements for dimensions {dims:?}, got {}", data.len()));
        }
        Ok(Self { dims, data })
    }

    /// One dimension of floats.
    pub(crate) fn floats(values: Vec<f32>) -> Self {
        Self { dims: vec![values.len()], data: Data::Floats(values) }
    }
}

/// The elements of a tensor of doubles or floats, with all their bits.
pub(crate) fn doubles(proto: &TensorProto) -> Result<Vec<f64>, String> {
    if proto.data_type == Some(TYPE_DOUBLE) {
        let raw = proto.raw_data.as_deref();
        return raw.map_or_else(|| Ok(proto.double_data.clone()), |b| chunks(b, f64::from_le_bytes));
    }
    match read_data(proto)? {
        Data::Floats(floats) => Ok(floats.into_iter().map(f64::from).collect()),
        Data::Ints(_) | Data::Texts(_) => Err(type_name(proto.data_type.unwrap_or(0)).into()),
    }
}

fn read_data(proto: &TensorProto) -> Result<Data, String> {
    let raw = proto.raw_data.as_deref();
    match proto.data_type.unwrap_or(0) {
        TYPE_FLOAT => {
            Ok(Data::Floats(raw.map_or_else(|| Ok(proto.float_data.clone()), |b| chunks(b, f32::from_le_bytes))?))
        }
        TYPE_DOUBLE => {
            let doubles = raw.map_or_else(|| Ok(proto.double_data.clone()), |b| chunks(b, f64::from_le_bytes))?;
            Ok(Data::Floats(doubles.into_iter().map(|v| v as f32).collect()))
        }
        TYPE_INT64 => {
            Ok(Data::Ints(raw.map_or_else(|| Ok(proto.int64_data.clone()), |b| chunks(b, i64::from_le_bytes))?))
        }
        TYPE_INT32 => {
            let ints = raw.map_or_else(|| Ok(proto.int32_data.clone()), |b| chunks(b, i32::from_le_bytes))?;
            Ok(Data::Ints(ints.into_iter().map(i64::from).collect()))
        }
        TYPE_FLOAT16 => {
            let bits = raw.map_or_else(|| Ok(halves(&proto.int32_data)), |b| chunks(b, u16::from_le_bytes))?;
            Ok(Data::Floats(bits.into_iter().map(half).collect()))
        }
        TYPE_BOOL | TYPE_UINT8 | TYPE_INT8 => {
            let signed = proto.data_type == Some(TYPE_INT8);
            let byte = |b: u8| if signed { i64::from(b as i8) } else { i64::from(b) };
            let listed = || proto.int32_data.iter().map(|&v| i64::from(v)).collect();
            Ok(Data::Ints(raw.map_or_else(listed, |b| b.iter().map(|&b| byte(b)).collect())))
        }
        TYPE_STRING => texts(&proto.string_data).map(Data::Texts),
        other => Err(format!(
            "expected float16, float, double, int8, uint8, int32, int64, bool or string, got {}",
            type_name(other)
        )),
    }
}

/// float16 elements that are not raw lie in the lower halves of integers.
fn halves(ints: &[i32]) -> Vec<u16> {
    ints.iter().map(|&v| v as u16).collect()
}

/// A float16's value.
pub(crate) fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, (bits >> 10) & 31, f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(i32::from(exponent) - 15),
    };
    if sign == 1 { -size } else { size }
}

fn chunks<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(format!("expected raw data in elements of {N} bytes, got {} bytes", bytes.len()));
    }
    Ok(chunks.iter().map(|&chunk| read(chunk)).collect())
}

/// Texts of a tensor or an attribute.
pub(super) fn texts(raw: &[Vec<u8>]) -> Result<Vec<String>, String> {
    raw.iter().map(|bytes| String::from_utf8(bytes.clone()).map_err(|_| "a text is not UTF-8".to_string())).collect()
}
