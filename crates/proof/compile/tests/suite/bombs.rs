//! Small files that ask for much: refused by name before anything of that size is collected, and never with a panic.

use crate::support::{Onnx, int, ints};
use ciro_compile::onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, NodeProto, StringStringEntryProto, TensorProto, ValueInfoProto,
};
use ciro_compile::onnx::with_external_data;
use ciro_compile::samples::{Port, SampleProblem, load, load_answers, parse, parse_answers};
use ciro_compile::{ArtifactError, CompileError, Compiled, Options, compile_model};
use ciro_graph::{Column, Unseen};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const HUGE: [i64; 3] = [1 << 30, 1 << 62, i64::MIN];

/// A node `Op x c` with constant integers c, the largest element of its result, and x plus that.
fn sized(operator: &str, dims: &[i64], c: &[i64]) -> Onnx {
    Onnx::of(dims)
        .int_constant("c", &[c.len() as i64], c)
        .node(&format!("{operator} x c -> t"), vec![])
        .node("ReduceMax t -> m", vec![int("keepdims", 1)])
        .node("Add x m -> y", vec![])
        .outputs(&["y"])
}

/// A convolution of a 4 × 4 image by one weight.
fn conv(operator: &str, attributes: Vec<AttributeProto>) -> Onnx {
    let graph = Onnx::of(&[1, 1, 4, 4]).constant("w", &[1, 1, 1, 1], &[0.5]);
    graph.node(&format!("{operator} x w -> y"), attributes).outputs(&["y"])
}

fn refused(what: &str, model: &Onnx) -> CompileError {
    model.compile().err().unwrap_or_else(|| panic!("{what} compiles"))
}

#[test]
fn sizes_beyond_memory_are_refused_before_they_are_collected() {
    for size in HUGE {
        refused(&format!("Pad by {size}"), &sized("Pad", &[1, 4], &[0, size, 0, 0]));
        refused(&format!("Tile by {size}"), &sized("Tile", &[1, 4], &[1, size]));
        refused(&format!("Expand to {size}"), &sized("Expand", &[1, 1], &[size, size]));
        refused(&format!("Resize to {size}"), &sized("Resize", &[1, 1, 4, 4], &[1, 1, size, size]));
        for operator in ["DepthToSpace", "SpaceToDepth"] {
            let model = Onnx::of(&[1, 4, 4, 4]).node(&format!("{operator} x -> y"), vec![int("blocksize", size)]);
            refused(&format!("{operator} by {size}"), &model.outputs(&["y"]));
        }
    }
}

#[test]
fn sizes_that_fit_along_each_dimension_but_not_together_are_refused() {
    let half = 1 << 14;
    refused("an Expand", &sized("Expand", &[1, 1], &[half, half]));
    refused("a Tile", &sized("Tile", &[1, 4], &[half, half]));
    refused("a Pad", &sized("Pad", &[1, 4], &[half, half, half, half]));
    let sums = Onnx::new(1 << 15).int_constant("c", &[], &[1]).node("CumSum x c -> y", vec![]).outputs(&["y"]);
    refused("a CumSum", &sums);
    let pool = vec![ints("kernel_shape", &[half, half]), ints("pads", &[half; 4])];
    refused("a pool", &Onnx::of(&[1, 1, 4, 4]).node("AveragePool x -> y", pool).outputs(&["y"]));
}

#[test]
fn values_and_constants_share_one_budget() {
    let step = |model: Onnx, i: usize| model.node(&format!("ConstantOfShape n -> c{i}"), vec![]);
    let model = (0..17).fold(Onnx::new(4).int_constant("n", &[1], &[1 << 24]), step);
    let error = refused("seventeen constants", &model.node("Relu x -> y", vec![]).outputs(&["y"]));
    assert!(error.to_string().contains("more elements in all values and constants than fit"), "{error}");
}

