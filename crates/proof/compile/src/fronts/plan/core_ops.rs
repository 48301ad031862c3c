//! Operators of ai.onnx.

use super::builder::Bound;
use super::ctx::{Ctx, Floats};
use super::{leaves, shares, stairs};
use crate::fronts::onnx::proto::{TYPE_DOUBLE, TYPE_FLOAT, TYPE_INT32, TYPE_INT64, TYPE_STRING};
use crate::fronts::onnx::{Data, Tensor};
use crate::fronts::shape::{
    axis, element_by_element, flattened, is_one, is_zero, reshape, spread, spread_of, squeezed, unsqueezed,
};
use crate::graph::doubles::Wide;
use crate::graph::elem::Elem;
use crate::graph::expr::Expr;
use crate::graph::operators::{Operator, PlanCore};
use crate::graph::plan::{Affine, Id, Kind};
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;

const ONE_ROW: &str = "one sample is proven at a time: export with a batch of one";

/// Adds the node's steps; `false` if the operator is unknown.
pub(super) fn add(ctx: &mut Ctx<'_>, operator: Operator) -> Result<bool, CompileError> {
    let Some(known) = PlanCore::of(operator) else { return Ok(false) };
    match known {
        PlanCore::Gemm => gemm(ctx)?,
        PlanCore::MatMul => matmul(ctx)?,
        PlanCore::Add | PlanCore::Sub | PlanCore::Mul | PlanCore::Div => arithmetic(ctx, operator)?,
        PlanCore::Relu => unary(ctx, Kind::Relu)?,
        PlanCore::Sigmoid => unary(ctx, Kind::Sigmoid)?,
        PlanCore::Exp => unary(ctx, Kind::Exp)?,
        PlanCore::Abs => absolute(ctx)?,
        PlanCore::Sum => sum(ctx)?,
        PlanCore::ReduceMean => mean_of_stack(ctx)?,
        PlanCore::ReduceProd => product(ctx)?,
        PlanCore::Tanh => tanh(ctx)?,
        PlanCore::Neg => negated(ctx)?,
        PlanCore::Pow => power(ctx)?,
        PlanCore::Clip => clip(ctx)?,
        PlanCore::Softmax => softmax(ctx)?,
        PlanCore::ArgMax => argmax(ctx)?,
        PlanCore::Reshape | PlanCore::Flatten | PlanCore::Squeeze | PlanCore::Unsqueeze => {
            same_elements(ctx, operator)?;
        }
        PlanCore::Identity | PlanCore::Dropout => alias(ctx)?,
        PlanCore::Cast => cast(ctx)?,
        PlanCore::Constant => constant(ctx)?,
        PlanCore::Concat => concat(ctx)?,
        PlanCore::Gather => gather(ctx)?,
    }
    Ok(true)
}

fn gemm(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let flag = |value: Option<i64>| value.unwrap_or(0) != 0;
    let (trans_a, trans_b) = (flag(ctx.attributes.int("transA")?), flag(ctx.attributes.int("transB")?));
    let alpha = ctx.attributes.float("alpha")?.unwrap_or(1.0);
    let beta = ctx.attributes.float("beta")?.unwrap_or(1.0);
    let (x, dims) = ctx.value(0)?;
    let (rows, k) = matrix(&dims, trans_a).ok_or_else(|| ctx.refuse(0, "a matrix", format!("dimensions {dims:?}")))?;
    if rows != 1 {
        return Err(ctx.form(format!("a product of {rows} rows"), ONE_ROW));
    }
    let b = ctx.floats(1)?.ok_or_else(|| ctx.refuse(1, "a constant matrix", "nothing"))?;
    let (b_k, n) =
        matrix(&b.dims, trans_b).ok_or_else(|| ctx.refuse(1, "a matrix", format!("dimensions {:?}", b.dims)))?;
    if b_k != k || n == 0 {
        return Err(ctx.refuse(1, format!("{k} rows"), format!("{b_k}")));
    }
    let weight = if trans_b { transposed(&b.values, n, k) } else { b.values };
    let weight = weight.into_iter().map(|w| alpha * w).collect();
    let bias = match ctx.constant(2)? {
        None => vec![0.0; n],
        Some(c) => spread(&c, &[1, n]).ok_or_else(|| ctx.refuse(2, format!("[1, {n}]"), format!("{:?}", c.dims)))?,
    };
    let bias = bias.into_iter().map(|c| beta * c).collect();
    let id = ctx.push(Kind::Affine(Affine { n, weight, bias }), vec![x], n);
    ctx.bind(0, Bound::Value { id, dims: vec![1, n] });
    Ok(())
}

