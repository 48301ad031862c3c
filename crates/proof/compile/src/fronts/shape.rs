//! Dimensions: broadcasting constants, reshaping.

use super::onnx::{Data, Tensor};
use crate::terms::size::{MOST_IN_FILE, count_of};

/// Whether a constant is zero: exporters multiply a column by zero for its shape.
pub(crate) fn is_zero(c: &Tensor) -> bool {
    matches!(&c.data, Data::Floats(v) if v.len() == 1 && v[0] == 0.0)
}

/// Whether a constant is one everywhere.
pub(crate) fn is_one(c: &Tensor) -> bool {
    matches!(&c.data, Data::Floats(v) if v.iter().all(|v| v.to_bits() == 1f32.to_bits()))
}

/// The constant spread over `dims`, numpy's way; `None` if it would enlarge them or is not of floats.
pub(crate) fn spread(tensor: &Tensor, dims: &[usize]) -> Option<Vec<f32>> {
    let Data::Floats(values) = &tensor.data else {
        return None;
    };
    spread_of(&tensor.dims, values, dims)
}

/// As [`spread`], of elements of any type, row-major in dimensions of their own.
pub(crate) fn spread_of<T: Copy>(own: &[usize], values: &[T], dims: &[usize]) -> Option<Vec<T>> {
    let count: usize = dims.iter().product();
    if values.len() == 1 {
        return Some(vec![values[0]; count]);
    }
    let extra = own.len().saturating_sub(dims.len());
    if own[..extra].iter().any(|&d| d != 1) {
        return None;
    }
    let own = &own[extra..];
    let aligned = &dims[dims.len() - own.len()..];
    if own.iter().zip(aligned).any(|(&d, &of)| d != 1 && d != of) {
        return None;
    }
    let strides = strides(own);
    let offset = |flat: usize| -> usize {
        let mut rest = flat;
        let mut at = 0;
        for i in (0..own.len()).rev() {
            let digit = rest % aligned[i];
            rest /= aligned[i];
            at += if own[i] == 1 { 0 } else { digit * strides[i] };
        }
        at
    };
    Some((0..count).map(|flat| values[offset(flat)]).collect())
}

/// The dimensions of what is computed element by element: of tensors of one element, and of others that differ in leading ones only.
/// `None` for everything else, and where there are no elements.
pub(crate) fn element_by_element<'a>(operands: impl IntoIterator<Item = &'a [usize]>) -> Option<Vec<usize>> {
    let (mut rank, mut shared): (usize, &[usize]) = (0, &[]);
    for dims in operands {
        let own = &dims[dims.iter().take_while(|&&d| d == 1).count()..];
        if dims.contains(&0) || !(own.is_empty() || shared.is_empty() || own == shared) {
            return None;
        }
        rank = rank.max(dims.len());
        shared = if own.is_empty() { shared } else { own };
    }
    let mut dims = vec![1; rank - shared.len()];
    dims.extend(shared);
    Some(dims)
}

fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i];
    }
    strides
}

/// The dimensions after a Reshape to `spec`.
pub(crate) fn reshape(dims: &[usize], spec: &[i64], zero_is_zero: bool) -> Result<Vec<usize>, String> {
    let count: usize = dims.iter().product();
    let mut result = Vec::with_capacity(spec.len());
    let mut open = None;
    for (i, &d) in spec.iter().enumerate() {
        result.push(match d {
            -1 if open.is_none() => {
                open = Some(i);
                1
            }
            0 if !zero_is_zero => *dims.get(i).ok_or("a 0 beyond the operand's dimensions")?,
            1.. => usize::try_from(d).map_err(|_| "a dimension beyond memory")?,
            _ => return Err(format!("dimension {d}")),
        });
    }
    let known = count_of(&result, MOST_IN_FILE).ok_or("dimensions beyond memory")?;
    if let Some(i) = open {
        if known == 0 || !count.is_multiple_of(known) {
            return Err(format!("{spec:?}"));
        }
        result[i] = count / known;
    } else if known != count {
        return Err(format!("{spec:?}"));
    }
    Ok(result)
}

