//! Arrays as files hold them, and how large they may be.

/// Largest sample file, and all arrays of a compressed one together, bytes.
pub(super) const MAX_BYTES: u64 = 1 << 30;

/// Most cells of CSV or values of JSON: each takes some hundred bytes while a text is read.
pub(super) const MAX_CELLS: usize = 1 << 24;

/// Most elements of all arrays of a file: each takes eight bytes as it is read and four as it is kept.
pub(super) const MAX_ELEMENTS: usize = 1 << 26;

/// Most samples of a file: each takes some two hundred bytes besides its elements.
pub(super) const MAX_SAMPLES: usize = 1 << 22;

/// An array from a file; `name` if the format has names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) name: Option<String>,
    pub(super) dims: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// Arrays of a file.
pub(super) struct Arrays {
    pub(super) inputs: Vec<Array>,
    pub(super) answers: Option<Array>,
}

/// Longest text, bytes: what is read of it takes many times as much.
pub(super) const MAX_TEXT_BYTES: u64 = 1 << 28;
