//! Honest proofs of programs over tensors verify, operator by operator, on shapes that are no powers of two.

use crate::common::net::{Net, attention, convolution, mixed, rectified, window};
use crate::common::{Case, X};
use ciro_auditor::Limits;
use ciro_graph::{ConstId, Op, Pick, ValueId, Window};
use ciro_relation::Source;
use ciro_test_models::random::{self, Draw};

/// Proves a program of one operator on x of this shape.
fn one(shape: &[u32], op: impl FnOnce(&mut Net) -> Op) -> Case {
    let mut net = Net::new(shape, 50, 8);
    let op = op(&mut net);
    let y = net.node(op);
    net.output(y);
    net.case("one operator", mixed)
}

#[test]
fn a_linear_layer_maps_every_row() {
    let case = one(&[3, 5], |net| Op::Linear {
        x: X,
        weight: net.constant(&[5, 6], mixed),
        bias: Some(net.constant(&[6], mixed)),
    });
    assert_eq!(case.proof.output.0[0].len(), 18);
}

#[test]
fn convolutions_of_every_geometry() {
    let dilated = Window { dilation: [2, 1], ..window([2, 3], [1, 2], [2, 0], [0, 3]) };
    for (channels, groups, out, window) in [
        (3, 1, 5, window([3, 3], [1, 1], [1, 1], [1, 1])),
        (4, 2, 6, window([1, 3], [1, 2], [0, 1], [0, 1])),
        (6, 6, 6, window([3, 3], [2, 2], [1, 1], [0, 0])),
        (3, 1, 2, window([1, 1], [1, 1], [0, 0], [0, 0])),
        (3, 1, 2, window([1, 1], [2, 2], [0, 0], [0, 0])),
        (2, 1, 3, dilated),
    ] {
        one(&[channels, 6, 7], |net| Op::Conv {
            x: X,
            weight: net.constant(&[out, channels / groups, window.kernel[0], window.kernel[1]], mixed),
            bias: Some(net.constant(&[out, 1, 1], mixed)),
            window,
            groups,
        });
    }
}

#[test]
fn products_of_matrices_of_the_input() {
    for (shape, perm) in [(&[3, 5, 2][..], vec![0, 2, 1]), (&[5, 3], vec![1, 0]), (&[2, 3, 2, 5], vec![0, 1, 3, 2])] {
        let mut net = Net::new(shape, 50, 8);
        let t = net.node(Op::Transpose { x: X, perm });
        let y = net.node(Op::Contract { a: X, b: t, transposed: false });
        let z = net.node(Op::Contract { a: X, b: X, transposed: true });
        let same = net.node(Op::Sub { a: y, b: z });
        net.output(y);
        net.output(same);
        let case = net.case("products", mixed);
        assert!(case.proof.output.0[1].iter().all(|&d| d == 0));
    }
}

#[test]
fn reductions_of_rows() {
    one(&[3, 5], |_| Op::Sum { x: X });
    one(&[3, 5], |_| Op::Max { x: X });
    one(&[3, 5], |_| Op::Dot { a: X, b: X });
    one(&[3, 1, 6], |_| Op::Sum { x: X });
    one(&[7], |_| Op::Max { x: X });
    one(&[3, 5], |_| Op::Gap { x: X, shift: 0, bits: 7 });
    one(&[3, 5], |_| Op::Gap { x: X, shift: 2, bits: 4 });
}

#[test]
fn rearrangements() {
    one(&[3, 5, 2], |_| Op::Transpose { x: X, perm: vec![2, 0, 1] });
    one(&[3, 5, 2], |_| Op::Concat { parts: vec![X, X], axis: 1 });
    let pick = |axis, index: &[i32]| Pick { axis, index: index.to_vec() };
    one(&[3, 5, 2], |_| Op::Take { x: X, picks: vec![pick(0, &[2, -1, 0, 2]), pick(2, &[1])] });
    for shapes in [[&[3, 10][..], &[6, 5]], [&[30], &[2, 15]], [&[6, 5], &[5, 3, 2]]] {
        let mut net = Net::new(shapes[0], 50, 8);
        let relu = net.node(Op::Relu { x: X });
        for x in [X, relu] {
            let y = net.reshape(x, shapes[1]);
            net.output(y);
            let t = net.node(Op::Transpose { x: y, perm: (0..shapes[1].len() as u8).rev().collect() });
            let back = net.reshape(t, shapes[0]);
            net.output(back);
        }
        net.case("reshapes", mixed);
    }
}

