//! Resize and Upsample: picks of the nearest element, or a matrix along each axis.

use super::builder::Bound;
use super::ctx::Ctx;
use crate::graph::net::{Kind, Linear};
use crate::graph::operators::family::Resize;
use crate::terms::error::CompileError;
use std::rc::Rc;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, _: Resize) -> Result<(), CompileError> {
    let x = ctx.operand(0)?;
    let form = Form::read(ctx)?;
    let extents = extents(ctx, &x, form.early)?;
    let mut whole = ctx.dims(&x);
    extents.iter().for_each(|(axis, extent)| whole[*axis] = extent.to);
    ctx.room(&whole)?;
    let resized = match form.mode.as_str() {
        "nearest" => {
            let picks =
                extents.into_iter().map(|(axis, e)| (axis, (0..e.to).map(|i| Some(form.nearest(e, i))).collect()));
            ctx.take(x, picks.collect())?
        }
        _ => extents.into_iter().try_fold(x, |x, (axis, extent)| form.interpolated(ctx, x, axis, extent))?,
    };
    ctx.bind(0, resized);
    Ok(())
}

/// One axis: elements before and after, and how many come of one.
#[derive(Clone, Copy)]
struct Extent {
    from: usize,
    to: usize,
    scale: f64,
}

/// How positions and elements are chosen.
struct Form {
    mode: String,
    /// Which position of the original a position stands for.
    transformation: String,
    rounding: fn(f64) -> f64,
    /// The cubic kernel's parameter.
    cubic: f64,
    exclude_outside: bool,
    antialias: bool,
    /// Upsample, and Resize before version 11, which had its form.
    early: bool,
}

impl Form {
    fn read(ctx: &mut Ctx<'_, '_>) -> Result<Self, CompileError> {
        let early = ctx.node.op_type.as_deref() == Some("Upsample") || ctx.builder.opset < 11;
        let mut text = |name: &'static str, default: &str| -> Result<String, CompileError> {
            Ok(ctx.attributes.text(name)?.unwrap_or_else(|| default.into()))
        };
        let mode = text("mode", "nearest")?;
        let transformation = text("coordinate_transformation_mode", if early { "asymmetric" } else { "half_pixel" })?;
        let rounding = text("nearest_mode", if early { "floor" } else { "round_prefer_floor" })?;
        if !matches!(mode.as_str(), "nearest" | "linear" | "bilinear" | "trilinear" | "cubic") {
            return Err(ctx.attributes.refuse("mode", "nearest, linear or cubic", mode));
        }
        const KNOWN: [&str; 5] =
            ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"];
        if !KNOWN.contains(&transformation.as_str()) {
            let expected = KNOWN.join(", ");
            return Err(ctx.attributes.refuse("coordinate_transformation_mode", expected, transformation));
        }
        ctx.attributes.ignore(&["extrapolation_value"]);
        Ok(Self {
            mode,
            transformation,
            rounding: match rounding.as_str() {
                "floor" => f64::floor,
                "ceil" => f64::ceil,
                "round_prefer_ceil" => |v| (v + 0.5).floor(),
                _ => |v| (v - 0.5).ceil(),
            },
            cubic: f64::from(ctx.attributes.float("cubic_coeff_a")?.unwrap_or(-0.75)),
            exclude_outside: ctx.attributes.int("exclude_outside")?.unwrap_or(0) != 0,
            antialias: ctx.attributes.int("antialias")?.unwrap_or(0) != 0,
            early,
        })
    }

    /// The position of the original that position `i` stands for.
    fn position(&self, e: Extent, i: usize) -> f64 {
        let (from, to, i) = (e.from as f64, e.to as f64, i as f64);
        // Before it is rounded down to a number of elements.
        let length = from * e.scale;
        let half_pixel = (i + 0.5) / e.scale - 0.5;
        match self.transformation.as_str() {
            "asymmetric" => i / e.scale,
            // The rounded number of elements, as onnxruntime takes it; ONNX's reference takes the fraction.
            "align_corners" if e.to <= 1 => 0.0,
            "align_corners" => i * (from - 1.0) / (to - 1.0),
            "pytorch_half_pixel" if e.to <= 1 => 0.0,
            "half_pixel_symmetric" => from / 2.0 * (1.0 - to / length) + half_pixel,
            _ => half_pixel,
        }
    }

    fn nearest(&self, e: Extent, i: usize) -> usize {
        (self.rounding)(self.position(e, i)).clamp(0.0, (e.from - 1) as f64) as usize
    }

    /// A matrix along one axis.
    fn interpolated(&self, ctx: &mut Ctx<'_, '_>, x: Bound, axis: usize, e: Extent) -> Result<Bound, CompileError> {
        if e.from == e.to && (e.scale - 1.0).abs() < 1e-6 {
            return Ok(x);
        }
        let mut weight = vec![0.0; ctx.room(&[e.from, e.to])?];
        for i in 0..e.to {
            for (at, share) in self.shares(e, i) {
                weight[at * e.to + i] += share as f32;
            }
        }
        let mut perm: Vec<usize> = (0..ctx.dims(&x).len()).collect();
        let last = perm.len() - 1;
        perm.swap(axis, last);
        let x = ctx.transpose(x, perm.clone())?;
        let mut dims = ctx.dims(&x);
        dims[last] = e.to;
        let linear = Linear { k: e.from, n: e.to, weight: Rc::new(weight), bias: None };
        let y = ctx.push(Kind::Linear(linear), vec![x], dims)?;
        ctx.transpose(y, perm)
    }

    /// The elements that position `i` is made of, and how much of each; those beyond an end count for the last one.
    fn shares(&self, e: Extent, i: usize) -> Vec<(usize, f64)> {
        let position = self.position(e, i);
        // Without antialiasing, the kernel's width is that of the original's elements even where many become one.
        let narrowing = if self.antialias { e.scale.min(1.0) } else { 1.0 };
        let reach = if self.mode == "cubic" { 2.0 } else { 1.0 };
        let first = (position - reach / narrowing).ceil() as i64;
        let last = (position + reach / narrowing).floor() as i64;
        let inside = |at: &i64| !self.exclude_outside || (0..e.from as i64).contains(at);
        let share = |at: i64| {
            let near = at.clamp(0, e.from as i64 - 1) as usize;
            (near, self.kernel((at as f64 - position).abs() * narrowing))
        };
        let shares: Vec<(usize, f64)> = (first..=last).filter(inside).map(share).collect();
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        shares.into_iter().map(|(at, share)| (at, share / sum)).collect()
    }

    /// The share of an element at a distance.
    fn kernel(&self, x: f64) -> f64 {
        let a = self.cubic;
        match self.mode.as_str() {
            "cubic" if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            "cubic" if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            "cubic" => 0.0,
            _ => (1.0 - x).max(0.0),
        }
    }
}

