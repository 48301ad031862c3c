//! From bit patterns of float32 and float64 to integers, with integer arithmetic only.

use crate::count::wide;
use crate::number::Number;
pub use crate::number::{
    fixed, fixed_double, is_nan, is_nan_double, ordered, ordered_double, unordered, unordered_double,
};
use crate::program::{Ingest, Input, Program};
use crate::render::decimal;
use crate::shape::element_count;
use crate::signature::Column;
use crate::tensor::{RawInput, RawTensor, double};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroUsize;

/// Which element of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Of which sample; `None` in a program that runs one.
    pub sample: Option<usize>,
    /// Position in the sample, row-major.
    pub index: usize,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sample) = self.sample {
            write!(f, "sample {sample}, ")?;
        }
        write!(f, "element {}", self.index)
    }
}

/// Why an input was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The wrong number of tensors.
    #[error("expected {expected} input tensors, got {got}")]
    Count {
        /// Inputs of the program.
        expected: usize,
        /// Tensors given.
        got: usize,
    },
    /// A tensor of another shape.
    #[error("input {input:?}: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// The input's name.
        input: String,
        /// Dimensions the program declares.
        expected: Vec<u32>,
        /// Dimensions given.
        got: Vec<u32>,
    },
    /// A tensor whose data do not fill its shape.
    #[error("input {input:?}: expected {expected} elements, got {got}")]
    Length {
        /// The input's name.
        input: String,
        /// Elements of the shape.
        expected: u64,
        /// Elements given.
        got: usize,
    },
    /// An element that is not a number.
    #[error("input {input:?}, {at}: expected a number, got NaN")]
    NotANumber {
        /// The input's name.
        input: String,
        /// Which element.
        at: Element,
    },
    /// The number that users write for a missing value.
    #[error("input {input:?}, {at}: expected NaN for a missing value, got {value}, which is how users write it")]
    WrittenMissing {
        /// The input's name.
        input: String,
        /// Which element.
        at: Element,
        /// The number.
        value: String,
    },
    /// An element outside the range the model was compiled for.
    #[error("input {input:?}, {at}: expected a number from {low} to {high}, got {value}")]
    OutOfRange {
        /// The input's name.
        input: String,
        /// Which element.
        at: Element,
        /// The refused number.
        value: String,
        /// The smallest accepted number.
        low: String,
        /// The largest accepted number.
        high: String,
    },
}

/// The integers of every input, in the order of [`Program::inputs`].
///
/// # Errors
/// [`IngestError`] for a wrong count, shape or length, for NaN, and for a number outside its declared range.
pub fn ingest(program: &Program, raw: &RawInput) -> Result<Vec<Vec<i64>>, IngestError> {
    let (expected, got) = (program.inputs.len(), raw.0.len());
    if expected != got {
        return Err(IngestError::Count { expected, got });
    }
    let tensors = program.inputs.iter().zip(&raw.0).enumerate();
    tensors.map(|(i, (input, tensor))| ingest_tensor(program, (input, program.columns_of(i)), tensor)).collect()
}

fn ingest_tensor(
    program: &Program,
    (input, columns): (&Input, &[Column]),
    tensor: &RawTensor,
) -> Result<Vec<i64>, IngestError> {
    let expected = program.batch_shape(&input.shape);
    if expected != tensor.shape {
        return Err(IngestError::Shape { input: input.name.clone(), expected, got: tensor.shape.clone() });
    }
    let (expected, words) = (element_count(&expected), input.words());
    if expected.saturating_mul(wide(words)) != wide(tensor.bits.len()) {
        let got = tensor.bits.len().checked_div(words).unwrap_or(0);
        return Err(IngestError::Length { input: input.name.clone(), expected, got });
    }
    let sample = usize::try_from(element_count(&input.shape)).unwrap_or(usize::MAX);
    let sample = NonZeroUsize::new(sample).unwrap_or(NonZeroUsize::MIN);
    let place = |i: usize| Element { sample: (program.batch > 1).then_some(i / sample), index: i % sample };
    check_missing(input, columns, tensor, place)?;
    if input.ingest == Ingest::OrderedMissing {
        return Ok(tensor.bits.chunks(sample.get()).flat_map(ordered_twice).collect());
    }
    let elements = numbers_of(input, tensor).enumerate();
    elements.map(|(i, number)| ingest_element(input, place(i), number)).collect()
}