/// A possibly negative axis of a tensor of `rank` dimensions.
pub(crate) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
    if (0..rank).contains(&axis) { usize::try_from(axis).ok() } else { None }
}

pub(crate) fn flattened(dims: &[usize], at: i64) -> Result<Vec<usize>, String> {
    let rank = dims.len();
    let split = if at == rank as i64 { Some(rank) } else { axis(at, rank) };
    let split = split.ok_or_else(|| format!("axis {at}"))?;
    Ok(vec![dims[..split].iter().product(), dims[split..].iter().product()])
}

pub(crate) fn squeezed(dims: &[usize], axes: &[i64]) -> Result<Vec<usize>, String> {
    let mut drop: Vec<usize> = Vec::new();
    for &given in axes {
        let axis = axis(given, dims.len()).filter(|&axis| dims[axis] == 1);
        drop.push(axis.ok_or_else(|| format!("axis {given}"))?);
    }
    let kept = |&(i, &d): &(usize, &usize)| if axes.is_empty() { d != 1 } else { !drop.contains(&i) };
    Ok(dims.iter().enumerate().filter(kept).map(|(_, &d)| d).collect())
}

pub(crate) fn unsqueezed(dims: &[usize], axes: &[i64]) -> Result<Vec<usize>, String> {
    let rank = dims.len() + axes.len();
    let mut ones = vec![false; rank];
    for &given in axes {
        let axis = axis(given, rank).filter(|&axis| !ones[axis]).ok_or_else(|| format!("axis {given}"))?;
        ones[axis] = true;
    }
    let mut rest = dims.iter();
    ones.into_iter().map(|one| if one { Ok(1) } else { rest.next().copied().ok_or_else(String::new) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dims: &[usize]) -> Tensor {
        let count: usize = dims.iter().product();
        Tensor { dims: dims.to_vec(), data: Data::Floats((0..count).map(|v| v as f32).collect()) }
    }

    #[test]
    fn constants_spread_as_numpy_does() {
        assert_eq!(spread(&tensor(&[3]), &[2, 3]), Some(vec![0., 1., 2., 0., 1., 2.]));
        assert_eq!(spread(&tensor(&[2, 1]), &[2, 3]), Some(vec![0., 0., 0., 1., 1., 1.]));
        assert_eq!(spread(&tensor(&[1, 1, 3]), &[1, 3]), Some(vec![0., 1., 2.]));
        assert_eq!(spread(&tensor(&[2, 3]), &[1, 3]), None);
        assert_eq!(spread(&tensor(&[4]), &[1, 3]), None);
    }

    #[test]
    fn only_leading_ones_are_added() {
        let of = |dims: &[&[usize]]| element_by_element(dims.iter().copied());
        assert_eq!(of(&[&[3], &[1, 3]]), Some(vec![1, 3]));
        assert_eq!(of(&[&[1, 1, 1], &[2, 3]]), Some(vec![1, 2, 3]));
        assert_eq!(of(&[&[], &[1]]), Some(vec![1]));
        assert_eq!(of(&[&[3, 1], &[]]), Some(vec![3, 1]));
        assert_eq!(of(&[&[3, 1], &[1, 3]]), None);
        assert_eq!(of(&[&[3], &[2]]), None);
        assert_eq!(of(&[&[0], &[1]]), None);
    }

    #[test]
    fn reshape_infers_copies_and_refuses() {
        assert_eq!(reshape(&[1, 6], &[0, -1, 2], false), Ok(vec![1, 3, 2]));
        assert_eq!(reshape(&[1, 6], &[-1], false), Ok(vec![6]));
        assert!(reshape(&[1, 6], &[4], false).is_err());
        assert!(reshape(&[1, 6], &[-1, -1], false).is_err());
        assert!(reshape(&[1, 6], &[-1, 4], false).is_err());
        assert!(reshape(&[1, 6], &[i64::MAX, i64::MAX], false).is_err());
    }
}
