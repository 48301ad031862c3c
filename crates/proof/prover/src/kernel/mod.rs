//! What costs time, in lanes and threads.
//!
//! Field operations are exact. So a kernel gives the same elements in whatever order it adds and with however many
//! threads: proof bytes depend on neither. Each kernel has a plain twin in its tests.
//!
//! | module | what it computes |
//! |---|---|
//! | [`arena`] | buffers that outlive a proof |
//! | [`cells`] | cells of polynomials, elements or small integers |
//! | [`blake`] | Blake2s of eight messages |
//! | [`work`] | proof of work |
//! | [`code`] | Reed-Solomon codewords |
//! | [`merkle`] | trees over the rows of a codeword |
//! | [`points`] | values at some points of a code, without the code |
//! | [`salt`] | salts of leaves |
//! | [`table`] | tables of extension elements, packed while they are long |
//! | [`eq`] | tables of eq, at a point and at all its suffixes |
//! | [`sums`] | sums over rows |
//! | [`layer`] | layers of fractions and their sums |
//! | [`lines`] | leaves that are lines in a base value |
//! | [`groups`] | rounds over their groups |
//! | [`piece`] | what one task of a round does |
//! | [`limbs`] | sums of small integers times elements |
//! | [`rows`] | inner products of rows of integers |
//! | [`combined`] | sums of weighted columns |
//! | [`matrix`] | matrices times vectors, and rounds of products |
//! | [`product`] | products of matrices of integers |

pub mod arena;
pub mod blake;
pub mod cells;
pub mod code;
pub mod combined;
pub mod eq;
pub mod groups;
pub mod layer;
pub mod limbs;
pub mod lines;
pub mod matrix;
pub mod merkle;
pub mod piece;
pub mod points;
pub mod product;
pub mod rows;
pub mod salt;
pub mod sums;
pub mod table;
pub mod work;

use ciro_transcript::F;
use ciro_verifier::lookup::NEIGHBOURS;
use p3_field::extension::PackedQuinticTrinomialExtensionField;
use p3_field::{Field, PackedValue};

/// As many base elements as the processor takes at once.
pub type PackedF = <F as Field>::Packing;

/// As many extension elements, coefficient by coefficient.
pub type PackedE = PackedQuinticTrinomialExtensionField<F, PackedF>;

/// Elements in a [`PackedE`], a power of two.
pub const WIDTH: usize = PackedF::WIDTH;

/// Packs of a group.
pub const PACKS: usize = (1 << NEIGHBOURS) / WIDTH;
const _: () = assert!(WIDTH <= 1 << NEIGHBOURS, "a pack holds neighbours");

/// Packs of both children of two groups that differ in the last variable: what a round reads to sum over one.
pub const QUAD: usize = 4 * PACKS;

/// Packs over which one task sums: tens of microseconds, so that waking a thread pays.
pub(crate) const TASK_PACKS: usize = 128;

/// Packs that one task writes, with a multiplication or two for each.
pub(crate) const FOLD_PACKS: usize = 4 * TASK_PACKS;
