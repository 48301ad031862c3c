//! Models that tests share. They are small, so that a proof of one takes milliseconds, and real all the way.
//!
//! | item | what it is |
//! |---|---|
//! | [`relu`] | y = relu(2·x₀ − 3·x₁): for tests of the network, of workers and of receipts |
//! | [`random`] | models of random operators, for tests of all programs |
//!
//! Dependency position: a test bed. Only tests depend on it.
#![forbid(unsafe_code)]

pub mod random;

use ciro_graph::{
    ConstId, Constant, Ingest, Input, Model, Node, Op, Output, OutputKind, Profile, Program, Security, ValueId,
    Visibility,
};

/// y = relu(2·x₀ − 3·x₁). Inputs are integers from −8 to 8 in units of 2^−`exponent`, and so is the output.
#[must_use]
pub fn relu(exponent: i8) -> Model {
    let linear = Op::Linear { x: ValueId(0), weight: ConstId(0), bias: None };
    let program = Program {
        name: "small".into(),
        inputs: vec![Input {
            name: "x".into(),
            shape: vec![1, 2],
            ingest: Ingest::Fixed { exponents: vec![exponent], lo: -8, hi: 8 },
        }],
        constants: vec![Constant { name: "w".into(), shape: vec![2] }],
        nodes: vec![
            Node { op: linear, shape: vec![1, 1], lo: -40, hi: 40 },
            Node { op: Op::Relu { x: ValueId(1) }, shape: vec![1, 1], lo: 0, hi: 40 },
        ],
        outputs: vec![Output {
            name: "y".into(),
            value: ValueId(2),
            shape: vec![1],
            kind: OutputKind::Fixed { frac_bits: exponent.unsigned_abs() },
        }],
        columns: vec![],
        limb_bits: 8,
        profile: Profile::Native,
        security: Security::Bits100,
        visibility: Visibility::default(),
        batch: 1,
    };
    Model { program, weights: vec![vec![2, -3]] }
}