/// A vector under two dimensions, the second a power of two, has the cells of the vector. So rows are read where a gather knows one
/// dimension alone.
#[test]
fn rows_of_a_flattened_tensor() {
    for (shape, rows) in [([6, 10], [15, 4]), ([16, 6], [3, 32]), ([5, 3], [15, 1])] {
        let mut net = Net::new(&shape, 50, 8);
        let relu = net.node(Op::Relu { x: X });
        let flat = net.reshape(relu, &[shape[0] * shape[1]]);
        let y = net.reshape(flat, &rows);
        let weight = net.constant(&[rows[1], 3], mixed);
        for op in [Op::Sum { x: y }, Op::Dot { a: y, b: y }, Op::Linear { x: y, weight, bias: None }] {
            let z = net.node(op);
            net.output(z);
        }
        net.case("rows of a flattened tensor", mixed);
    }
}

/// A dimension of which all positions are one element, cut into two that change places: of it, no view is one.
#[test]
fn a_repeated_dimension_is_torn_apart() {
    let mut net = Net::new(&[5, 12], 50, 8);
    let sums = net.node(Op::Sum { x: X });
    let relu = net.node(Op::Relu { x: sums });
    let wide = net.node(Op::Add { a: X, b: relu });
    let cut = net.reshape(wide, &[5, 3, 4]);
    let turned = net.node(Op::Transpose { x: cut, perm: vec![2, 0, 1] });
    let y = net.node(Op::Sum { x: turned });
    net.output(turned);
    net.output(y);
    net.case("a torn dimension", mixed);
}

/// `CIRO_SEEDS=FROM..TO` tries other programs. What is printed last is the seed that failed.
#[test]
fn random_rearrangements() {
    let mut proven = 0;
    for seed in crate::common::seeds(0..1000) {
        let model = random::rearranged(seed);
        let Some(input) = random::input(&model, &mut Draw::new(!seed)) else { continue };
        eprintln!("seed {seed}");
        let x: Vec<f32> = input.0[0].bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        Case::new("rearranged", model, &x);
        proven += 1;
    }
    assert!(proven > 700, "{proven}");
}

/// Ten thousand elements, under shapes of which each is padded otherwise.
#[test]
fn large_tensors_under_other_shapes() {
    let mut net = Net::new(&[96, 105], 50, 8);
    let relu = net.node(Op::Relu { x: X });
    for shape in [&[10_080][..], &[7, 1440], &[5, 7, 288], &[105, 96]] {
        let y = net.reshape(relu, shape);
        let sums = net.node(Op::Sum { x: y });
        net.output(sums);
        let turned = net.node(Op::Transpose { x: y, perm: (0..shape.len() as u8).rev().collect() });
        let back = net.reshape(turned, &[315, 32]);
        let sums = net.node(Op::Sum { x: back });
        net.output(sums);
    }
    let case = net.case("large reshapes", mixed);
    assert_eq!(case.proof.output.0[4].len(), 35);
}

#[test]
fn operands_broadcast() {
    let mut net = Net::new(&[3, 1, 5], 20, 8);
    let turned = net.node(Op::Transpose { x: X, perm: vec![1, 0, 2] });
    let row = net.node(Op::Take { x: turned, picks: vec![Pick { axis: 2, index: vec![4] }] });
    let column = net.node(Op::Relu { x: row });
    for op in [
        Op::Add { a: X, b: turned },
        Op::Sub { a: row, b: X },
        Op::Mul { a: X, b: column },
        Op::AddConst { x: X, c: net.constant(&[5], mixed) },
        Op::MulConst { x: X, c: net.constant(&[3, 1, 1], mixed) },
    ] {
        let y = net.node(op);
        net.output(y);
        let z = net.node(Op::Rescale { x: y, shift: 2 });
        net.output(z);
    }
    net.case("broadcast", mixed);
}