/// A loop of 256 trips around a loop of 256 trips, so many times, around this node: each maps `a` to `b`.
fn nested(levels: usize, innermost: NodeProto) -> NodeProto {
    (0..levels).fold(innermost, |inner, _| {
        let named = |name: &str| ValueInfoProto { name: Some(name.into()), ..ValueInfoProto::default() };
        let body = GraphProto {
            input: ["i", "c", "a"].map(named).to_vec(),
            node: vec![inner, call("", "Identity", "c", "d")],
            output: ["d", "b"].map(named).to_vec(),
            ..GraphProto::default()
        };
        let name = Some("body".into());
        let body = AttributeProto { name, g: Some(Box::new(body)), r#type: Some(5), ..Default::default() };
        let input = ["trips", "goes_on", "a"].map(String::from).to_vec();
        NodeProto { attribute: vec![body], input, ..call("", "Loop", "a", "b") }
    })
}

#[test]
fn graphs_in_graphs_and_folded_products_cost_of_the_same_budget() {
    const TOLD: &str = "more elements in all values and constants than fit";
    for operator in ["Identity", "Neg"] {
        let model = Onnx::new(4)
            .int_constant("trips", &[], &[256])
            .int_constant("goes_on", &[], &[1])
            .constant("a", &[1], &[0.5])
            .edit(|model| model.graph.get_or_insert_default().node = vec![nested(6, call("", operator, "a", "b"))])
            .node("Add x b -> y", vec![]);
        let error = refused("a loop of 2⁴⁸ trips", &model.outputs(&["y"]));
        assert!(error.to_string().contains(TOLD), "{error}");
    }
    let product = sized("ConstantOfShape", &[1, 4], &[4_000, 4_000]).edit(|model| {
        let nodes = &mut model.graph.get_or_insert_default().node;
        nodes[0] = call("", "ConstantOfShape", "c", "s");
        nodes.insert(1, NodeProto { input: vec!["s".into(), "s".into()], ..call("", "MatMul", "s", "t") });
    });
    let error = refused("64 billion products", &product);
    assert!(error.to_string().contains(TOLD), "{error}");
}

#[test]
fn ranges_have_an_end() {
    for (start, limit, delta) in [(0.0, f32::NAN, 1.0), (0.0, f32::INFINITY, 1.0), (0.0, 1.0, 0.0), (0.0, 3e38, 1.0)] {
        let model = Onnx::new(4)
            .constant("s", &[], &[start])
            .constant("l", &[], &[limit])
            .constant("d", &[], &[delta])
            .node("Range s l d -> c", vec![])
            .node("ReduceMax c -> m", vec![])
            .node("Add x m -> y", vec![]);
        refused(&format!("a range to {limit}"), &model.outputs(&["y"]));
    }
}

#[test]
fn what_has_no_elements_is_not_computed_with() {
    let empty = Onnx::new(4).int_constant("n", &[1], &[0]).node("ConstantOfShape n -> c", vec![]);
    let model = empty.node("ReduceMax c -> m", vec![]).node("Add x m -> y", vec![]).outputs(&["y"]);
    let error = refused("the largest of nothing", &model);
    assert!(error.to_string().contains("an operand without elements"), "{error}");
}

#[test]
fn counts_below_one_are_not_taken_for_one() {
    for count in [0, -1, i64::MIN, i64::MAX] {
        refused(&format!("Conv in {count} groups"), &conv("Conv", vec![int("group", count)]));
        refused(&format!("ConvTranspose in {count} groups"), &conv("ConvTranspose", vec![int("group", count)]));
        let blocks = Onnx::of(&[1, 4, 4, 4]).node("DepthToSpace x -> y", vec![int("blocksize", count)]);
        refused(&format!("blocks of {count}"), &blocks.outputs(&["y"]));
    }
    assert!(conv("Conv", vec![int("group", 1)]).compile().is_ok());
}

#[test]
fn windows_without_end_are_refused() {
    let far = 0xffff_ffff;
    for (name, values) in [("strides", [far, 1]), ("dilations", [far, far]), ("strides", [0, 1]), ("dilations", [0, 0])]
    {
        let plain = Onnx::of(&[1, 1, 4, 4]).constant("w", &[1, 1, 2, 2], &[0.5; 4]);
        for operator in ["Conv", "ConvTranspose"] {
            let model = plain.clone().node(&format!("{operator} x w -> y"), vec![ints(name, &values)]);
            refused(&format!("{operator} with {name} {values:?}"), &model.outputs(&["y"]));
        }
    }
    refused("Conv with long pads", &conv("Conv", vec![ints("pads", &[far, 0, 0, 0])]));
}

#[test]
fn weights_that_are_missing_or_of_other_channels_are_refused() {
    for dims in [[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 1]] {
        for operator in ["Conv", "ConvTranspose"] {
            let model = Onnx::of(&[1, 1, 4, 4]).constant("w", &dims, &[]);
            refused(&format!("weights {dims:?}"), &model.node(&format!("{operator} x w -> y"), vec![]).outputs(&["y"]));
        }
    }
}

#[test]
fn dimensions_whose_product_hides_behind_a_zero_are_refused() {
    let model = Onnx::new(4).int_constant("c", &[0, i64::MAX, 4], &[]).node("Flatten c -> f", vec![]);
    let error = refused("a constant", &model.node("Relu x -> y", vec![]).outputs(&["y"]));
    assert!(matches!(error, CompileError::Initializer { .. }), "{error}");
}

#[test]
fn squares_of_squares_end_where_their_scale_does() {
    let square = |model: Onnx, i: usize| model.node(&format!("Mul v{i} v{i} -> v{}", i + 1), vec![]);
    let model = (0..60).fold(Onnx::new(4).node("Identity x -> v0", vec![]), square);
    refused("2^60 factors", &model.node("Identity v60 -> y", vec![]).outputs(&["y"]));
}

/// An array of bytes in NumPy's format with the given shape.
fn npy(shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", (header.len() as u16).to_le_bytes().as_slice(), header.as_bytes(), data].concat()
}

fn port(width: u32) -> Port {
    Port { name: "x".into(), shape: vec![1, width], double: false, columns: vec![] }
}

#[test]
fn arrays_whose_shapes_overflow_behind_a_zero_are_refused() {
    let bytes = npy("(0, 9223372036854775808, 4)", &[]);
    assert!(parse("npy", &bytes, &[port(4)]).is_err());
    assert!(parse_answers("npy", &bytes).is_err());
}

#[test]
fn arrays_have_a_limit_that_is_named() {
    let long = npy("(134217728,)", &[]);
    let error = parse("npy", &long, &[port(4)]).unwrap_err().to_string();
    assert!(error.contains("at most 67108864 elements in all arrays"), "{error}");
    let rows = (1 << 22) + 1;
    let many = npy(&format!("({rows}, 1)"), &vec![0; rows]);
    let error = parse("npy", &many, &[port(1)]).unwrap_err().to_string();
    assert!(error.contains("at most 4194304 samples"), "{error}");
}

/// Two bytes of text become a cell of some hundred in memory, and eight an object of some six hundred.
#[test]
fn texts_have_limits_that_are_named_before_anything_is_made_of_them() {
    let refusal = |extension: &str, head: &str, unit: &str, times: usize| {
        let bytes = [head, &unit.repeat(times)].concat().into_bytes();
        parse(extension, &bytes, &[port(4)]).unwrap_err().to_string()
    };
    let (cells, lines, objects) = (1 << 24, 1 << 22, 1 << 20);
    assert_eq!(refusal("csv", "", "1,", cells + 1), "expected at most 16777216 cells, got 16777217");
    assert_eq!(refusal("csv", "", "1\n", lines + 1), "expected at most 4194304 lines, got 4194305");
    assert_eq!(refusal("json", "", "[1,", cells / 2 + 1), "expected at most 16777216 values, got 16777218");
    assert_eq!(refusal("json", "[", "{},", objects + 1), "expected at most 1048576 objects, got 1048577");
    let answers = parse_answers("csv", &b"1\n".repeat(lines + 1)).unwrap_err().to_string();
    assert_eq!(answers, "expected at most 4194304 lines, got 4194305");
}

#[test]
fn boosters_as_json_have_limits_that_are_named_before_they_are_read() {
    let refusal = |unit: &str, times: usize| {
        let text = format!("{{\"learner\": [{}0]}}", unit.repeat(times));
        compile_model(text.as_bytes(), &Options::default()).err().unwrap().to_string()
    };
    assert!(refusal("{\"a\":1},", 1 << 20).contains("expected at most 1048576 objects, got 1048577"));
    assert!(refusal("0,", 1 << 25).contains("expected at most 33554432 values, got 33554434"));
}

#[test]
fn files_that_say_that_they_are_too_long_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    for (name, long) in [("samples.csv", (1_u64 << 28) + 1), ("samples.json", 1 << 40), ("samples.npy", 1 << 40)] {
        let path = folder.path().join(name);
        std::fs::File::create(&path).and_then(|file| file.set_len(long)).unwrap();
        let told = format!("bytes in .npy and .npz, 268435456 in .csv and .json, got {long} bytes");
        let error = load(&path, &[port(4)]).unwrap_err().to_string();
        assert!(error.ends_with(&told), "{error}");
        assert_eq!(load_answers(&path).unwrap_err().to_string(), error);
    }
}

