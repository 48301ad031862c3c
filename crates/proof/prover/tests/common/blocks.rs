//! Programs whose weights lie in blocks: dimensions that are no powers of two, as those of most networks.

use super::net::{Net, mixed, window};
use super::{Case, X};
use ciro_graph::Op;

/// A linear layer of several rows.
pub(crate) fn linear() -> Case {
    let mut net = Net::new(&[3, 48], 12, 8);
    let weight = net.constant(&[48, 80], |i| mixed(i) / 2);
    let y = net.node(Op::Linear { x: X, weight, bias: None });
    net.output(y);
    net.case("linear in blocks", mixed)
}

/// A grouped convolution.
pub(crate) fn convolution() -> Case {
    let mut net = Net::new(&[24, 4, 4], 12, 8);
    let weight = net.constant(&[40, 12, 3, 3], |i| mixed(i) / 4);
    let window = window([3, 3], [1, 1], [1, 1], [1, 1]);
    let y = net.node(Op::Conv { x: X, weight, bias: None, window, groups: 2 });
    net.output(y);
    net.case("convolution in blocks", mixed)
}

/// Rows of a table of many.
pub(crate) fn embedding() -> Case {
    let mut net = Net::within(&[5], 0, 69, 8);
    let table = net.constant(&[70, 24], mixed);
    let y = net.node(Op::Embed { ids: X, table });
    net.output(y);
    net.case("embedding in blocks", |i| (i * 31) % 70)
}