/// The axes that are resized.
fn extents(ctx: &mut Ctx<'_, '_>, x: &Bound, early: bool) -> Result<Vec<(usize, Extent)>, CompileError> {
    let dims = ctx.dims(x);
    let axes = ctx.attributes.ints("axes")?;
    let axes = match axes {
        [] => (0..dims.len()).collect(),
        axes => axes.iter().map(|&axis| ctx.axis(axis, dims.len())).collect::<Result<Vec<_>, _>>()?,
    };
    let scales = match ctx.constant(if early { 1 } else { 2 })?.filter(|c| !c.values.is_empty()) {
        Some(scales) => scales.values.to_vec(),
        None => ctx.attributes.floats("scales")?.to_vec(),
    };
    let sizes = ctx.constant(3)?.map(|c| c.ints()).unwrap_or_default();
    let policy = ctx.attributes.text("keep_aspect_ratio_policy")?.unwrap_or_else(|| "stretch".into());
    let ratios = || axes.iter().zip(&sizes).map(|(&axis, &size)| size as f64 / dims[axis] as f64);
    let common = match policy.as_str() {
        "not_larger" => ratios().reduce(f64::min),
        "not_smaller" => ratios().reduce(f64::max),
        _ => None,
    };
    let extent = |(i, &axis): (usize, &usize)| -> Result<(usize, Extent), CompileError> {
        let from = dims[axis];
        let (to, scale) = match (sizes.get(i), scales.get(i), common) {
            (Some(_), _, Some(common)) => ((common * from as f64 + 0.5).floor(), common),
            (Some(&size), ..) => (size as f64, size as f64 / from as f64),
            (None, Some(&scale), _) => ((from as f64 * f64::from(scale)).floor(), f64::from(scale)),
            (None, None, _) => return Err(ctx.form("no scales and no sizes", "give one of them for each dimension")),
        };
        if from == 0 || scale <= 0.0 || !(1.0..=f64::from(1 << 24)).contains(&to) {
            return Err(ctx.form(format!("dimension {axis} resized from {from} to {to}"), "keep it at least one"));
        }
        Ok((axis, Extent { from, to: to as usize, scale }))
    };
    axes.iter().enumerate().map(extent).collect()
}