#[test]
fn arrays_that_inflate_share_one_limit() {
    let half = npy("(33554432, 1)", &vec![0; 1 << 25]);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["a.npy", "b.npy", "c.npy"] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(&half).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let error = parse_answers("npz", &bytes).unwrap_err().to_string();
    assert!(error.contains("at most 67108864 elements in all arrays"), "{error}");
}

/// A function of the domain `loc` with a body of calls and plain operators: `Op in -> out`.
fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: Some(name.into()),
        domain: Some("loc".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: nodes,
        ..FunctionProto::default()
    }
}

fn call(domain: &str, operator: &str, from: &str, to: &str) -> NodeProto {
    NodeProto {
        input: vec![from.into()],
        output: vec![to.into()],
        domain: Some(domain.into()),
        op_type: Some(operator.into()),
        ..NodeProto::default()
    }
}

/// Twelve functions of which each calls the one before it twice, and the first of which has this body.
fn doubled(first: &str, body: Vec<NodeProto>) -> Onnx {
    let mut functions = vec![function(first, body)];
    for i in 0..12 {
        let before = functions[i].name.clone().unwrap_or_default();
        let calls = vec![call("loc", &before, "a", "t"), call("loc", &before, "t", "b")];
        functions.push(function(&format!("f{i}"), calls));
    }
    let model = Onnx::new(4).edit(|model| model.functions = functions);
    model.edit(|model| model.graph.get_or_insert_default().node = vec![call("loc", "f11", "x", "y")]).outputs(&["y"])
}

