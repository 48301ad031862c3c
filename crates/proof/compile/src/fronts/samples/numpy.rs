//! NumPy's files.

use super::array::{Array, Arrays, MAX_BYTES, MAX_ELEMENTS};
use super::port::{Port, names_problem};
use super::problem::{SampleProblem, format_problem};
use super::table::{self, Cells, Content, Table};
use crate::terms::answers::{Answer, Given};
use crate::terms::size::count_of;
use std::io::{Cursor, Read};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The header of an array.
struct Header {
    descr: String,
    dims: Vec<usize>,
    /// Whether the first dimension is the one whose neighbours lie side by side.
    fortran: bool,
}

impl Header {
    /// How many elements there are to be, unless they are more than `most`.
    fn count(&self, most: usize) -> Result<usize, SampleProblem> {
        let refusal = || format_problem(format!("at most {MAX_ELEMENTS} elements in all arrays"), "more");
        count_of(&self.dims, most).ok_or_else(refusal)
    }

    fn fits(&self, got: usize) -> Result<(), SampleProblem> {
        if self.count(MAX_ELEMENTS)? == got {
            return Ok(());
        }
        Err(format_problem(format!("elements for shape {:?}", self.dims), format!("{got} elements")))
    }
}

/// One array.
pub(super) fn npy(bytes: &[u8]) -> Result<Array, SampleProblem> {
    let (header, data) = header(bytes)?;
    header.count(MAX_ELEMENTS)?;
    let values = elements(&header.descr, data)?;
    header.fits(values.len())?;
    let values = if header.fortran { from_fortran(&header.dims, &values) } else { values };
    Ok(Array { name: None, dims: header.dims, values })
}

/// All arrays, as answers.
pub(super) fn answers(bytes: &[u8]) -> Result<Vec<Answer>, SampleProblem> {
    let mut archive = Archive::open(bytes)?;
    let names = archive.names.clone();
    names.into_iter().map(|name| answer(&name, &archive.read(&name)?)).collect()
}

/// One array, as answers.
pub(super) fn answer(name: &str, bytes: &[u8]) -> Result<Answer, SampleProblem> {
    let (header, data) = header(bytes)?;
    header.count(MAX_ELEMENTS)?;
    let values = match header.descr.strip_prefix("<U") {
        Some(width) => {
            let texts = texts(width, data)?;
            header.fits(texts.len())?;
            Given::Texts(texts)
        }
        None => {
            let Array { dims, values, .. } = npy(bytes)?;
            Given::Numbers { width: dims.iter().skip(1).product(), values }
        }
    };
    Ok(Answer { output: name.into(), values })
}

/// Inputs by name (or `x`), and `y`; or the columns of a table.
pub(super) fn npz(bytes: &[u8], ports: &[Port]) -> Result<Content, SampleProblem> {
    let mut archive = Archive::open(bytes)?;
    let by_port = |name: &str| ports.iter().any(|port| port.name == name);
    let all = archive.names.clone();
    let named = all.iter().any(|name| by_port(name));
    let takes_texts = ports.iter().flat_map(|port| &port.columns).any(|column| !column.categories.is_empty());
    if (!named || takes_texts) && table::has_column(ports, all.iter()) {
        return columns(&mut archive, &all).map(Content::Table);
    }
    let mut arrays = Arrays { inputs: vec![], answers: None };
    for name in &all {
        let is_input = if named { by_port(name) } else { name == "x" };
        if !is_input && name != "y" {
            continue;
        }
        let data = archive.read(name)?;
        if is_input {
            arrays.inputs.push(Array { name: Some(name.clone()), ..npy(&data)? });
        } else if header(&data)?.0.descr.contains('f') {
            // Integers under this name are labels, not answers.
            arrays.answers = Some(npy(&data)?);
        }
    }
    if arrays.inputs.is_empty() { Err(names_problem(ports, all)) } else { Ok(Content::Arrays(arrays)) }
}

/// Each array as a column.
fn columns(archive: &mut Archive<'_>, names: &[String]) -> Result<Table, SampleProblem> {
    let mut column = |name: &String| {
        Ok(match answer(name, &archive.read(name)?)?.values {
            Given::Numbers { values, .. } => Cells::Numbers(values),
            Given::Texts(texts) => Cells::Texts(texts.into_iter().map(Some).collect()),
        })
    };
    let columns = names.iter().map(&mut column).collect::<Result<_, _>>()?;
    Table { names: names.to_vec(), columns, lines: vec![] }.even()
}