/// No element is the number that users write for a missing one: what a receipt prints would else stand for two values.
fn check_missing(
    input: &Input,
    columns: &[Column],
    tensor: &RawTensor,
    place: impl Fn(usize) -> Element,
) -> Result<(), IngestError> {
    if columns.iter().all(|column| column.missing.is_none()) {
        return Ok(());
    }
    let mut elements = numbers_of(input, tensor).zip(columns.iter().cycle()).enumerate();
    let written = elements.find(|(_, (number, column))| column.is_written_for_missing(number.exact()));
    match written {
        None => Ok(()),
        Some((i, (number, _))) => {
            Err(IngestError::WrittenMissing { input: input.name.clone(), at: place(i), value: number.text() })
        }
    }
}

/// The elements of a tensor, as wide as the input takes them.
fn numbers_of<'a>(input: &Input, tensor: &'a RawTensor) -> impl ExactSizeIterator<Item = Number> + use<'a> {
    let number = |words: &[u32]| match *words {
        [word] => Number::Float(word),
        _ => Number::Double(double(words)),
    };
    tensor.bits.chunks_exact(input.words()).map(number)
}

/// Two copies of the ordered images: NaN below everything in the first, above everything in the second.
fn ordered_twice(bits: &[u32]) -> impl Iterator<Item = i64> + '_ {
    let copy = move |missing: u32| bits.iter().map(move |&b| i64::from(if is_nan(b) { missing } else { ordered(b) }));
    copy(0).chain(copy(u32::MAX))
}

/// What a missing value of element `index` of a sample is, if the input says.
fn imputed(input: &Input, index: usize) -> Option<i64> {
    let missing = match &input.ingest {
        Ingest::Imputed { missing, .. } | Ingest::FixedDouble { missing, .. } => missing,
        // Below every image, whose bits are not all zero.
        Ingest::OrderedDouble { missing: true } => return Some(0),
        Ingest::Fixed { .. } | Ingest::Ordered | Ingest::OrderedMissing | Ingest::OrderedDouble { missing: false } => {
            return None;
        }
    };
    // One value serves all elements; `check_program` refuses any other length.
    missing.get(index).or(missing.first()).map(|&value| i64::from(value))
}

fn ingest_element(input: &Input, at: Element, number: Number) -> Result<i64, IngestError> {
    if number.is_nan() {
        return imputed(input, at.index).ok_or_else(|| IngestError::NotANumber { input: input.name.clone(), at });
    }
    match &input.ingest {
        Ingest::Ordered | Ingest::OrderedMissing | Ingest::OrderedDouble { .. } => Ok(number.ordered()),
        Ingest::Fixed { exponents, lo, hi }
        | Ingest::Imputed { exponents, lo, hi, .. }
        | Ingest::FixedDouble { exponents, lo, hi, .. } => {
            // One exponent serves all elements; `check_program` refuses any other length.
            let exponent = exponents.get(at.index).or(exponents.first()).copied().unwrap_or(0);
            let value = number.fixed(exponent);
            if (i64::from(*lo)..=i64::from(*hi)).contains(&value) {
                return Ok(value);
            }
            Err(IngestError::OutOfRange {
                input: input.name.clone(),
                at,
                value: number.text(),
                low: decimal(i64::from(*lo), i32::from(exponent)),
                high: decimal(i64::from(*hi), i32::from(exponent)),
            })
        }
    }
}

/// The least ordered image of a number: that of −∞.
pub const ORDERED_MIN: u32 = ordered(0xff80_0000);

/// The largest ordered image of a number: that of ∞.
pub const ORDERED_MAX: u32 = ordered(0x7f80_0000);

/// The least ordered image of a double: that of −∞.
pub const ORDERED_DOUBLE_MIN: u64 = ordered_double(0xfff0_0000_0000_0000);

/// The largest ordered image of a double: that of ∞.
pub const ORDERED_DOUBLE_MAX: u64 = ordered_double(0x7ff0_0000_0000_0000);

