//! GridSample at constant positions: a matrix from an image's elements to those of the result.

use super::builder::Bound;
use super::ctx::Ctx;
use crate::graph::net::{Kind, Linear};
use crate::terms::error::CompileError;
use std::rc::Rc;

/// Most entries of the matrix.
const MOST_ENTRIES: usize = 1 << 22;

/// What lies outside of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    Zeros,
    Border,
    Reflection,
}

/// How positions are read.
struct Form {
    nearest: bool,
    outside: Outside,
    align_corners: bool,
}

/// Adds the steps of a GridSample.
pub(super) fn add(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    let (x, form) = (ctx.operand(0)?, form(ctx)?);
    let grid = match ctx.operand(1)? {
        Bound::Const(grid) => grid,
        Bound::Value(_) => {
            let hint = "a constant grid works: export the model with its positions computed beforehand";
            return Err(ctx.form("an image read at positions that depend on the input", hint));
        }
    };
    let dims = ctx.dims(&x);
    let (&[1, channels, h, w], &[1, rows, cols, 2]) = (dims.as_slice(), grid.dims.as_slice()) else {
        let got = format!("{dims:?} and {:?}", grid.dims);
        return Err(ctx.refuse(1, "one image and a grid of rows × columns × 2", got));
    };
    let (from, to) = (h * w, rows * cols);
    if from.saturating_mul(to) > MOST_ENTRIES {
        let what = format!("{to} positions of an image of {from} elements");
        return Err(ctx.form(what, format!("up to {MOST_ENTRIES} pairs of both work")));
    }
    let mut weight = vec![0.0; from * to];
    for (i, place) in grid.values.chunks_exact(2).enumerate() {
        for (row, by_row) in form.taps(f64::from(place[1]), h) {
            for &(col, by_col) in &form.taps(f64::from(place[0]), w) {
                weight[(row * w + col) * to + i] += (by_row * by_col) as f32;
            }
        }
    }
    let linear = Linear { k: from, n: to, weight: Rc::new(weight), bias: None };
    let planes = ctx.reshape(x, vec![1, channels, from])?;
    let read = ctx.push(Kind::Linear(linear), vec![planes], vec![1, channels, to])?;
    let read = ctx.reshape(read, vec![1, channels, rows, cols])?;
    ctx.bind(0, read);
    Ok(())
}

fn form(ctx: &mut Ctx<'_, '_>) -> Result<Form, CompileError> {
    let mode = ctx.attributes.text("mode")?.unwrap_or_else(|| "linear".into());
    let nearest = match mode.as_str() {
        "linear" | "bilinear" => false,
        "nearest" => true,
        _ => return Err(ctx.attributes.refuse("mode", "linear or nearest", mode)),
    };
    let padding = ctx.attributes.text("padding_mode")?.unwrap_or_else(|| "zeros".into());
    let outside = match padding.as_str() {
        "zeros" => Outside::Zeros,
        "border" => Outside::Border,
        "reflection" => Outside::Reflection,
        _ => return Err(ctx.attributes.refuse("padding_mode", "zeros, border or reflection", padding)),
    };
    Ok(Form { nearest, outside, align_corners: ctx.attributes.int("align_corners")?.unwrap_or(0) != 0 })
}

impl Form {
    /// The elements of a dimension of `len` that a position in [−1, 1] reads, and how much of each.
    fn taps(&self, position: f64, len: usize) -> Vec<(usize, f64)> {
        let n = len as f64;
        let at =
            if self.align_corners { (position + 1.0) / 2.0 * (n - 1.0) } else { ((position + 1.0) * n - 1.0) / 2.0 };
        let at = self.inside(at, n);
        let low = at.floor();
        let taps = if self.nearest {
            vec![(at.round_ties_even(), 1.0)]
        } else {
            vec![(low, low + 1.0 - at), (low + 1.0, at - low)]
        };
        let held = |(at, by): (f64, f64)| {
            let at = self.inside(at, n);
            (0.0 <= at && at < n).then_some((at as usize, by))
        };
        taps.into_iter().filter_map(held).filter(|(_, by)| *by != 0.0).collect()
    }

    /// A position outside brought inside, unless there is nothing outside.
    fn inside(&self, at: f64, n: f64) -> f64 {
        match self.outside {
            Outside::Zeros => at,
            Outside::Border => at.clamp(0.0, n - 1.0),
            Outside::Reflection => {
                let (low, high) = if self.align_corners { (0.0, n - 1.0) } else { (-0.5, n - 0.5) };
                let span = high - low;
                if span <= 0.0 {
                    return 0.0;
                }
                let beyond = (at - low).abs() % (2.0 * span);
                let back = low + if beyond > span { 2.0 * span - beyond } else { beyond };
                back.clamp(0.0, n - 1.0)
            }
        }
    }
}