/// A zip archive of arrays.
struct Archive<'a> {
    zip: zip::ZipArchive<Cursor<&'a [u8]>>,
    /// The arrays.
    names: Vec<String>,
    /// Bytes that the arrays which are still to be read may have.
    bytes: u64,
    /// Elements that they may have.
    elements: usize,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, SampleProblem> {
        let zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        let files = zip.file_names().filter_map(Result::ok);
        let names = files.filter_map(|file| file.strip_suffix(".npy").map(String::from)).collect();
        Ok(Self { zip, names, bytes: MAX_BYTES, elements: MAX_ELEMENTS })
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, SampleProblem> {
        let file = self.zip.by_name(&format!("{name}.npy")).map_err(broken)?;
        let mut data = Vec::new();
        file.take(self.bytes + 1).read_to_end(&mut data).map_err(SampleProblem::Io)?;
        let left = self.bytes.checked_sub(data.len() as u64);
        self.bytes =
            left.ok_or_else(|| format_problem(format!("arrays of at most {MAX_BYTES} bytes together"), "more"))?;
        self.elements -= header(&data)?.0.count(self.elements)?;
        Ok(data)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn broken(error: zip::result::ZipError) -> SampleProblem {
    format_problem("a zip archive of arrays", error.to_string())
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
    let fortran = value_of(text, "fortran_order").is_some_and(|v| v.starts_with("True"));
    let descr = value_of(text, "descr").and_then(|v| v.strip_prefix('\'')?.split('\'').next());
    let shape = value_of(text, "shape").and_then(|v| v.strip_prefix('(')?.split(')').next());
    let (descr, shape) = descr.zip(shape).ok_or_else(broken)?;
    let sizes = shape.split(',').map(str::trim).filter(|d| !d.is_empty());
    let dims: Result<Vec<usize>, _> = sizes.map(str::parse).collect();
    Ok((Header { descr: descr.into(), dims: dims.map_err(|_| broken())?, fortran }, data))
}

/// The text after a key of the header, which is a Python dictionary.
fn value_of<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

fn elements(descr: &str, data: &[u8]) -> Result<Vec<f64>, SampleProblem> {
    match descr {
        "<f2" => chunks(data, |b| f64::from(crate::fronts::onnx::half(u16::from_le_bytes(b)))),
        "<f4" => chunks(data, |b| f64::from(f32::from_le_bytes(b))),
        ">f4" => chunks(data, |b| f64::from(f32::from_be_bytes(b))),
        "<f8" => chunks(data, f64::from_le_bytes),
        ">f8" => chunks(data, f64::from_be_bytes),
        "|u1" | "|b1" => chunks(data, |[b]: [u8; 1]| f64::from(b)),
        "|i1" => chunks(data, |b| f64::from(i8::from_le_bytes(b))),
        "<u2" => chunks(data, |b| f64::from(u16::from_le_bytes(b))),
        "<i2" => chunks(data, |b| f64::from(i16::from_le_bytes(b))),
        "<u4" => chunks(data, |b| f64::from(u32::from_le_bytes(b))),
        "<i4" => chunks(data, |b| f64::from(i32::from_le_bytes(b))),
        "<u8" => chunks(data, |b| u64::from_le_bytes(b) as f64),
        "<i8" => chunks(data, |b| i64::from_le_bytes(b) as f64),
        other => Err(format_problem("an array of floats or integers", format!("type {other:?}"))),
    }
}

/// Texts of a fixed width: four bytes a character, zeros after the last one.
fn texts(width: &str, data: &[u8]) -> Result<Vec<String>, SampleProblem> {
    let width: usize = width.parse().map_err(|_| format_problem("a width of texts", width))?;
    let characters = chunks(data, u32::from_le_bytes)?;
    let text = |codes: &[u32]| -> Option<String> {
        codes.iter().take_while(|&&code| code != 0).map(|&code| char::from_u32(code)).collect()
    };
    let read = |codes: &[u32]| text(codes).ok_or_else(|| format_problem("texts", "other bytes"));
    characters.chunks_exact(width.max(1)).map(read).collect()
}

/// The elements in C order of an array that lies in Fortran's.
fn from_fortran(dims: &[usize], values: &[f64]) -> Vec<f64> {
    let strides: Vec<usize> = (0..dims.len()).map(|axis| dims[..axis].iter().product()).collect();
    let place = |flat: usize| {
        let (mut rest, mut place) = (flat, 0);
        for (&d, stride) in dims.iter().zip(&strides).rev() {
            place += rest % d * stride;
            rest /= d;
        }
        place
    };
    (0..values.len()).map(|flat| values[place(flat)]).collect()
}

fn chunks<T, const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, SampleProblem> {
    let (chunks, rest) = data.as_chunks::<N>();
    if rest.is_empty() {
        return Ok(chunks.iter().map(|&chunk| read(chunk)).collect());
    }
    Err(format_problem(format!("elements of {N} bytes"), format!("{} bytes of data", data.len())))
}