impl Input {
    /// Whether a hidden input may have this value: integers of its interval, or images of numbers. Of a scaled input these are more than
    /// floats give: not every integer beyond 2²⁴ is a rounded float.
    #[must_use]
    pub fn accepts(&self, value: &[i64]) -> bool {
        let is_image = |x: i64| (i64::from(ORDERED_MIN)..=i64::from(ORDERED_MAX)).contains(&x);
        let is_right = match &self.ingest {
            Ingest::OrderedDouble { missing } => {
                let images = ORDERED_DOUBLE_MIN..=ORDERED_DOUBLE_MAX;
                value.iter().all(|&x| images.contains(&x.cast_unsigned()) || (*missing && x == 0))
            }
            Ingest::Fixed { lo, hi, .. } | Ingest::Imputed { lo, hi, .. } | Ingest::FixedDouble { lo, hi, .. } => {
                value.iter().all(|x| (i64::from(*lo)..=i64::from(*hi)).contains(x))
            }
            Ingest::Ordered => value.iter().all(|&x| is_image(x)),
            Ingest::OrderedMissing => {
                let (first, second) = value.split_at(value.len() / 2);
                let pairs = || first.iter().zip(second);
                pairs().all(|(&x, &y)| if x == 0 { y == i64::from(u32::MAX) } else { is_image(x) && x == y })
            }
        };
        is_right && wide(value.len()) == self.value_len()
    }

    /// The numbers that a value of the input stands for, as decimals. Those of a scaled input before they were rounded differ from these
    /// by half a step at most.
    #[must_use]
    pub fn numbers(&self, value: &[i64]) -> Vec<String> {
        let double = |&x: &i64| {
            if x == 0 { String::from("NaN") } else { Number::Double(unordered_double(x.cast_unsigned())).text() }
        };
        let number = |x: i64| {
            let image = u32::try_from(x).ok().filter(|image| (ORDERED_MIN..=ORDERED_MAX).contains(image));
            image.map_or_else(|| String::from("NaN"), |image| Number::Float(unordered(image)).text())
        };
        match &self.ingest {
            Ingest::OrderedDouble { .. } => value.iter().map(double).collect(),
            Ingest::Fixed { exponents, .. }
            | Ingest::Imputed { exponents, .. }
            | Ingest::FixedDouble { exponents, .. } => {
                let exponent = |i: usize| exponents.get(i).or(exponents.first()).copied().unwrap_or(0);
                value.iter().enumerate().map(|(i, &x)| decimal(x, i32::from(exponent(i)))).collect()
            }
            Ingest::Ordered => value.iter().map(|&x| number(x)).collect(),
            Ingest::OrderedMissing => value.iter().take(value.len() / 2).map(|&x| number(x)).collect(),
        }
    }

    /// Elements of the input's value: those of its shape, twice over if it is [`Ingest::OrderedMissing`]; saturating.
    #[must_use]
    pub fn value_len(&self) -> u64 {
        let copies = if self.ingest == Ingest::OrderedMissing { 2 } else { 1 };
        element_count(&self.shape).saturating_mul(copies)
    }

    /// Dimensions of the input's value: its own, or two copies side by side for [`Ingest::OrderedMissing`].
    #[must_use]
    pub fn value_shape(&self) -> Vec<u32> {
        if self.ingest == Ingest::OrderedMissing {
            alloc::vec![u32::try_from(self.value_len()).unwrap_or(u32::MAX)]
        } else {
            self.shape.clone()
        }
    }

    /// Words of an element's bit pattern: two if the input takes float64.
    #[must_use]
    pub const fn words(&self) -> usize {
        match self.ingest {
            Ingest::OrderedDouble { .. } | Ingest::FixedDouble { .. } => 2,
            Ingest::Fixed { .. } | Ingest::Imputed { .. } | Ingest::Ordered | Ingest::OrderedMissing => 1,
        }
    }

