//! The multilinear polynomial commitment: WHIR (Arnon, Chiesa, Fenzi, Yogev, eprint 2024/1586) over interleaved Reed-Solomon
//! codes, with several commitments joined in one opening. Verifier's side and everything both sides must agree on.
//!
//! # The code
//! A polynomial f in n = k + m variables is cut into 2ᵏ columns of 2ᵐ values (the first k variables choose the
//! column). Column c is read as the univariate Σ_y f(c, y)·X^y and evaluated on the subgroup of order 2^(m + r). Row j
//! of the codeword matrix, 2ᵏ values, is Merkle leaf j. A leaf of a *salted* oracle ends in 32 more bytes, which
//! nobody can guess who is not shown them. Folding by ρ ∈ Eᵏ is then a linear combination of each row with eq(ρ, ·).
//! An evaluation of the folded codeword at ωʲ is the inner product of g = f(ρ, ·) with (1, x, x², …), x = ωʲ.
//!
//! # Joined opening
//! Statement: polynomials f₁, …, f_t with nᵢ variables have values vᵢ at the last nᵢ coordinates of one point ρ. They
//! share m, so kᵢ = nᵢ − m. Each is folded by the coordinates of its own point, which were drawn after every
//! commitment. A random combination g = Σ λⁱ gᵢ remains, and the claim is g(ρ's last m coordinates) = Σ λⁱ vᵢ. The
//! tail proves it. While g has more than [`Params::final_vars`] variables, g is committed at a lower rate. One or two
//! out-of-domain values are given ([`Params::samples`]), and the previous oracle is queried. All claims are batched,
//! and a sumcheck folds g further. At the end g travels in the clear.
//!
//! # Deviations from the paper
//! - The first fold uses the point of the claim instead of a sumcheck of its own. The batching sumcheck that produced
//!   the point already plays that part.
//! - First oracles have no out-of-domain sample in here. Either the list size is charged to the interactive terms
//!   instead, or their owner samples them. All are then sampled at one random point, of as many coordinates as
//!   variables ([`Params::is_first_sampled`]).
//! - Challenges whose term falls short of the target follow a proof of work each ([`soundness`]).
//! - A round's rate is chosen, not implied by the fold.
//!
//! | module | what it holds |
//! |---|---|
//! | [`params`] | rates, folds, queries, proof of work |
//! | [`soundness`] | what each of them is worth, term by term |
//! | [`cost`] | what verifying an opening takes, and how long it is |
//! | [`merkle`] | leaves, nodes, pruned multi-proofs |
//! | [`whir`] | the verifier |
//!
//! Dependency position: verifier's closure. The prover's side is in `ciro-prover`.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]
#![cfg_attr(
    not(test),
    deny(
        clippy::allow_attributes_without_reason,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::integer_division,
        clippy::panic,
        clippy::panic_in_result_fn,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

extern crate alloc;

pub mod cost;
pub mod merkle;
pub mod params;
pub mod soundness;
pub mod whir;

pub use merkle::{leaf_digest, node_digest};
pub use params::{Params, Profile, Round, SALT_BYTES, Size};
pub use soundness::{Security, Term};
pub use whir::{Opening, PcsError, verify_opening};
