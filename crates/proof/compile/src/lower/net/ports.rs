//! Inputs and outputs.

use super::budget::{Budget, ROOM_BITS};
use super::form::{Quant, Source};
use super::lowering::Lowering;
use super::range::power_of_two;
use crate::graph::array::narrow;
use crate::graph::net::Net;
use crate::graph::revealed::Revealed;
use crate::passes::calibrate::Sizes;
use crate::terms::error::{At, CompileError};
use ciro_graph::{Ingest, Input, Op, Output};

/// An input may exceed what samples show by this factor, at least: scales are powers of two.
const MARGIN: f64 = 1.25;
/// Most fractional bits of an output.
const FINEST: i32 = 40;

/// Each input with its scale. A range that samples show to the last bit (0 to 1, −1 to 1) is taken as it is.
pub(super) fn inputs(
    net: &Net,
    sizes: &Sizes,
    rows: &[Option<usize>],
    span: Option<f64>,
    budget: &Budget,
) -> Vec<(Input, f64)> {
    let one = |(i, input): (usize, &crate::graph::net::NetInput)| {
        let shape = narrow(&input.dims);
        let (ingest, scale) = match rows[i] {
            Some(rows) => (Ingest::Fixed { exponents: vec![0], lo: 0, hi: rows as i32 - 1 }, 1.0),
            // Integers that are not row numbers, such as masks: as they are, with room for those of as many bits.
            None if input.whole => {
                let reach = |seen: f64| (seen.abs() + 1.0).min(f64::from(1 << 20)).log2().ceil().exp2() as i32 - 1;
                let lo = if sizes.lo[i] >= 0.0 { 0 } else { -reach(sizes.lo[i]) };
                (Ingest::Fixed { exponents: vec![0], lo, hi: reach(sizes.hi[i]).max(1) }, 1.0)
            }
            None => {
                let seen = sizes.of(i);
                let exact = power_of_two(seen) <= seen;
                let span = power_of_two(span.unwrap_or(if exact { seen } else { seen * MARGIN }));
                let end = 1 << budget.wanted[i];
                let scale = span / f64::from(end);
                let lo = if sizes.lo[i] >= 0.0 { 0 } else { -end };
                (Ingest::Fixed { exponents: vec![-scale.log2() as i8], lo, hi: end }, scale)
            }
        };
        (Input { name: input.name.clone(), shape, ingest }, scale)
    };
    net.inputs.iter().enumerate().map(one).collect()
}

impl Lowering<'_> {
    pub(super) fn output(&mut self, output: &Revealed) -> Result<Output, CompileError> {
        let at = At { node: output.name.clone(), operator: "output".into() };
        let shape = narrow(&output.dims);
        let (value, kind) = match &output.labels {
            Some(labels) => {
                let Source::Ready(q) = self.source(output.value)? else { return Err(self.too_wide(&at)) };
                (q.id, labels.output_kind())
            }
            None => {
                let source = self.source(output.value)?;
                let finest = power_of_two(self.reach(&source) / ROOM_BITS.exp2()).max(f64::from(-FINEST).exp2());
                let q = self.at_scale(&at, output.value, source, finest)?;
                let q = self.readable(&at, q)?;
                self.held[output.value] = Some(q);
                (q.id, ciro_graph::OutputKind::Fixed { frac_bits: -q.scale.log2().round() as u8 })
            }
        };
        Ok(Output { name: output.name.clone(), value, shape, kind })
    }

    /// A value whose scale is a power of two, not above one.
    fn readable(&mut self, at: &At, q: Quant) -> Result<Quant, CompileError> {
        // Products of small numbers are finer than an output can say.
        let q = self.rescaled(at, q, f64::from(-FINEST).exp2().max(q.scale))?;
        let exponent = q.scale.log2();
        let q = if (exponent - exponent.round()).abs() < 1e-9 {
            Quant { scale: exponent.round().exp2(), ..q }
        } else {
            // As fine as a value of 2¹⁶ allows an exact enough factor: finer than integers of eight bits, which are not to be rounded again.
            let scale = power_of_two(self.magnitude(q).max(1.0) * q.scale / f64::from(1 << 16));
            self.stretched(at, q, scale)?
        };
        if q.scale <= 1.0 {
            return Ok(q);
        }
        let id = self.node(at, Op::Scale { x: q.id, factor: q.scale.min(f64::from(1 << 29)) as i32 })?;
        Ok(Quant { id, scale: 1.0 })
    }
}
