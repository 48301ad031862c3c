//! Outputs as text, exact and without floats.

use crate::count::wide;
use crate::program::{Output, Program};
use crate::signature::OutputKind;
use crate::tensor::RawOutput;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One revealed tensor as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The ONNX name.
    pub name: String,
    /// Dimensions, outermost first; before them, how many samples there are, if not one.
    pub shape: Vec<u32>,
    /// The elements, row-major.
    pub values: Vec<Cell>,
}

/// One element as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A decimal number in JSON's grammar, from which the integer follows by rounding.
    Number(String),
    /// An integer label.
    Int(i64),
    /// A label that is a truth value.
    Bool(bool),
    /// A text label, shared by all elements that have it.
    Text(Arc<str>),
}

/// Why integers could not be read as the program's outputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The wrong number of tensors.
    #[error("expected {expected} output tensors, got {got}")]
    Count {
        /// Outputs of the program.
        expected: usize,
        /// Tensors given.
        got: usize,
    },
    /// A tensor of the wrong length.
    #[error("output {output:?}: expected {expected} elements, got {got}")]
    Length {
        /// The output's name.
        output: String,
        /// Elements of its shape.
        expected: u64,
        /// Elements given.
        got: usize,
    },
    /// A class index without a label.
    #[error("output {output:?}: expected a class below {expected}, got {got}")]
    Label {
        /// The output's name.
        output: String,
        /// How many labels there are.
        expected: usize,
        /// The class index.
        got: i64,
    },
}

/// The outputs as text, in the order of [`Program::outputs`].
///
/// # Errors
/// [`RenderError`] if `raw` does not have the program's form.
pub fn render(program: &Program, raw: &RawOutput) -> Result<Vec<Rendered>, RenderError> {
    let (expected, got) = (program.outputs.len(), raw.0.len());
    if expected != got {
        return Err(RenderError::Count { expected, got });
    }
    program
        .outputs
        .iter()
        .zip(&raw.0)
        .map(|(output, values)| {
            let shape = program.batch_shape(&output.shape);
            render_output(output, shape, values)
        })
        .collect()
}

fn render_output(output: &Output, shape: Vec<u32>, values: &[i64]) -> Result<Rendered, RenderError> {
    let expected = crate::shape::element_count(&shape);
    if expected != wide(values.len()) {
        return Err(RenderError::Length { output: output.name.clone(), expected, got: values.len() });
    }
    let texts: Vec<Arc<str>> = match &output.kind {
        OutputKind::TextLabel { labels } => labels.iter().map(|text| Arc::from(text.as_str())).collect(),
        OutputKind::Fixed { .. } | OutputKind::IntLabel { .. } | OutputKind::BoolLabel { .. } => Vec::new(),
    };
    let cells: Result<_, _> = values.iter().map(|&value| render_cell(output, &texts, value)).collect();
    Ok(Rendered { name: output.name.clone(), shape, values: cells? })
}

/// `texts` are the labels, if they are texts.
fn render_cell(output: &Output, texts: &[Arc<str>], value: i64) -> Result<Cell, RenderError> {
    match &output.kind {
        OutputKind::Fixed { frac_bits } => Ok(Cell::Number(decimal(value, i32::from(*frac_bits)))),
        OutputKind::IntLabel { labels } => label(output, labels, value).map(|&l| Cell::Int(l)),
        OutputKind::BoolLabel { labels } => label(output, labels, value).map(|&l| Cell::Bool(l)),
        OutputKind::TextLabel { .. } => label(output, texts, value).map(|text| Cell::Text(Arc::clone(text))),
    }
}

fn label<'a, T>(output: &Output, labels: &'a [T], class: i64) -> Result<&'a T, RenderError> {
    usize::try_from(class).ok().and_then(|i| labels.get(i)).ok_or_else(|| RenderError::Label {
        output: output.name.clone(),
        expected: labels.len(),
        got: class,
    })
}

/// `value / 2^frac_bits` in decimal, with just enough digits that rounding `text · 2^frac_bits` gives `value` back, and no
/// trailing zeros. A negative `frac_bits` multiplies. Exponents beyond what a 128-bit integer holds are written as
/// `value*2^e`.
#[must_use]
pub fn decimal(value: i64, frac_bits: i32) -> String {
    if value == 0 {
        return "0".to_string();
    }
    match frac_bits {
        0 => value.to_string(),
        -63..0 => i128::from(value).wrapping_shl(frac_bits.unsigned_abs()).to_string(),
        1..=62 => decimal_fraction(value, frac_bits.unsigned_abs()),
        _ => alloc::format!("{value}*2^{}", i64::from(frac_bits).saturating_neg()),
    }
}

/// Of `frac_bits` from 1 to 62.
fn decimal_fraction(value: i64, frac_bits: u32) -> String {
    let one = 1u128.wrapping_shl(frac_bits);
    let parts = |n: u128, of: u128| (n.checked_div(of).unwrap_or(0), n.checked_rem(of).unwrap_or(0));
    let magnitude = u128::from(value.unsigned_abs());
    // 10^digits > 2^frac_bits: half a unit in the last place is then less than half a unit of the integer.
    let (mut digits, mut power) = (0usize, 1u128);
    while power <= one {
        power = power.saturating_mul(10);
        digits = digits.saturating_add(1);
    }
    let (whole, rest) = parts(magnitude, one);
    // power ≤ 10·2^62 and the rest is below 2^62: the product stays below 2^128.
    let (scaled, _) = parts(rest.saturating_mul(power).saturating_add(one / 2), one);
    let (carry, fraction) = parts(scaled, power);
    let whole = whole.saturating_add(carry);
    let sign = if value < 0 { "-" } else { "" };
    let text = alloc::format!("{sign}{whole}.{fraction:0digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn decimals_are_short_signed_and_carry() {
        assert_eq!(decimal(64_448, 16), "0.9834");
        assert_eq!(decimal(-3, 1), "-1.5");
        assert_eq!(decimal(5, -2), "20");
        assert_eq!(decimal(-1, 24), "-0.00000006");
        assert_eq!(decimal((1 << 24) - 1, 24), "0.99999994");
    }

    #[test]
    fn a_decimal_determines_its_integer() {
        for value in (-70_000..70_000).step_by(7) {
            let text = decimal(value, 15);
            let back: f64 = text.parse().unwrap();
            assert_eq!((back * 32_768.0).round() as i64, value, "{text}");
        }
    }

    #[test]
    fn elements_share_the_text_of_their_label() {
        let kind = OutputKind::TextLabel { labels: vec!["a long label".into()] };
        let output = Output { name: "label".into(), value: crate::ValueId(0), shape: vec![2], kind };
        let values = render_output(&output, vec![2], &[0, 0]).unwrap().values;
        let [Cell::Text(first), Cell::Text(second)] = values.as_slice() else { panic!("two texts") };
        assert!(Arc::ptr_eq(first, second));
    }

    #[test]
    fn a_class_without_a_label_is_refused() {
        let output = Output {
            name: "label".into(),
            value: crate::ValueId(0),
            shape: vec![1],
            kind: OutputKind::TextLabel { labels: vec!["no".into(), "yes".into()] },
        };
        assert_eq!(render_output(&output, vec![1], &[1]).unwrap().values, [Cell::Text("yes".into())]);
        let error = render_output(&output, vec![1], &[2]).unwrap_err();
        assert_eq!(error, RenderError::Label { output: "label".into(), expected: 2, got: 2 });
        assert!(render_output(&output, vec![1], &[-1]).is_err());
    }
}
