//! Limits of a program, and what is said about one that breaks a rule.

use crate::count::wide;
use crate::cuts::CutError;
use crate::forest::ForestError;
use crate::interval::Interval;
use alloc::string::String;
use alloc::vec::Vec;
use ciro_types::TextError;

/// Most inputs, and most outputs, of a program.
pub const MAX_PORTS: u64 = 64;
/// Most nodes, and most constants, of a program.
pub const MAX_NODES: u64 = 1 << 16;
/// Most parts of what a forest reads.
pub const MAX_PARTS: u64 = 1 << 8;
/// Most elements of one value: 16 Mi.
pub const MAX_ELEMENTS: u64 = 1 << 24;
/// Most elements of one constant: 64 Mi, for the embeddings of language models.
pub const MAX_CONSTANT: u64 = 1 << 26;
/// Most elements of all values of all samples, and of all constants, together: 256 Mi.
pub const MAX_TOTAL: u64 = 1 << 28;
/// Longest name or text label, bytes.
pub const MAX_NAME: usize = 256;
/// Most dimensions of a tensor.
pub const MAX_RANK: u64 = 8;
/// Widths a range-check limb may have, bits.
pub const LIMB_BITS: Interval = Interval { lo: 4, hi: 16 };

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More of something than a program may have.
    #[error("{what}: expected at most {expected}, got {got}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        expected: u64,
        /// The count.
        got: u64,
    },
    /// A parameter outside its range.
    #[error("{what}: expected a value in {expected}, got {got}")]
    Range {
        /// Which parameter.
        what: &'static str,
        /// The permitted interval.
        expected: Interval,
        /// The parameter.
        got: i64,
    },
    /// A parameter that may not be zero.
    #[error("{what}: expected anything but zero")]
    Zero {
        /// Which parameter.
        what: &'static str,
    },
    /// A reference to something that does not exist, or not yet.
    #[error("{what}: expected a number below {below}, got {got}")]
    Reference {
        /// A value or a constant.
        what: &'static str,
        /// How many there are at this point.
        below: usize,
        /// The number.
        got: u32,
    },
    /// Two lengths that must agree.
    #[error("{what}: expected {expected} elements, got {got}")]
    Length {
        /// Of what.
        what: &'static str,
        /// The length that the rest implies.
        expected: u64,
        /// The length found.
        got: u64,
    },
    /// Two shapes that must agree or broadcast.
    #[error("{what}: expected a shape that fits {expected:?}, got {got:?}")]
    Shape {
        /// Of what.
        what: &'static str,
        /// The shape that the rest implies.
        expected: Vec<u32>,
        /// The shape found.
        got: Vec<u32>,
    },
    /// A value used for what its kind does not allow.
    #[error("expected {expected}, got {got}")]
    Kind {
        /// The kind needed.
        expected: &'static str,
        /// The kind found.
        got: &'static str,
    },
    /// The declared interval does not cover what interval arithmetic gives.
    #[error("declared interval {declared} does not cover {computed}")]
    Uncovered {
        /// By interval arithmetic.
        computed: Interval,
        /// As written in the node.
        declared: Interval,
    },
    /// An interval that could wrap around the field.
    #[error("{what} {got} leaves ±(2³⁰ − 2²³)")]
    Wraps {
        /// The interval of what.
        what: &'static str,
        /// The interval.
        got: Interval,
    },
    /// A name or a label that is not fit to be printed.
    #[error("{what}: {source}")]
    Text {
        /// A name or a label.
        what: &'static str,
        /// What is wrong with it.
        source: TextError,
    },
    /// An empty or repeated name.
    #[error("name {got:?} is empty or taken")]
    Name {
        /// The name.
        got: String,
    },
    /// A forest whose tables do not describe trees.
    #[error("{0}")]
    Forest(ForestError),
    /// Cuts that leave a number without its place, or give it two.
    #[error("{0}")]
    Cuts(CutError),
}

/// From one to a limit.
pub(crate) fn up_to(limit: u64) -> Interval {
    Interval { lo: 1, hi: i64::try_from(limit).unwrap_or(i64::MAX) }
}

/// The declared interval, if it is one and cannot wrap.
pub(crate) fn declared(what: &'static str, lo: i32, hi: i32) -> Result<Interval, Problem> {
    let got = Interval { lo: i64::from(lo), hi: i64::from(hi) };
    if lo > hi || !got.fits() {
        return Err(Problem::Wraps { what, got });
    }
    Ok(got)
}

pub(crate) fn at_most(what: &'static str, expected: u64, got: u64) -> Result<(), Problem> {
    if got > expected { Err(Problem::TooMany { what, expected, got }) } else { Ok(()) }
}

pub(crate) fn in_range(what: &'static str, expected: Interval, got: i64) -> Result<(), Problem> {
    if expected.has(got) { Ok(()) } else { Err(Problem::Range { what, expected, got }) }
}

pub(crate) fn length(what: &'static str, expected: u64, got: usize) -> Result<(), Problem> {
    let got = wide(got);
    if got == expected { Ok(()) } else { Err(Problem::Length { what, expected, got }) }
}
