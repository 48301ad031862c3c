//! What moves elements; pooling; constants among values.

use super::form::{Form, Quant};
use super::lowering::Lowering;
use super::range::power_of_two;
use super::sums::integer;
use crate::graph::array::{Array, count, narrow};
use crate::graph::net::{Id, Kind, Step};
use crate::terms::error::{At, CompileError};
use ciro_graph::{Op, Pick, Window};

impl Lowering<'_> {
    /// The numbers of a moved value: its operand's own if they are there, else its column.
    pub(super) fn moved_source(&mut self, id: Id) -> Result<Quant, CompileError> {
        if let Some(held) = self.held[id] {
            return Ok(held);
        }
        let source = self.net.step(id).map_or(0, |step| step.operands[0]);
        let grows = self.net.len(id) > self.net.len(source);
        let q = match (self.columns[source], &self.forms[source]) {
            (None, Form::Ready(q)) if !grows => *q,
            (None, Form::Moved) if !grows => self.moved_source(source)?,
            _ => self.column(source)?,
        };
        let q = self.moved(id, q)?;
        self.held[id] = Some(q);
        Ok(q)
    }

    /// Applies the moving step `id` to its operand's numbers.
    pub(super) fn moved(&mut self, id: Id, q: Quant) -> Result<Quant, CompileError> {
        let net = self.net;
        let Some(step) = net.step(id) else { return Ok(q) };
        let value = match &step.kind {
            Kind::Transpose(perm) => {
                self.node(&step.at, Op::Transpose { x: q.id, perm: perm.iter().map(|&axis| axis as u8).collect() })?
            }
            Kind::Take(picks) => {
                let position = |i: &Option<usize>| i.map_or(-1, |i| i as i32);
                let picks = picks
                    .iter()
                    .map(|(axis, index)| Pick { axis: *axis as u8, index: index.iter().map(position).collect() });
                self.node(&step.at, Op::Take { x: q.id, picks: picks.collect() })?
            }
            Kind::Reshape => self.builder.reshape(&step.at, q.id, narrow(&step.dims))?,
            _ => {
                return Err(CompileError::Form {
                    at: step.at.clone(),
                    what: "a mask that something else than a Softmax reads".into(),
                    hint: "mask directly before the Softmax".into(),
                });
            }
        };
        Ok(Quant { id: value, ..q })
    }

    /// Several values at one scale.
    pub(super) fn common(&mut self, at: &At, parts: &[Id]) -> Result<Vec<Quant>, CompileError> {
        let columns = parts.iter().map(|&part| self.column(part)).collect::<Result<Vec<_>, _>>()?;
        let coarsest = columns.iter().map(|q| q.scale).fold(0.0, f64::max);
        let mut aligned = Vec::with_capacity(parts.len());
        for q in columns {
            let ratio = (coarsest / q.scale).log2();
            let q = if (ratio - ratio.round()).abs() < 1e-9 {
                self.rescaled(at, q, coarsest)?
            } else {
                // Scales that are no powers of two apart meet by an integer factor and a Rescale.
                self.stretched(at, q, coarsest)?
            };
            aligned.push(q);
        }
        Ok(aligned)
    }

    /// A value at exactly `scale`, which is coarser than its own by any ratio.
    pub(super) fn stretched(&mut self, at: &At, q: Quant, scale: f64) -> Result<Quant, CompileError> {
        // Leaves room for a factor of a dozen bits.
        let narrow = (self.magnitude(q).max(1.0).log2() - 17.0).ceil().max(0.0);
        let q = self.rescaled(at, q, q.scale * narrow.exp2())?;
        let ratio = q.scale / scale;
        let room = (29.0 - self.magnitude(q).max(1.0).log2()).floor();
        let shift = (room - ratio.log2()).floor().clamp(1.0, 22.0);
        let factor = integer(ratio * shift.exp2()).filter(|&factor| factor > 0).ok_or_else(|| self.too_wide(at))?;
        let x = self.node(at, Op::Scale { x: q.id, factor })?;
        let id = self.node(at, Op::Rescale { x, shift: shift as u8 })?;
        Ok(Quant { id, scale })
    }

    pub(super) fn concat(&mut self, step: &Step, axis: usize) -> Result<Quant, CompileError> {
        let parts = self.common(&step.at, &step.operands)?;
        let scale = parts.first().map_or(1.0, |q| q.scale);
        let parts = parts.into_iter().map(|q| q.id).collect();
        let id = self.node(&step.at, Op::Concat { parts, axis: axis as u8 })?;
        Ok(Quant { id, scale })
    }

    /// A constant among values: zeros picked from the first input, plus the constant.
    pub(super) fn constant(&mut self, step: &Step) -> Result<Quant, CompileError> {
        let Kind::Constant(array) = &step.kind else { return Err(self.too_wide(&step.at)) };
        let id = self.here();
        let scale = power_of_two(self.sizes.of(id)) / f64::from(self.budget.wanted[id]).exp2();
        let first = ciro_graph::ValueId(0);
        let flat = self.builder.reshape(&step.at, first, vec![self.net.len(0) as u32])?;
        let zeros = vec![Pick { axis: 0, index: vec![-1; count(&array.dims)] }];
        let zeros = self.node(&step.at, Op::Take { x: flat, picks: zeros })?;
        // Interval arithmetic sees what could have been picked.
        let zero = self.builder.shared_constant(&step.at, "zero", vec![0]);
        let zeros = self.node(&step.at, Op::MulConst { x: zeros, c: zero })?;
        let zeros = self.builder.reshape(&step.at, zeros, narrow(&array.dims))?;
        let values = array.values.iter().map(|&v| (f64::from(v) / scale).round() as i32).collect();
        let c = self.builder.shaped_constant(&step.at, "constant", narrow(&array.dims), values);
        let value = self.node(&step.at, Op::AddConst { x: zeros, c })?;
        Ok(Quant { id: value, scale })
    }

    pub(super) fn embed(&mut self, at: &At, ids: Id, table: &Array) -> Result<Quant, CompileError> {
        let size = table.values.iter().fold(0.0f64, |size, v| size.max(f64::from(v.abs())));
        // Rows are constants: nothing is lost by holding them finely.
        let scale = power_of_two(size) / f64::from(1 << 14);
        let values = table.values.iter().map(|&v| (f64::from(v) / scale).round() as i32).collect();
        let table = self.builder.shaped_constant(at, "rows", narrow(&table.dims), values);
        // Only inputs are row numbers, and an input's number is its value's.
        let ids = ciro_graph::ValueId(ids as u32);
        let id = self.node(at, Op::Embed { ids, table })?;
        Ok(Quant { id, scale })
    }

    /// The largest of each window.
    pub(super) fn max_pool(&mut self, at: &At, x: Id, window: &Window, dims: &[usize]) -> Result<Quant, CompileError> {
        let taps = self.taps(at, x, window, dims)?;
        let x = self.column(x)?;
        let parts = taps.into_iter().map(|picks| self.node(at, Op::Take { x: x.id, picks }));
        let parts = parts.collect::<Result<_, _>>()?;
        let id = self.node(at, Op::Largest { parts })?;
        Ok(Quant { id, scale: x.scale })
    }

    /// The windows' positions: for each, where it lies in x. A position in the padding is replaced by another of the same window,
    /// which changes nothing of the largest.
    pub(super) fn taps(&self, at: &At, x: Id, window: &Window, dims: &[usize]) -> Result<Vec<Vec<Pick>>, CompileError> {
        let size = self.net.dims(x);
        let tap = |d: usize, tap: u32| -> Option<Pick> {
            let len = size[2 + d] as u32;
            let inside = |i: usize, tap: u32| window.source(d, i as u32, tap, len);
            let near = |i: usize| inside(i, tap).or_else(|| (0..window.kernel[d]).find_map(|other| inside(i, other)));
            let index: Option<Vec<i32>> = (0..dims[2 + d]).map(|i| near(i).map(|i| i as i32)).collect();
            Some(Pick { axis: 2 + d as u8, index: index? })
        };
        let all = (0..window.kernel[0]).flat_map(|u| (0..window.kernel[1]).map(move |v| (u, v)));
        let taps: Option<Vec<Vec<Pick>>> = all.map(|(u, v)| Some(vec![tap(0, u)?, tap(1, v)?])).collect();
        taps.ok_or_else(|| CompileError::Form {
            at: at.clone(),
            what: "a window that lies in the padding altogether".into(),
            hint: "use a padding smaller than the window".into(),
        })
    }

    pub(super) fn argmax(&mut self, at: &At, x: Id) -> Result<Quant, CompileError> {
        let source = self.source(x)?;
        let reach = self.reach(&source);
        let mut q = self.ready(at, x, source, power_of_two(reach / f64::from(1 << 28)))?;
        let row = vec![self.net.len(x) as u32];
        q.id = self.builder.reshape(at, q.id, row)?;
        let id = self.node(at, Op::ArgMax { x: q.id })?;
        Ok(Quant { id, scale: 1.0 })
    }

    /// x where `keep`, else `fill`.
    pub(super) fn masked(&mut self, at: &At, x: Id, keep: &Array, fill: f32) -> Result<Quant, CompileError> {
        let x = self.column(x)?;
        let ones = keep.values.iter().map(|&k| i32::from(k != 0.0)).collect();
        let mask = self.builder.shaped_constant(at, "keep", narrow(&keep.dims), ones);
        let kept = self.node(at, Op::MulConst { x: x.id, c: mask })?;
        let fill = integer(f64::from(fill) / x.scale).ok_or_else(|| CompileError::Form {
            at: at.clone(),
            what: format!("a mask that fills in {fill}"),
            hint: "masks directly before a Softmax may fill in anything; elsewhere, fill in zero".into(),
        })?;
        let fills = keep.values.iter().map(|&k| if k == 0.0 { fill } else { 0 }).collect();
        let c = self.builder.shaped_constant(at, "fill", narrow(&keep.dims), fills);
        let id = self.node(at, Op::AddConst { x: kept, c })?;
        Ok(Quant { id, scale: x.scale })
    }
}
