//! Models of random operators with random parameters, well formed by construction.
//!
//! [`model`] is a pure function of a seed: the seed is the bug report. What nothing reads is an output, so that no lie
//! is out of sight. Parameters are drawn near the ends that the relation treats in a special way. Intervals are
//! exactly a power of two, tables exactly the declared domain, and values are rounded again to whole steps.
//!
//! | module | what it holds |
//! |---|---|
//! | [`draw`] | reproducible choices |
//! | `growing` | a program that grows by a node at a time |
//! | `recipes` | how each operator's parameters are drawn |
//! | `moved` | the same for steps that move elements |

pub mod draw;
mod growing;
mod moved;
mod recipes;

pub use draw::Draw;

use ciro_execution::execute;
use ciro_graph::{Disclosure, Ingest, Input, Model, Profile, Program, RawInput, RawTensor, Security, Visibility};
use growing::Growing;
use recipes::{RECIPES, Recipe};

/// How large the inputs of a random model may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magnitude {
    /// Up to 200,000: all operators are found.
    Small,
    /// Near half the field: most operators would wrap and are left out, the others are at their limits.
    HalfTheField,
}

impl Magnitude {
    const fn bounds(self) -> &'static [i32] {
        match self {
            Self::Small => &[20, 100, 3_000, 200_000],
            Self::HalfTheField => &[1 << 27, (1 << 29) - 1, 1 << 29, (1 << 30) - (1 << 24), (1 << 30) - (1 << 23)],
        }
    }
}

/// The model of a seed: one input of one to three rows, three to nine random steps, at least one node. It passes
/// `ciro_graph::check_model`; its relation may be refused as too wide.
#[must_use]
pub fn model(seed: u64, magnitude: Magnitude) -> Model {
    let mut draw = Draw::new(seed);
    let program = empty(&mut draw, magnitude);
    let steps = draw.within(3, 9);
    grown(program, draw, steps, &RECIPES)
}

/// As [`model`], but most steps move elements. The input has up to four dimensions. Four to ten steps reshape, transpose, pick, join, or
/// sum rows of what was moved before.
#[must_use]
pub fn rearranged(seed: u64) -> Model {
    let mut draw = Draw::new(seed);
    let mut program = empty(&mut draw, Magnitude::Small);
    for input in &mut program.inputs {
        input.shape = moved::shape(&mut draw);
        input.ingest = Ingest::Fixed { exponents: vec![0], lo: -9, hi: 9 };
    }
    let steps = draw.within(4, 10);
    grown(program, draw, steps, &moved::RECIPES)
}

/// The program after so many steps.
fn grown(program: Program, draw: Draw, steps: i64, recipes: &[Recipe]) -> Model {
    let mut growing = Growing::new(program, draw);
    for _ in 0..steps {
        let operand = growing.pick();
        let recipe = growing.draw.one_of(recipes);
        recipe(&mut growing, &operand);
    }
    growing.read_input();
    growing.finish()
}

/// A program of an input alone.
fn empty(draw: &mut Draw, magnitude: Magnitude) -> Program {
    let shape = vec![draw.size(1, 3), draw.size(1, 5)];
    let hi = draw.one_of(magnitude.bounds());
    let lo = if draw.one_in(3) { 0 } else { -hi };
    let input = Input { name: "x".into(), shape, ingest: Ingest::Fixed { exponents: vec![0], lo, hi } };
    Program {
        name: "random".into(),
        inputs: vec![input],
        constants: vec![],
        nodes: vec![],
        outputs: vec![],
        visibility: visibility(draw),
        batch: draw.one_of(&[1, 1, 2, 3]),
        columns: vec![],
        limb_bits: draw.size(4, 7),
        profile: draw.one_of(&[Profile::Native, Profile::Native, Profile::Chain]),
        security: draw.one_of(&[Security::Bits100, Security::Bits100, Security::Bits100, Security::Bits128]),
    }
}

fn visibility(draw: &mut Draw) -> Visibility {
    use Disclosure::{Committed, Private, Public};
    let shown = [Public, Public, Committed, Private];
    Visibility {
        input: draw.one_of(&shown),
        output: draw.one_of(&shown),
        weights: draw.one_of(&[Committed, Committed, Public]),
    }
}

/// An input that the model runs on, if a few tries find one: many programs refuse what leaves a declared interval.
#[must_use]
pub fn input(model: &Model, draw: &mut Draw) -> Option<RawInput> {
    // Smaller numbers stay in narrow intervals more often.
    [1, 1, 4, 16, 64, 1_000].into_iter().find_map(|scale| {
        let tensors = model.program.inputs.iter().map(|input| tensor(&model.program, input, draw, scale));
        let raw = RawInput(tensors.collect());
        execute(model, &raw).is_ok().then_some(raw)
    })
}

/// Whole numbers from the input's interval, divided by `scale`.
fn tensor(program: &Program, input: &Input, draw: &mut Draw, scale: i64) -> RawTensor {
    let (lo, hi) = match input.ingest {
        Ingest::Fixed { lo, hi, .. } | Ingest::Imputed { lo, hi, .. } | Ingest::FixedDouble { lo, hi, .. } => (lo, hi),
        Ingest::Ordered | Ingest::OrderedMissing | Ingest::OrderedDouble { .. } => (-100, 100),
    };
    let shape = program.batch_shape(&input.shape);
    let len: u32 = shape.iter().product();
    let mut number = || (draw.within(lo.into(), hi.into()) / scale) as f32;
    if input.words() == 2 {
        return RawTensor::of_doubles(shape, (0..len).map(|_| f64::from(number()).to_bits()));
    }
    RawTensor { bits: (0..len).map(|_| number().to_bits()).collect(), shape }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_graph::{check_model, check_program};

    #[test]
    fn a_seed_gives_one_well_formed_model() {
        let mut outputs = 0;
        for seed in 0..300 {
            for magnitude in [Magnitude::Small, Magnitude::HalfTheField] {
                let found = model(seed, magnitude);
                assert_eq!(check_model(&found), Ok(()), "seed {seed} {magnitude:?}");
                assert_eq!(check_program(&found.program), Ok(()));
                assert_eq!(found, model(seed, magnitude), "seed {seed} {magnitude:?}");
                outputs += found.program.outputs.len();
            }
        }
        assert!(outputs > 600, "{outputs}");
    }

    #[test]
    fn most_rearranged_models_are_well_formed_and_run() {
        let is_run = |seed: &u64| {
            let found = rearranged(*seed);
            assert_eq!(check_model(&found), Ok(()), "seed {seed}");
            input(&found, &mut Draw::new(*seed)).is_some()
        };
        let runs = (0..200).filter(is_run).count();
        assert!(runs > 150, "{runs}");
    }

    #[test]
    fn most_models_run_on_some_input() {
        let runs = |magnitude| {
            let is_run = |seed: &u64| input(&model(*seed, magnitude), &mut Draw::new(*seed)).is_some();
            (0..200).filter(is_run).count()
        };
        let [small, wide] = [Magnitude::Small, Magnitude::HalfTheField].map(runs);
        assert!(small > 100 && wide > 100, "{small} {wide}");
    }
}
