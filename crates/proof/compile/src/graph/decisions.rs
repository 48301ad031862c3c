//! What an output decides: by names of classes, by the largest of several numbers, or by one half.

/// The first index of the largest element.
pub(crate) fn argmax(x: &[f32]) -> usize {
    (0..x.len()).reduce(|best, i| if x[i] > x[best] { i } else { best }).unwrap_or(0)
}

/// What tells a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassBy {
    Label,
    Largest,
    Half,
    /// Each element is a decision by itself: the position of a largest.
    Position,
    Nothing,
}

/// What numbers decide for.
pub(crate) fn class(values: &[f64], by: ClassBy) -> usize {
    match by {
        ClassBy::Label | ClassBy::Position => values.first().map_or(0, |&v| v.round() as usize),
        // In float32, as the runtimes compare.
        ClassBy::Largest => argmax(&values.iter().map(|&v| v as f32).collect::<Vec<_>>()),
        ClassBy::Half => usize::from(values.first().is_some_and(|&v| v > 0.5)),
        ClassBy::Nothing => 0,
    }
}

/// Where an output's decisions lie: `inner` of them side by side, each among `classes` numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classes {
    pub(crate) by: ClassBy,
    len: usize,
    pub(crate) classes: usize,
    inner: usize,
}

impl Classes {
    /// Images (N, C, H, W) decide along C, everything else along its last dimension.
    pub(crate) fn of(dims: &[usize], by: ClassBy) -> Self {
        let len = dims.iter().product();
        let axis = if dims.len() >= 4 { 1 } else { dims.len().saturating_sub(1) };
        let (classes, inner) = match dims.get(axis) {
            Some(&classes) if by == ClassBy::Largest => (classes.max(1), dims[axis + 1..].iter().product()),
            _ => (1, 1),
        };
        Self { by, len, classes, inner }
    }

    /// How many decisions there are.
    pub(crate) const fn positions(self) -> usize {
        self.len / self.classes
    }

    /// The numbers that a decision is made among.
    pub(crate) fn at(self, values: &[f64], position: usize) -> Vec<f64> {
        let first = position / self.inner * self.classes * self.inner + position % self.inner;
        (0..self.classes).filter_map(|class| values.get(first + class * self.inner).copied()).collect()
    }

    /// The same output, of which each element is a decision by itself.
    pub(crate) const fn of_positions(self) -> Self {
        Self { by: ClassBy::Position, classes: 1, inner: 1, ..self }
    }
}
