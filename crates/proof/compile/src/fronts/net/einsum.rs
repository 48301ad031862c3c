//! Einsum of one or two operands: as Transpose, Reshape and a product.

use super::builder::Bound;
use super::ctx::Ctx;
use super::products::matmul;
use crate::graph::array::count;
use crate::terms::error::CompileError;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    let equation = ctx.attributes.text("equation")?.unwrap_or_default().replace(' ', "");
    let refuse = |ctx: &Ctx<'_, '_>| {
        let expected = "letters of one or two operands, each at most once, as in bij,bjk->bik";
        ctx.attributes.refuse("equation", expected, equation.clone())
    };
    let (left, out) = equation.split_once("->").ok_or_else(|| refuse(ctx))?;
    let terms: Vec<Vec<char>> = left.split(',').map(|term| term.chars().collect()).collect();
    let out: Vec<char> = out.chars().collect();
    if terms.len() != ctx.operands() || !terms.iter().chain([&out]).all(|term| is_plain(term)) {
        return Err(refuse(ctx));
    }
    let mut operands = Vec::with_capacity(terms.len());
    for (i, term) in terms.iter().enumerate() {
        let x = ctx.operand(i)?;
        if ctx.dims(&x).len() != term.len() {
            return Err(ctx.refuse(i, format!("{} dimensions", term.len()), format!("{:?}", ctx.dims(&x))));
        }
        operands.push((x, term.clone()));
    }
    let (result, letters) = match <[_; 2]>::try_from(operands) {
        Ok([a, b]) => product(ctx, a, b, &out)?,
        Err(mut one) => match (one.pop(), one.pop()) {
            (Some(only), None) => only,
            _ => return Err(refuse(ctx)),
        },
    };
    let perm: Option<Vec<usize>> = out.iter().map(|letter| letters.iter().position(|l| l == letter)).collect();
    let perm = perm.filter(|perm| perm.len() == letters.len()).ok_or_else(|| refuse(ctx))?;
    let result = ctx.transpose(result, perm)?;
    ctx.bind(0, result);
    Ok(())
}

/// Whether each letter stands once.
fn is_plain(term: &[char]) -> bool {
    term.iter().enumerate().all(|(i, letter)| letter.is_ascii_alphabetic() && !term[..i].contains(letter))
}

/// The product, summed over the letters of both operands that the result lacks. It has first the other letters of both, then those of the
/// left one alone, then those of the right one alone.
fn product(
    ctx: &mut Ctx<'_, '_>,
    (a, a_letters): (Bound, Vec<char>),
    (b, b_letters): (Bound, Vec<char>),
    out: &[char],
) -> Result<(Bound, Vec<char>), CompileError> {
    let of = |letters: &[char], f: &dyn Fn(&char) -> bool| letters.iter().copied().filter(|l| f(l)).collect::<Vec<_>>();
    let batch = of(&a_letters, &|l| b_letters.contains(l) && out.contains(l));
    let summed = of(&a_letters, &|l| b_letters.contains(l) && !out.contains(l));
    let rows = of(&a_letters, &|l| !b_letters.contains(l));
    let columns = of(&b_letters, &|l| !a_letters.contains(l));
    let (a_dims, b_dims) = (ctx.dims(&a), ctx.dims(&b));
    let size = |letter: &char| {
        let own = |letters: &[char], dims: &[usize]| letters.iter().position(|l| l == letter).map(|i| dims[i]);
        (own(&a_letters, &a_dims), own(&b_letters, &b_dims))
    };
    if let Some(letter) = a_letters.iter().find(|l| matches!(size(l), (Some(a), Some(b)) if a != b)) {
        return Err(ctx.refuse(1, format!("as many elements along {letter:?} as operand 0"), format!("{b_dims:?}")));
    }
    let dims = |letters: &[char]| -> Vec<usize> {
        letters
            .iter()
            .map(|l| {
                let (a, b) = size(l);
                a.or(b).unwrap_or(1)
            })
            .collect()
    };
    let product = |letters: &[char]| count(&dims(letters));
    let lead = dims(&batch);
    let a = arranged(ctx, a, &a_letters, &[&batch, &rows, &summed])?;
    let a = ctx.reshape(a, [lead.as_slice(), &[product(&rows), product(&summed)]].concat())?;
    let b = arranged(ctx, b, &b_letters, &[&batch, &summed, &columns])?;
    let b = ctx.reshape(b, [lead.as_slice(), &[product(&summed), product(&columns)]].concat())?;
    let products = matmul(ctx, a, b)?;
    let letters = [batch, rows, columns].concat();
    let result = ctx.reshape(products, dims(&letters))?;
    Ok((result, letters))
}

/// An operand with its letters in the given order.
fn arranged(ctx: &mut Ctx<'_, '_>, x: Bound, letters: &[char], order: &[&[char]]) -> Result<Bound, CompileError> {
    let perm = order.concat().iter().filter_map(|letter| letters.iter().position(|l| l == letter)).collect();
    ctx.transpose(x, perm)
}