/// Rows and columns, after transposition if `transposed`.
fn matrix(dims: &[usize], transposed: bool) -> Option<(usize, usize)> {
    match *dims {
        [rows, columns] if transposed => Some((columns, rows)),
        [rows, columns] => Some((rows, columns)),
        _ => None,
    }
}

/// The transpose of a row-major (rows, columns) matrix.
pub(super) fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| matrix[r * columns + c])).collect()
}

fn matmul(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    if let (Some(Bound::Const(_)), Some(Bound::Value { .. })) = (ctx.operand(0)?, ctx.operand(1)?) {
        return Err(ctx.form("a constant left operand", "put the constant on the right: MatMul(x, W)"));
    }
    let (x, dims) = ctx.value(0)?;
    let weight = ctx.floats(1)?.ok_or_else(|| ctx.refuse(1, "a constant matrix", "nothing"))?;
    let k = dims.last().copied().unwrap_or(1);
    if dims.iter().product::<usize>() != k {
        return Err(ctx.form(format!("a product of dimensions {dims:?}"), ONE_ROW));
    }
    let columns = match weight.dims.as_slice() {
        [rows] if *rows == k => None,
        [ones @ .., rows, n] if *rows == k && *n > 0 && ones.iter().all(|&d| d == 1) => Some(*n),
        _ => return Err(ctx.refuse(1, format!("a matrix of {k} rows"), format!("dimensions {:?}", weight.dims))),
    };
    let n = columns.unwrap_or(1);
    let mut result = dims[..dims.len().saturating_sub(1)].to_vec();
    result.extend(columns);
    let id = ctx.push(Kind::Affine(Affine { n, weight: weight.values, bias: vec![0.0; n] }), vec![x], n);
    ctx.bind(0, Bound::Value { id, dims: result });
    Ok(())
}

