//! Inputs for models that come without samples.
//!
//! They are drawn from what the program accepts: from all of it, on and beside the thresholds of its trees, and where arithmetic goes
//! wrong. For example, of a split at 0.5 the number 0.5 and its two neighbours are drawn.

use crate::graph::forest::TreeNode;
use crate::graph::plan::sources::source;
use crate::graph::plan::{Id, Kind, Plan};
use ciro_graph::{Ingest, Input, Program, RawInput, RawTensor};

/// How many are drawn: each threshold of a usual forest comes up.
const DRAWN: usize = 256;
/// Most elements of all values of the model on all inputs together, which are held at once: fewer inputs are drawn for a large model.
const ELEMENTS_MAX: usize = 1 << 24;
/// How many are drawn for a network at most, and how many multiplications all of them may take.
const DRAWN_OF_NETWORKS: usize = 48;
const WORK_MAX: usize = 1 << 30;
/// How many inputs are the same everywhere.
const ENDS: usize = 6;
/// Most numbers that one element is drawn from besides its range.
const MARKS: usize = 1 << 12;

/// Reproducible choices (splitmix64): what a compilation says depends on the model alone.
struct Draw(u64);

impl Draw {
    const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    const fn below(&mut self, n: usize) -> usize {
        (self.bits() % if n == 0 { 1 } else { n as u64 }) as usize
    }