/// With a divisor that may lie far below zero, rest and complement could add up to it modulo p: such a program has no relation.
/// Where the divisor is a power of two times a small number, the complement is of that number.
#[test]
fn a_divisor_that_could_wrap_is_refused() {
    for (scale, fits) in [((1 << 10) + 1, true), ((1 << 24) + 1, false), (1 << 24, true)] {
        let mut net = Net::new(&[3], 50, 8);
        let den = net.node(Op::Scale { x: X, factor: scale });
        let y = net.node(Op::Quotient { num: X, den, lo: 0, hi: 0 });
        net.output(y);
        assert_eq!(ciro_auditor::lower(net.program(), &Limits::NONE).is_ok(), fits, "{scale}");
    }
}

/// Multiplicities count in the field: more lookups than it holds could cancel.
#[test]
fn too_many_lookups_are_refused() {
    let mut net = Net::new(&[1 << 24], 50, 4);
    for _ in 0..20 {
        let y = net.node(Op::Rescale { x: X, shift: 1 });
        net.output(y);
    }
    let error = ciro_auditor::lower(net.program(), &Limits::NONE).expect_err("2²⁹ lookups and more");
    assert!(matches!(error, ciro_auditor::RelationError::TooLarge { what: "lookup", .. }), "{error}");
}

#[test]
fn rows_of_a_table() {
    let mut net = Net::within(&[6], 0, 4, 8);
    let table = net.constant(&[5, 3], mixed);
    let y = net.node(Op::Embed { ids: X, table });
    net.output(y);
    let case = net.case("embedding", |i| (i * 3) % 5);
    let row = |id: i32| (0..3).map(move |j| i64::from(mixed(id * 3 + j)));
    let expected: Vec<i64> = (0..6).flat_map(|i| row((i * 3) % 5)).collect();
    assert_eq!(case.proof.output.0[0], expected);
}

#[test]
fn a_convolution_with_its_activation() {
    convolution();
}

#[test]
fn rectified_sums_and_windows() {
    let outputs = rectified().proof.output.0;
    assert!(outputs[0].contains(&0), "{outputs:?}");
    assert!(outputs.iter().all(|y| y.iter().any(|&y| y > 0)), "{outputs:?}");
}

#[test]
fn attention_by_two_heads() {
    attention();
}

/// One constant is used twice. As the weights of a layer it lies in blocks whose order is not that of its rows. It is also added to the
/// layer's results or multiplies them. That comes before or after.
#[test]
fn a_constant_that_is_a_factor_of_products_and_an_operand_is_one_tensor() {
    let ops: [fn(ValueId, ConstId) -> Op; 2] = [|x, c| Op::AddConst { x, c }, |x, c| Op::MulConst { x, c }];
    for (op, is_last) in ops.into_iter().flat_map(|op| [(op, false), (op, true)]) {
        let mut net = Net::new(&[8, 8], 12, 8);
        let shared = net.constant(&[8, 80], mixed);
        let other = net.constant(&[8, 80], |i| mixed(i + 7));
        let layer = |net: &mut Net, weight| net.node(Op::Linear { x: X, weight, bias: None });
        let y = layer(&mut net, if is_last { other } else { shared });
        let y = net.node(op(y, shared));
        let z = layer(&mut net, shared);
        net.output(y);
        net.output(z);
        let case = net.case("shared constant", mixed);
        let is_cut = |i: usize| matches!(case.key.verifying().relation().columns[i].source, Source::Blocks(_));
        assert!((0..case.key.verifying().relation().columns.len()).any(is_cut), "the weights lie in blocks");
    }
}