#[test]
fn functions_count_what_they_put_in_by_bytes() {
    let identity = || call("", "Identity", "a", "b");
    let value =
        TensorProto { dims: vec![1 << 18], data_type: Some(1), raw_data: Some(vec![0; 1 << 20]), ..Default::default() };
    let value = AttributeProto { name: Some("value".into()), t: Some(value), r#type: Some(4), ..Default::default() };
    let constant = NodeProto { attribute: vec![value], input: vec![], ..call("", "Constant", "", "c") };
    let long = "n".repeat(1 << 20);
    for model in [
        doubled("f", vec![constant, identity()]),
        doubled(&long, vec![call("", "Identity", "a", "t"), call("", "Identity", "t", "b")]),
    ] {
        let error = refused("what is doubled twelve times", &model);
        assert!(error.to_string().contains("bytes of its functions, got more once they are put in"), "{error}");
    }
}

#[test]
fn functions_count_the_nodes_inside_branches() {
    let inner = (0..1 << 9).map(|i| call("", "Identity", "a", &format!("v{i}"))).collect();
    let graph = GraphProto { node: inner, ..GraphProto::default() };
    let branch = AttributeProto {
        name: Some("then_branch".into()),
        g: Some(Box::new(graph)),
        r#type: Some(5),
        ..Default::default()
    };
    let choice = NodeProto { attribute: vec![branch], ..call("", "If", "a", "b") };
    let error = refused("two million nodes", &doubled("f", vec![choice]));
    assert!(error.to_string().contains("expected at most 1048576 nodes"), "{error}");
}

#[test]
fn columns_that_differ_in_blanks_alone_are_refused() {
    let column = Column { name: "c_0".into(), categories: vec![], missing: None, unseen: Unseen::Coded };
    let port = Port { columns: vec![column], ..port(1) };
    assert!(parse("csv", b"c 0,d\n1,2\n", std::slice::from_ref(&port)).is_ok());
    let error = parse("csv", "c 0,c\u{a0}0\n1,2\n".as_bytes(), &[port]).unwrap_err();
    assert!(matches!(&error, SampleProblem::Column { got, .. } if got == "2"), "{error}");
}

#[cfg(unix)]
#[test]
fn folders_hold_regular_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let made = Onnx::new(2).node("Relu x -> y", vec![]).outputs(&["y"]).compile_within(1.0);
    for name in ["manifest.json", "program.bin", "weights.bin", "report.json"] {
        made.write(folder.path()).unwrap();
        assert!(Compiled::load(folder.path()).is_ok());
        let path = folder.path().join(name);
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = Compiled::load(folder.path()).unwrap_err();
        assert!(matches!(&error, ArtifactError::Io { path: at, .. } if *at == path), "{name}: {error}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn external_data_follow_no_links() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("w"), [0; 16]).unwrap();
    std::os::unix::fs::symlink(outside.path().join("w"), folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("away")).unwrap();
    std::fs::write(folder.path().join("w"), [0; 16]).unwrap();
    let read = |location: &str| {
        let entry =
            |key: &str, value: &str| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
        let model = Onnx::new(4).constant("w", &[4], &[]).edit(|model| {
            let tensor = &mut model.graph.get_or_insert_default().initializer[0];
            tensor.data_location = Some(1);
            tensor.external_data = vec![entry("location", location)];
        });
        with_external_data(model.node("Add x w -> y", vec![]).outputs(&["y"]).bytes(), folder.path())
    };
    assert!(read("w").is_ok());
    assert!(read("./w").is_ok());
    for location in ["link", "away/w"] {
        let error = read(location).unwrap_err();
        assert!(error.to_string().contains("got a link"), "{error}");
    }
}