    /// The elements of a tensor of this input as decimals, each the shortest that reads as the number given.
    #[must_use]
    pub fn given<'a>(&self, tensor: &'a RawTensor) -> impl ExactSizeIterator<Item = String> + use<'a> {
        numbers_of(self, tensor).map(Number::text)
    }

    /// Whether its value holds ordered images of float64, which are ranked.
    #[must_use]
    pub const fn is_ordered_double(&self) -> bool {
        matches!(self.ingest, Ingest::OrderedDouble { .. })
    }

    /// Whether a missing value (NaN) is taken.
    #[must_use]
    pub const fn takes_missing(&self) -> bool {
        match &self.ingest {
            Ingest::OrderedMissing | Ingest::Imputed { .. } => true,
            Ingest::OrderedDouble { missing } => *missing,
            Ingest::FixedDouble { missing, .. } => !missing.is_empty(),
            Ingest::Fixed { .. } | Ingest::Ordered => false,
        }
    }

    /// Whether its value holds ordered images of float32: what forests read, and nothing else.
    #[must_use]
    pub const fn is_ordered(&self) -> bool {
        matches!(self.ingest, Ingest::Ordered | Ingest::OrderedMissing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn program(ingest: Ingest) -> Program {
        let input = Input { name: "x".into(), shape: vec![1, 2], ingest };
        Program {
            name: "t".into(),
            inputs: vec![input],
            constants: vec![],
            nodes: vec![],
            outputs: vec![],
            columns: vec![],
            limb_bits: 8,
            profile: crate::program::Profile::Native,
            security: crate::program::Security::Bits100,
            visibility: crate::program::Visibility::default(),
            batch: 1,
        }
    }

    fn raw(values: &[f32]) -> RawInput {
        let bits: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
        RawInput(vec![RawTensor { shape: vec![1, 2], bits }])
    }

    #[test]
    fn rounding_is_half_up_on_both_sides_of_zero() {
        let at = |x: f32| fixed(x.to_bits(), 0);
        assert_eq!([at(0.5), at(-0.5), at(1.5), at(-1.5), at(2.499)], [1, 0, 2, -1, 2]);
        assert_eq!([at(-0.500_000_1), at(0.499_999_97)], [-1, 0]);
    }

    #[test]
    fn a_range_error_names_the_feature_the_value_and_the_range() {
        let program = program(Ingest::Fixed { exponents: vec![4], lo: -40, hi: 40 });
        let error = ingest(&program, &raw(&[0.0, 2.75])).unwrap_err();
        assert_eq!(error.to_string(), "input \"x\", element 1: expected a number from -2.5 to 2.5, got 2.75");
        let error = ingest(&program, &raw(&[f32::NEG_INFINITY, 0.0])).unwrap_err();
        assert!(matches!(error, IngestError::OutOfRange { at: Element { sample: None, index: 0 }, .. }));
    }

    #[test]
    fn a_refusal_in_a_batch_names_the_sample() {
        let program = program(Ingest::Fixed { exponents: vec![0], lo: -4, hi: 4 }).batched(2);
        let bits = [1f32, 2.0, 3.0, 5.0].map(f32::to_bits).to_vec();
        let error = ingest(&program, &RawInput(vec![RawTensor { shape: vec![2, 1, 2], bits }])).unwrap_err();
        assert_eq!(error.to_string(), "input \"x\", sample 1, element 1: expected a number from -4 to 4, got 5");
    }

    #[test]
    fn doubles_become_integers_as_floats_do_and_with_all_their_bits() {
        for x in [0.0f32, -0.0, 1.5, -1.5, 0.1, 3e-39, -7e37, 16_777_217.0, f32::INFINITY] {
            for exponent in [-40, -3, 0, 5, 24, 60] {
                assert_eq!(
                    fixed_double(f64::from(x).to_bits(), exponent),
                    fixed(x.to_bits(), exponent),
                    "{x} {exponent}"
                );
            }
        }
        let at = |x: f64, exponent| fixed_double(x.to_bits(), exponent);
        assert_eq!(at(9_007_199_254_740_991.0, 0), 9_007_199_254_740_991);
        assert_eq!(
            [at(1.7e9 + 0.25, 2), at(-1.7e9 - 0.25, 2), at(0.49999999999999994, 0)],
            [6_800_000_001, -6_800_000_001, 0]
        );
        assert_eq!([at(5e-324, 100), at(1e300, 0), at(-1e300, 0)], [0, 1 << 62, -(1 << 62)]);
    }

    #[test]
    fn nan_is_refused_in_both_maps() {
        for map in [Ingest::Ordered, Ingest::Fixed { exponents: vec![0], lo: -1, hi: 1 }] {
            let error = ingest(&program(map), &raw(&[0.0, f32::NAN])).unwrap_err();
            assert_eq!(error, IngestError::NotANumber { input: "x".into(), at: Element { sample: None, index: 1 } });
        }
    }

    #[test]
    fn a_missing_value_is_what_the_input_says_and_everything_else_as_it_was() {
        let imputed = |missing| Ingest::Imputed { exponents: vec![1], lo: -8, hi: 8, missing };
        let values = |missing, x: &[f32]| ingest(&program(imputed(missing)), &raw(x)).map(|values| values[0].clone());
        assert_eq!(values(vec![3, -5], &[f32::NAN, 1.0]), Ok(vec![3, 2]));
        assert_eq!(values(vec![3, -5], &[1.5, f32::from_bits(0xffff_ffff)]), Ok(vec![3, -5]));
        assert_eq!(values(vec![7], &[f32::NAN, f32::NAN]), Ok(vec![7, 7]));
        assert!(matches!(
            values(vec![7], &[0.0, f32::INFINITY]),
            Err(IngestError::OutOfRange { at: Element { index: 1, .. }, .. })
        ));
    }

    #[test]
    fn a_missing_value_is_below_everything_in_one_copy_and_above_in_the_other() {
        let program = program(Ingest::OrderedMissing);
        let least = i64::from(ordered(f32::NEG_INFINITY.to_bits()));
        let most = i64::from(ordered(f32::INFINITY.to_bits()));
        for nan in [f32::NAN.to_bits(), 0xffff_ffff, 0x7f80_0001] {
            let mut raw = raw(&[0.0, f32::NEG_INFINITY]);
            raw.0[0].bits[0] = nan;
            let value = &ingest(&program, &raw).unwrap()[0];
            assert_eq!(value, &[0, least, i64::from(u32::MAX), least]);
            assert_eq!(value.len() as u64, program.inputs[0].value_len());
            assert!(value[0] < least && most < value[2]);
        }
    }

    #[test]
    fn an_input_accepts_what_it_ingests_and_nothing_beyond() {
        let fixed = Ingest::Fixed { exponents: vec![1], lo: -8, hi: 7 };
        for (map, numbers) in
            [(fixed, [3.5, -4.0]), (Ingest::Ordered, [-0.25, f32::INFINITY]), (Ingest::OrderedMissing, [f32::NAN, 2.0])]
        {
            let program = program(map);
            let (input, value) = (&program.inputs[0], &ingest(&program, &raw(&numbers)).unwrap()[0]);
            assert!(input.accepts(value));
            assert_eq!(input.numbers(value), numbers.map(|x| x.to_string()));
            let others = [
                value[..1].to_vec(),
                [&value[..], &[0]].concat(),
                vec![8; 2],
                vec![i64::from(u32::MAX); 4],
                vec![0; 4],
            ];
            assert!(others.iter().all(|other| !input.accepts(other)), "{others:?}");
            for i in 0..value.len() {
                for delta in [-1 << 32, 1 << 32] {
                    let mut other = value.clone();
                    other[i] += delta;
                    assert!(!input.accepts(&other), "{other:?}");
                }
            }
        }
    }

    #[test]
    fn minus_zero_takes_the_image_of_plus_zero() {
        assert_eq!(ordered((-0.0f32).to_bits()), ordered(0.0f32.to_bits()));
        assert_eq!([ordered(1) - ordered(0), ordered(0) - ordered(0x8000_0001)], [1, 1]);
    }

    /// There are as many images as numbers. Each step of an image is the least step of its number, so no image is without a number.
    #[test]
    fn every_integer_between_the_infinities_is_the_image_of_a_number() {
        let numbers = 2 * (0x7f80_0000u32 + 1) - 1;
        assert_eq!(ORDERED_MAX - ORDERED_MIN + 1, numbers);
        let ends = [ORDERED_MIN, ORDERED_MIN + 1, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, ORDERED_MAX];
        for image in (ORDERED_MIN..=ORDERED_MAX).step_by(65_521).chain(ends) {
            assert!(!is_nan(unordered(image)), "{image:x}");
            assert_eq!(ordered(unordered(image)), image);
        }
        let input = |ingest| Input { name: "x".into(), shape: vec![1], ingest };
        let accepted = |image: u32| input(Ingest::Ordered).accepts(&[i64::from(image)]);
        assert!(ends.into_iter().all(accepted));
        assert!([0, ORDERED_MIN - 1, ORDERED_MAX + 1, u32::MAX].into_iter().all(|image| !accepted(image)));
    }
}
