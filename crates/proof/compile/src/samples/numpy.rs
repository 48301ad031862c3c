//! NumPy's files.

use super::{Array, Arrays, MAX_BYTES, Port, SampleProblem, format_problem};
use std::io::{Cursor, Read};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The header of an array.
struct Header {
    descr: String,
    dims: Vec<usize>,
}

/// One array.
pub(super) fn npy(bytes: &[u8]) -> Result<Array, SampleProblem> {
    let (header, data) = header(bytes)?;
    let values = elements(&header.descr, data)?;
    let count = header.dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if count != Some(values.len()) {
        let expected = format!("elements for shape {:?}", header.dims);
        return Err(format_problem(expected, format!("{} elements", values.len())));
    }
    Ok(Array { name: None, dims: header.dims, values })
}

/// Inputs by name (or `x`), and `y`.
pub(super) fn npz(bytes: &[u8], ports: &[Port]) -> Result<Arrays, SampleProblem> {
    let broken = |e: zip::result::ZipError| format_problem("a zip archive of arrays", e.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let by_port = |name: &str| ports.iter().any(|port| port.name == name);
    let files = archive.file_names().filter_map(Result::ok);
    let all: Vec<String> = files.filter_map(|file| file.strip_suffix(".npy").map(String::from)).collect();
    let named = all.iter().any(|name| by_port(name));
    let mut arrays = Arrays { inputs: vec![], answers: None };
    for name in &all {
        let is_input = if named { by_port(name) } else { name == "x" };
        if !is_input && name != "y" {
            continue;
        }
        let file = archive.by_name(&format!("{name}.npy")).map_err(broken)?;
        let mut data = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut data).map_err(SampleProblem::Io)?;
        if data.len() as u64 > MAX_BYTES {
            return Err(format_problem(format!("arrays of at most {MAX_BYTES} bytes"), "more"));
        }
        if is_input {
            arrays.inputs.push(Array { name: Some(name.clone()), ..npy(&data)? });
        } else if header(&data)?.0.descr.contains('f') {
            // Integers under this name are labels, not answers.
            arrays.answers = Some(npy(&data)?);
        }
    }
    if arrays.inputs.is_empty() { Err(super::names_problem(ports, all)) } else { Ok(arrays) }
}

fn header(bytes: &[u8]) -> Result<(Header, &[u8]), SampleProblem> {
    let broken = || format_problem("an array in NumPy's format", "other bytes");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(broken)?;
    let (&[major, _], rest) = rest.split_first_chunk::<2>().ok_or_else(broken)?;
    let (len, rest) = if major == 1 {
        let (len, rest) = rest.split_first_chunk::<2>().ok_or_else(broken)?;
        (usize::from(u16::from_le_bytes(*len)), rest)
    } else {
        let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        (u32::from_le_bytes(*len) as usize, rest)
    };
    let (text, data) = rest.split_at_checked(len).ok_or_else(broken)?;
    let text = std::str::from_utf8(text).map_err(|_| broken())?;
    if value_of(text, "fortran_order").is_some_and(|v| v.starts_with("True")) {
        return Err(format_problem("an array in C order (numpy.ascontiguousarray makes one)", "Fortran order"));
    }
    let descr = value_of(text, "descr").and_then(|v| v.strip_prefix('\'')?.split('\'').next());
    let shape = value_of(text, "shape").and_then(|v| v.strip_prefix('(')?.split(')').next());
    let (descr, shape) = descr.zip(shape).ok_or_else(broken)?;
    let sizes = shape.split(',').map(str::trim).filter(|d| !d.is_empty());
    let dims: Result<Vec<usize>, _> = sizes.map(str::parse).collect();
    Ok((Header { descr: descr.into(), dims: dims.map_err(|_| broken())? }, data))
}

/// The text after a key of the header, which is a Python dictionary.
fn value_of<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

fn elements(descr: &str, data: &[u8]) -> Result<Vec<f32>, SampleProblem> {
    match descr {
        "<f4" => chunks(data, f32::from_le_bytes),
        ">f4" => chunks(data, f32::from_be_bytes),
        "<f8" => chunks(data, |b| f64::from_le_bytes(b) as f32),
        ">f8" => chunks(data, |b| f64::from_be_bytes(b) as f32),
        "|u1" | "|b1" => chunks(data, |[b]: [u8; 1]| f32::from(b)),
        "|i1" => chunks(data, |b| f32::from(i8::from_le_bytes(b))),
        "<u2" => chunks(data, |b| f32::from(u16::from_le_bytes(b))),
        "<i2" => chunks(data, |b| f32::from(i16::from_le_bytes(b))),
        "<u4" => chunks(data, |b| u32::from_le_bytes(b) as f32),
        "<i4" => chunks(data, |b| i32::from_le_bytes(b) as f32),
        "<u8" => chunks(data, |b| u64::from_le_bytes(b) as f32),
        "<i8" => chunks(data, |b| i64::from_le_bytes(b) as f32),
        other => Err(format_problem("an array of floats or integers", format!("type {other:?}"))),
    }
}

fn chunks<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f32) -> Result<Vec<f32>, SampleProblem> {
    let (chunks, rest) = data.as_chunks::<N>();
    if rest.is_empty() {
        return Ok(chunks.iter().map(|&chunk| read(chunk)).collect());
    }
    Err(format_problem(format!("elements of {N} bytes"), format!("{} bytes of data", data.len())))
}