    /// A number from −1 to 1.
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// What is known of an element of an input.
#[derive(Clone, Debug, Default)]
struct Element {
    /// It may be so large.
    reach: f64,
    /// Numbers that it is compared with.
    marks: Vec<f64>,
}

/// Inputs for `program`, which was made from `plan`: some of them may be refused.
pub(crate) fn inputs(plan: &Plan, program: &Program) -> Vec<RawInput> {
    let elements: Vec<Vec<Element>> =
        program.inputs.iter().enumerate().map(|(id, input)| elements(plan, input, id)).collect();
    let mut draw = Draw(0);
    let input = |i: usize| {
        let tensor = |(input, elements): (&Input, &Vec<Element>)| {
            let numbers: Vec<f64> = elements.iter().map(|element| number(&mut draw, element, i)).collect();
            tensor(input, &numbers)
        };
        RawInput(program.inputs.iter().zip(&elements).map(tensor).collect())
    };
    let count = count(plan);
    // Where there is only room for a few, mixed ones tell more.
    let first = if count > 2 * ENDS { 0 } else { ENDS };
    (first..first + count).map(input).collect()
}

/// Inputs for a network's program: at the ends of what it accepts, and mixed. Of one that is `work` multiplications, as many as take seconds.
pub(crate) fn of_network(program: &Program, work: usize) -> Vec<RawInput> {
    let elements = |input: &Input| -> Vec<Element> {
        let count = input.shape.iter().product::<u32>() as usize;
        (0..count).map(|i| Element { reach: reach(input, i, &[]), marks: vec![] }).collect()
    };
    let elements: Vec<Vec<Element>> = program.inputs.iter().map(elements).collect();
    let mut draw = Draw(1);
    let input = |i: usize| {
        let tensor = |(input, elements): (&Input, &Vec<Element>)| {
            let numbers = elements.iter().map(|element| accepted(input, number(&mut draw, element, i)));
            tensor(input, &numbers.collect::<Vec<f64>>())
        };
        RawInput(program.inputs.iter().zip(&elements).map(tensor).collect())
    };
    let count = (WORK_MAX / work.max(1)).clamp(2, DRAWN_OF_NETWORKS);
    let first = if count > 2 * ENDS { 0 } else { ENDS };
    (first..first + count).map(input).collect()
}

/// A number as an input takes it: whole where its integers are the numbers themselves, and not below what it accepts.
fn accepted(input: &Input, x: f64) -> f64 {
    match &input.ingest {
        Ingest::Fixed { exponents, lo, .. } if exponents.iter().all(|&exponent| exponent == 0) => {
            x.round().max(f64::from(*lo))
        }
        Ingest::Fixed { lo: 0.., .. } => x.abs(),
        Ingest::Fixed { .. }
        | Ingest::Imputed { .. }
        | Ingest::FixedDouble { .. }
        | Ingest::Ordered
        | Ingest::OrderedMissing
        | Ingest::OrderedDouble { .. } => x,
    }
}

fn count(plan: &Plan) -> usize {
    let inputs = plan.inputs.iter().map(|input| input.dims.iter().product::<usize>());
    let elements = inputs.chain(plan.steps.iter().map(|step| step.len)).fold(1, usize::saturating_add);
    (ELEMENTS_MAX / elements).clamp(1, DRAWN)
}

fn tensor(input: &Input, numbers: &[f64]) -> RawTensor {
    let shape = input.shape.clone();
    if input.words() == 2 {
        return RawTensor::of_doubles(shape, numbers.iter().map(|x| x.to_bits()));
    }
    RawTensor { shape, bits: numbers.iter().map(|&x| (x as f32).to_bits()).collect() }
}

/// An element of input number `i`: the first inputs are the same everywhere, the others mixed.
fn number(draw: &mut Draw, element: &Element, i: usize) -> f64 {
    let reach = element.reach;
    let ends: [f64; ENDS] = [0.0, -0.0, reach, -reach, reach * 1e-6, f64::from(f32::MIN_POSITIVE)];
    match ends.get(i) {
        Some(&end) => end,
        None if !element.marks.is_empty() && draw.below(4) > 0 => element.marks[draw.below(element.marks.len())],
        None if draw.below(8) == 0 => ends[draw.below(ends.len())],
        // Large and small numbers alike.
        None => reach * draw.unit() * [1.0, 0.25, 0.03, 1e-3][draw.below(4)],
    }
}

fn elements(plan: &Plan, input: &Input, id: Id) -> Vec<Element> {
    let mut elements = vec![Element::default(); plan.len(id)];
    for step in &plan.steps {
        let Kind::Trees(forest) = &step.kind else { continue };
        for node in &forest.nodes {
            let TreeNode::Split { feature, threshold, .. } = node else { continue };
            let source = source(plan, step.operands[0], *feature);
            // After arithmetic a threshold is none of the input's own numbers.
            if source.value == id && source.steps.is_empty() {
                mark(&mut elements[source.element], *threshold, input);
            }
        }
    }
    for (i, element) in elements.iter_mut().enumerate() {
        element.reach = reach(input, i, &element.marks);
    }
    elements
}

/// A threshold, and the numbers next to it.
fn mark(element: &mut Element, threshold: f64, input: &Input) {
    if element.marks.len() >= MARKS {
        return;
    }
    let single = threshold as f32;
    let beside = if input.words() == 2 {
        [threshold.next_down(), threshold, threshold.next_up()]
    } else {
        [single.next_down(), single, single.next_up()].map(f64::from)
    };
    element.marks.extend(beside.into_iter().filter(|x| x.is_finite()));
}

/// How large an element may be. The range of a scaled input says so. An input that is compared may be a little beyond its thresholds.
fn reach(input: &Input, element: usize, marks: &[f64]) -> f64 {
    match &input.ingest {
        Ingest::Fixed { exponents, lo, hi }
        | Ingest::Imputed { exponents, lo, hi, .. }
        | Ingest::FixedDouble { exponents, lo, hi, .. } => {
            let exponent = exponents.get(element).or(exponents.first()).copied().unwrap_or(0);
            // A step inside both ends, which rounding may not leave.
            let end = f64::from(hi.saturating_sub(1).min(lo.saturating_neg()).max(0));
            end * (-f64::from(exponent)).exp2()
        }
        Ingest::Ordered | Ingest::OrderedMissing | Ingest::OrderedDouble { .. } => {
            marks.iter().fold(1.0, |reach: f64, mark| reach.max(2.0 * mark.abs())).min(f64::from(f32::MAX))
        }
    }
}