fn arithmetic(ctx: &mut Ctx<'_>, operator: Operator) -> Result<(), CompileError> {
    if wide(ctx, operator)? {
        return Ok(());
    }
    let (id, dims) = match (ctx.operand(0)?, ctx.operand(1)?) {
        (Some(Bound::Const(a)), Some(Bound::Const(b))) => return constants(ctx, operator, &a, &b),
        (Some(Bound::Value { id, dims }), Some(Bound::Const(c))) if operator == Operator::Mul && is_zero(&c) => {
            let data = Data::Floats(vec![0.0; dims.iter().product()]);
            ctx.bind(0, Bound::Const(Tensor { dims, data }));
            ctx.builder.plan.zeroed.push(id);
            ctx.note(format!("{:?} multiplies by zero and is taken for zero: give it no infinite values", ctx.at.node));
            return Ok(());
        }
        (Some(Bound::Value { id, dims }), Some(Bound::Const(c))) => {
            let c = spread_or_refuse(ctx, 1, &c, &dims)?;
            let elem = match operator {
                Operator::Add => Elem::Add(c),
                Operator::Sub => Elem::Sub(c),
                Operator::Mul => Elem::Mul(c),
                _ if c.contains(&0.0) => return Err(ctx.refuse(1, "divisors other than zero", "a zero")),
                _ => Elem::Div(c),
            };
            (ctx.push(Kind::Elem(elem), vec![id], dims.iter().product()), dims)
        }
        (Some(Bound::Const(c)), Some(Bound::Value { id, dims })) if operator == Operator::Div && is_one(&c) => {
            return shares::reciprocal_of(ctx, id, dims).map(|_| ());
        }
        (Some(Bound::Const(c)), Some(Bound::Value { id, dims })) => {
            let c = spread_or_refuse(ctx, 0, &c, &dims)?;
            let elem = match operator {
                Operator::Add => Elem::Add(c),
                Operator::Sub => Elem::SubFrom(c),
                Operator::Mul => Elem::Mul(c),
                _ => return Err(ctx.form("a division by a value", "divide by a constant")),
            };
            (ctx.push(Kind::Elem(elem), vec![id], dims.iter().product()), dims)
        }
        _ => two_values(ctx, operator)?,
    };
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// Reads arithmetic of an input's numbers with a constant of doubles; `false` if it is none.
fn wide(ctx: &mut Ctx<'_>, operator: Operator) -> Result<bool, CompileError> {
    let is_const = |ctx: &Ctx<'_>, i| Ok::<_, CompileError>(matches!(ctx.operand(i)?, Some(Bound::Const(_))));
    let constant = usize::from(is_const(ctx, 1)?);
    let (true, Some(Bound::Value { id, dims })) = (is_const(ctx, constant)?, ctx.operand(1 - constant)?) else {
        return Ok(false);
    };
    let doubles = ctx.node.input.get(constant).and_then(|name| ctx.builder.doubles(name));
    let spread = doubles.and_then(|(own, values)| spread_of(own, values, &dims));
    let Some(wide) = spread.and_then(|c| Wide::of(operator, constant == 1, c)) else { return Ok(false) };
    if !ctx.builder.plan.is_of_inputs(id) {
        return Ok(false);
    }
    let id = ctx.push(Kind::Elem(Elem::Wide(wide)), vec![id], dims.iter().product());
    ctx.bind(0, Bound::Value { id, dims });
    Ok(true)
}

/// Values of the same dimensions added up.
fn sum(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (mut id, dims) = ctx.value(0)?;
    let len = dims.iter().product();
    for i in 1..ctx.node.input.len() {
        let (next, other) = ctx.value(i)?;
        if other != dims {
            return Err(ctx.refuse(i, format!("dimensions {dims:?}"), format!("{other:?}")));
        }
        id = ctx.push(Kind::Add, vec![id, next], len);
    }
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// The mean, over the first dimension, of values that were put together along it. Such values are those of the models of an ensemble.
fn mean_of_stack(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let by_attribute = ctx.attributes.ints("axes")?.to_vec();
    let keep = ctx.attributes.int("keepdims")?.unwrap_or(1) != 0;
    ctx.attributes.ignore(&["noop_with_empty_axes"]);
    let axes = ctx.ints(1)?.unwrap_or(by_attribute);
    let Some(Bound::Stack { ids, mut dims }) = ctx.operand(0)? else {
        return Err(ctx.refuse(0, "models put together along the first dimension", "another value"));
    };
    if axes != [0] {
        return Err(ctx.form(
            format!("a mean over axes {axes:?}"),
            "that over the first dimension works, of an ensemble's models",
        ));
    }
    let len = dims.iter().product();
    let count = ids.len() as f32;
    let Some(total) = ids.into_iter().reduce(|a, b| ctx.push(Kind::Add, vec![a, b], len)) else { return Ok(()) };
    let id = ctx.push(Kind::Elem(Elem::Div(vec![count; len])), vec![total], len);
    if keep {
        dims.insert(0, 1);
    }
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// The product of a row's elements, of which there are few.
fn product(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    const FEW: usize = 8;
    let by_attribute = ctx.attributes.ints("axes")?.to_vec();
    let keep = ctx.attributes.int("keepdims")?.unwrap_or(1) != 0;
    ctx.attributes.ignore(&["noop_with_empty_axes"]);
    let axes = ctx.ints(1)?.unwrap_or(by_attribute);
    let (x, mut dims) = ctx.value(0)?;
    let count: usize = dims.iter().product();
    let over = match axes.as_slice() {
        &[one] => axis(one, dims.len()).filter(|&axis| dims[axis] == count && count <= FEW),
        _ => None,
    };
    let Some(over) = over else {
        let what = format!("a product over axes {axes:?} of {dims:?}");
        return Err(ctx.form(what, format!("of products, that of one row of up to {FEW} elements works")));
    };
    let mut factors = (0..count).map(|i| stairs::picked(ctx, &[(x, i)])).collect::<Vec<Id>>().into_iter();
    let Some(first) = factors.next() else { return Err(ctx.refuse(0, "at least one element", "none")) };
    let id = factors.fold(first, |product, factor| ctx.push(Kind::Mul, vec![product, factor], 1));
    dims[over] = 1;
    if !keep {
        dims.remove(over);
    }
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// The size of what is positive anyway.
fn absolute(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (id, dims) = ctx.value(0)?;
    if !shares::is_positive(ctx, id) {
        return Err(ctx.form("the absolute value of what may be negative", "that of probabilities works"));
    }
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// Arithmetic of constants.
fn constants(ctx: &mut Ctx<'_>, operator: Operator, a: &Tensor, b: &Tensor) -> Result<(), CompileError> {
    let dims = element_by_element([a.dims.as_slice(), &b.dims]);
    let result = dims.and_then(|dims| Some(Tensor { dims, data: leaves::binary(operator, &a.data, &b.data)? }));
    let result = result.ok_or_else(|| {
        ctx.form(format!("constants of dimensions {:?} and {:?}", a.dims, b.dims), "let the exporter fold constants")
    })?;
    ctx.bind(0, Bound::Const(result));
    Ok(())
}

fn spread_or_refuse(ctx: &Ctx<'_>, i: usize, c: &Tensor, dims: &[usize]) -> Result<Vec<f32>, CompileError> {
    spread(c, dims).ok_or_else(|| {
        ctx.refuse(i, format!("floats that broadcast to {dims:?}"), format!("a constant of dimensions {:?}", c.dims))
    })
}

fn two_values(ctx: &mut Ctx<'_>, operator: Operator) -> Result<(Id, Vec<usize>), CompileError> {
    let ((a, a_dims), (b, b_dims)) = (ctx.value(0)?, ctx.value(1)?);
    let kind = match operator {
        Operator::Add => Kind::Add,
        Operator::Sub => Kind::Sub,
        Operator::Mul => Kind::Mul,
        _ => return Err(ctx.form("a division by a value", "divide by a constant")),
    };
    let (a_len, b_len) = (a_dims.iter().product::<usize>(), b_dims.iter().product::<usize>());
    let swappable = !matches!(kind, Kind::Sub);
    match (a_len, b_len) {
        _ if a_dims == b_dims || b_len == 1 => Ok((ctx.push(kind, vec![a, b], a_len), a_dims)),
        (1, _) if swappable => Ok((ctx.push(kind, vec![b, a], b_len), b_dims)),
        _ => Err(ctx.refuse(1, format!("dimensions {a_dims:?} or one element"), format!("{b_dims:?}"))),
    }
}

fn unary(ctx: &mut Ctx<'_>, kind: Kind) -> Result<(), CompileError> {
    let (x, dims) = ctx.value(0)?;
    let id = ctx.push(kind, vec![x], dims.iter().product());
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

fn negated(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, dims) = ctx.value(0)?;
    let len = dims.iter().product();
    let id = ctx.push(Kind::Elem(Elem::Mul(vec![-1.0; len])), vec![x], len);
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// tanh(x) = 2·σ(2x) − 1.
fn tanh(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, dims) = ctx.value(0)?;
    let len = dims.iter().product();
    let twice = ctx.push(Kind::Elem(Elem::Mul(vec![2.0; len])), vec![x], len);
    let logistic = ctx.push(Kind::Sigmoid, vec![twice], len);
    let spread = Elem::Scale { offset: vec![0.5; len], scale: vec![2.0; len] };
    let id = ctx.push(Kind::Elem(spread), vec![logistic], len);
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// min(max(x, lo), hi) = lo + max(x − lo, 0) − max(x − hi, 0).
fn clip(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let (x, dims) = ctx.value(0)?;
    let len = dims.iter().product();
    let bound = |ctx: &mut Ctx<'_>, i: usize, name: &'static str| match ctx.floats(i)? {
        Some(Floats { values, .. }) if values.len() == 1 => Ok(values.first().copied()),
        Some(Floats { dims, .. }) => Err(ctx.refuse(i, "one number", format!("dimensions {dims:?}"))),
        None => ctx.attributes.float(name),
    };
    let (lo, hi) = (bound(ctx, 1, "min")?.filter(|v| *v > f32::MIN), bound(ctx, 2, "max")?.filter(|v| *v < f32::MAX));
    let above = |ctx: &mut Ctx<'_>, x: Id, c: f32| {
        let beyond = ctx.push(Kind::Elem(Elem::Sub(vec![c; len])), vec![x], len);
        ctx.push(Kind::Relu, vec![beyond], len)
    };
    let id = match (lo, hi) {
        (None, None) => x,
        (Some(lo), None) => {
            let above = above(ctx, x, lo);
            ctx.push(Kind::Elem(Elem::Add(vec![lo; len])), vec![above], len)
        }
        (None, Some(hi)) => {
            let above = above(ctx, x, hi);
            ctx.push(Kind::Sub, vec![x, above], len)
        }
        // One number is cut off as it is: what computes with it knows where it ends.
        (Some(lo), Some(hi)) if len == 1 => {
            ctx.push(Kind::Curve(Expr::X.clipped(lo.min(hi).into(), hi.into())), vec![x], len)
        }
        (Some(lo), Some(hi)) => {
            // min(max(x, lo), hi): where the ends are exchanged, all is the upper one.
            let lo = lo.min(hi);
            let (from_lo, from_hi) = (above(ctx, x, lo), above(ctx, x, hi));
            let inside = ctx.push(Kind::Sub, vec![from_lo, from_hi], len);
            ctx.push(Kind::Elem(Elem::Add(vec![lo; len])), vec![inside], len)
        }
    };
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// A positive constant to the power of a value.
fn power(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let base = match ctx.operand(0)? {
        Some(Bound::Const(Tensor { data: Data::Floats(base), .. })) if matches!(base.as_slice(), [b] if *b > 0.0) => {
            base[0]
        }
        _ => return Err(ctx.form("a power other than of a positive constant", "multiply the value by itself")),
    };
    let (x, dims) = ctx.value(1)?;
    let len = dims.iter().product();
    let scaled = ctx.push(Kind::Elem(Elem::Mul(vec![base.ln(); len])), vec![x], len);
    let id = ctx.push(Kind::Exp, vec![scaled], len);
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

fn softmax(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let since_13 = ctx.builder.opset >= 13;
    let given = ctx.attributes.int("axis")?.unwrap_or(if since_13 { -1 } else { 1 });
    let (_, dims) = ctx.value(0)?;
    let count: usize = dims.iter().product();
    let axis = axis(given, dims.len()).ok_or_else(|| ctx.refuse(0, format!("an axis {given}"), format!("{dims:?}")))?;
    let row: usize = if since_13 { dims[axis] } else { dims[axis..].iter().product() };
    if row != count {
        return Err(
            ctx.form(format!("a softmax over axis {given} of {dims:?}"), "take it over all elements of a sample")
        );
    }
    unary(ctx, Kind::Softmax)
}

fn argmax(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    ctx.attributes.only("select_last_index", 0)?;
    let keep = ctx.attributes.int("keepdims")?.unwrap_or(1) != 0;
    let given = ctx.attributes.int("axis")?.unwrap_or(0);
    let (x, mut dims) = ctx.value(0)?;
    let count: usize = dims.iter().product();
    match axis(given, dims.len()) {
        Some(axis) if dims[axis] == count => {
            dims[axis] = 1;
            if !keep {
                dims.remove(axis);
            }
        }
        _ => {
            let what = format!("an arg max over axis {given} of {dims:?}");
            return Err(ctx.form(what, "take it over all elements of a sample"));
        }
    }
    let id = ctx.push(Kind::ArgMax, vec![x], 1);
    let labels = Labels::Ints((0..).take(count).collect());
    ctx.bind(0, Bound::Label { id, dims, labels });
    Ok(())
}

fn same_elements(ctx: &mut Ctx<'_>, operator: Operator) -> Result<(), CompileError> {
    let allow_zero = ctx.attributes.int("allowzero")?.unwrap_or(0) != 0;
    let by_attribute = ctx.attributes.ints("axes")?.to_vec();
    let flatten_axis = ctx.attributes.int("axis")?.unwrap_or(1);
    let given = if operator == Operator::Flatten { None } else { ctx.ints(1)? };
    let bound = ctx.operand(0)?.ok_or_else(|| ctx.refuse(0, "a value", "nothing"))?;
    let dims = match &bound {
        Bound::Value { dims, .. } | Bound::Label { dims, .. } => dims.clone(),
        Bound::Const(tensor) => tensor.dims.clone(),
        _ => return Err(ctx.refuse(0, "numbers or a class label", "neither")),
    };
    let axes = given.clone().unwrap_or(by_attribute);
    let result = match operator {
        Operator::Flatten => flattened(&dims, flatten_axis),
        Operator::Squeeze => squeezed(&dims, &axes),
        Operator::Unsqueeze => unsqueezed(&dims, &axes),
        _ => reshape(&dims, &given.ok_or_else(|| ctx.refuse(1, "a constant shape", "nothing"))?, allow_zero),
    };
    let result = result.map_err(|got| ctx.refuse(0, format!("a form that fits dimensions {dims:?}"), got))?;
    ctx.bind(
        0,
        match bound {
            Bound::Value { id, .. } => Bound::Value { id, dims: result },
            Bound::Label { id, labels, .. } => Bound::Label { id, dims: result, labels },
            Bound::Const(tensor) => Bound::Const(Tensor { dims: result, data: tensor.data }),
            other => other,
        },
    );
    Ok(())
}

fn alias(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    // Dropout: nothing is dropped in inference.
    ctx.attributes.ignore(&["ratio", "seed"]);
    if let Some(Tensor { data: Data::Ints(training), .. }) = ctx.constant(2)?
        && training.first().is_some_and(|&v| v != 0)
    {
        return Err(ctx.form("dropout in training mode", "export the model in evaluation mode"));
    }
    let bound = ctx.operand(0)?.ok_or_else(|| ctx.refuse(0, "a value", "nothing"))?;
    ctx.bind(0, bound);
    Ok(())
}

fn cast(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    ctx.attributes.ignore(&["saturate", "round_mode"]);
    let to = ctx.attributes.int("to")?.and_then(|to| i32::try_from(to).ok()).unwrap_or(0);
    let bound = ctx.operand(0)?.ok_or_else(|| ctx.refuse(0, "a value", "nothing"))?;
    let to_float = to == TYPE_FLOAT || to == TYPE_DOUBLE;
    let to_int = to == TYPE_INT64 || to == TYPE_INT32;
    let cast = match bound {
        Bound::Value { id, dims } if to == TYPE_FLOAT && ctx.builder.is_double(id) => {
            // Trees that follow compare what float32 keeps, which is what a sum is computed from.
            let len = dims.iter().product();
            let id = ctx.push(Kind::Elem(Elem::Add(vec![0.0; len])), vec![id], len);
            Some(Bound::Value { id, dims })
        }
        Bound::Value { .. } if to_float => Some(bound),
        Bound::Value { id, dims } if to_int => Some(Bound::Whole { id, dims }),
        Bound::Whole { .. } if to_int => Some(bound),
        // A class is one, whatever type its number has.
        Bound::Label { labels: Labels::Ints(_), .. } if to_int || to_float => Some(bound),
        Bound::Label { labels: Labels::Texts(_), .. } if to == TYPE_STRING => Some(bound),
        Bound::Const(tensor) => cast_constant(tensor, to_float, to_int).map(Bound::Const),
        _ => None,
    };
    let cast = cast.ok_or_else(|| {
        let to = crate::fronts::onnx::proto::type_name(to);
        ctx.form(format!("a cast to {to}"), "numbers may be cast to float or double, class labels among integers")
    })?;
    ctx.bind(0, cast);
    Ok(())
}

fn cast_constant(tensor: Tensor, to_float: bool, to_int: bool) -> Option<Tensor> {
    let data = match tensor.data {
        Data::Ints(v) if to_float => Data::Floats(v.into_iter().map(|v| v as f32).collect()),
        Data::Floats(v) if to_int => Data::Ints(v.into_iter().map(|v| v as i64).collect()),
        data @ Data::Floats(_) if to_float => data,
        data @ Data::Ints(_) if to_int => data,
        _ => return None,
    };
    Some(Tensor { dims: tensor.dims, data })
}

fn constant(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let scalar = |data| Tensor { dims: vec![], data };
    let vector = |data: Data| Tensor { dims: vec![data.len()], data };
    let attributes = &mut ctx.attributes;
    let tensor = if let Some(tensor) = attributes.tensor("value")? {
        tensor
    } else if let Some(v) = attributes.float("value_float")? {
        scalar(Data::Floats(vec![v]))
    } else if let Some(v) = attributes.int("value_int")? {
        scalar(Data::Ints(vec![v]))
    } else if let v @ [_, ..] = attributes.floats("value_floats")? {
        Tensor::floats(v.to_vec())
    } else {
        vector(Data::Ints(attributes.ints("value_ints")?.to_vec()))
    };
    ctx.bind(0, Bound::Const(tensor));
    Ok(())
}

/// Longest result of a Concat or a choice.
const LONGEST: usize = 1 << 16;

fn concat(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let given = ctx.attributes.int("axis")?.unwrap_or(1);
    let (first, mut dims) = ctx.value(0)?;
    let Some(axis) = axis(given, dims.len()) else {
        return Err(ctx.refuse(0, format!("an axis {given}"), format!("dimensions {dims:?}")));
    };
    let mut parts = vec![(first, dims[axis])];
    for i in 1..ctx.node.input.len() {
        let (id, part) = ctx.value(i)?;
        let len = part.get(axis).copied().unwrap_or(0);
        dims[axis] = len;
        if part != dims {
            return Err(ctx.refuse(i, format!("dimensions {dims:?}"), format!("{part:?}")));
        }
        parts.push((id, len));
    }
    let n: usize = parts.iter().map(|(_, len)| len).sum();
    if axis == 0 && parts.iter().all(|(_, len)| *len == 1) && dims.iter().skip(1).product::<usize>() > 1 {
        let ids = parts.into_iter().map(|(id, _)| id).collect();
        ctx.bind(0, Bound::Stack { ids, dims: dims.split_off(1) });
        return Ok(());
    }
    dims[axis] = n;
    if dims.iter().product::<usize>() != n || n > LONGEST {
        let what = format!("a concatenation to dimensions {dims:?}");
        return Err(ctx.form(what, format!("concatenate vectors, to at most {LONGEST} elements")));
    }
    let id = stairs::together(ctx, &parts);
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}

/// Elements of a row at constant positions.
fn gather(ctx: &mut Ctx<'_>) -> Result<(), CompileError> {
    let given = ctx.attributes.int("axis")?.unwrap_or(0);
    let (_, dims) = ctx.value(0)?;
    let Some(Tensor { dims: chosen, data: Data::Ints(positions) }) = ctx.constant(1)? else {
        return Err(ctx.refuse(1, "constant positions", "another type"));
    };
    let over = axis(given, dims.len()).filter(|&axis| dims[axis] == dims.iter().product::<usize>());
    let over = over.ok_or_else(|| ctx.form(format!("a Gather along axis {given} of {dims:?}"), ONE_ROW))?;
    let dims = [&dims[..over], &chosen, &dims[over + 1..]].concat();
    chosen_elements(ctx, &positions, dims)
}

/// Names the elements of operand 0 at constant positions; negative ones count from the end.
pub(super) fn chosen_elements(ctx: &mut Ctx<'_>, positions: &[i64], dims: Vec<usize>) -> Result<(), CompileError> {
    let (x, from) = ctx.value(0)?;
    let k: usize = from.iter().product();
    if positions.is_empty() || positions.len() > LONGEST {
        let what = format!("a choice of {} elements", positions.len());
        return Err(ctx.form(what, format!("choose between 1 and {LONGEST} elements")));
    }
    let mut places = Vec::with_capacity(positions.len());
    for &position in positions {
        let at = if position < 0 { position + k as i64 } else { position };
        let at = usize::try_from(at).ok().filter(|&at| at < k);
        let at = at.ok_or_else(|| ctx.refuse(1, format!("positions below {k}"), position.to_string()))?;
        places.push((x, at));
    }
    let id = stairs::picked(ctx, &places);
    ctx.bind(0, Bound::Value { id, dims });
    Ok(())
}
