//! Changes that make a relation misfit are named.

use ciro_auditor::lower;
use ciro_graph::{
    ConstId, Constant, Disclosure, Ingest, Input, Node, Op, Output, OutputKind, Pick, Profile, Program, Security,
    ValueId, Visibility,
};
use ciro_relation::{
    Axis, Blocks, ColId, Column, CutColumn, Expr, Gather, Knowledge, Limits, Misfit, Part, Poly, Product, Relation,
    Rows, Source, Var, View,
};

/// Three samples of [2, 3], with a part of each kind.
fn relation() -> Relation {
    let node = |op, shape: &[u32], bound: i32| Node { op, shape: shape.to_vec(), lo: -bound, hi: bound };
    let x = ValueId(0);
    let linear = Op::Linear { x, weight: ConstId(0), bias: Some(ConstId(1)) };
    let nodes = vec![
        node(linear, &[2, 5], 100),
        node(Op::Transpose { x: ValueId(1), perm: vec![1, 0] }, &[5, 2], 100),
        Node { lo: 0, ..node(Op::Relu { x: ValueId(2) }, &[5, 2], 100) },
        node(Op::Take { x: ValueId(3), picks: vec![Pick { axis: 0, index: vec![4, -1, 2] }] }, &[3, 2], 100),
        node(Op::Max { x: ValueId(4) }, &[3, 1], 100),
    ];
    let constant = |shape: &[u32]| Constant { name: "c".into(), shape: shape.to_vec() };
    let fixed = Ingest::Fixed { exponents: vec![0], lo: -9, hi: 9 };
    let output =
        Output { name: "y".into(), value: ValueId(5), shape: vec![3, 1], kind: OutputKind::Fixed { frac_bits: 0 } };
    let program = Program {
        name: "all".into(),
        inputs: vec![Input { name: "x".into(), shape: vec![2, 3], ingest: fixed }],
        constants: vec![constant(&[3, 5]), constant(&[5])],
        nodes,
        outputs: vec![output],
        columns: vec![],
        limb_bits: 4,
        profile: Profile::Native,
        security: Security::Bits100,
        visibility: Visibility {
            input: Disclosure::Committed,
            output: Disclosure::Committed,
            weights: Disclosure::Committed,
        },
        batch: 3,
    };
    let (relation, _) = lower(&program, &Limits::NONE).unwrap_or_else(|e| panic!("{e}"));
    let views = !relation.views.is_empty() && relation.views.iter().any(|view| !view.repeats.is_empty());
    assert!(views && !relation.gathers.is_empty() && !relation.products.is_empty() && relation.samples.len() == 2);
    relation
}

/// What is said of a relation after a change that makes it misfit.
fn refused(change: impl FnOnce(&mut Relation)) -> (&'static str, &'static str) {
    let mut relation = relation();
    relation.check_fit(3).unwrap_or_else(|e| panic!("{e}"));
    change(&mut relation);
    match relation.check_fit(3) {
        Err(Misfit { part, what, .. }) => (part, what),
        other => panic!("{other:?}"),
    }
}

fn column_of(relation: &Relation, is_it: impl Fn(Source) -> bool) -> ColId {
    ColId(relation.columns.iter().position(|column| is_it(column.source)).unwrap_or(usize::MAX))
}

/// A column that reads of `log_len` rows may not have: neither their length nor one.
fn shorter(relation: &Relation, log_len: u32) -> ColId {
    let is_it = |column: &Column| column.log_len > 0 && column.log_len < log_len;
    ColId(relation.columns.iter().position(is_it).unwrap_or(usize::MAX))
}

#[test]
fn no_column_may_have_another_length() {
    let count = relation().columns.len();
    for i in 0..count {
        refused(|r| r.columns[i].log_len += 1);
        if relation().columns[i].log_len > 1 {
            refused(|r| r.columns[i].log_len -= 1);
        }
    }
}

#[test]
fn lookups_read_columns_of_their_length_or_one_value() {
    let read = |change: fn(&mut Relation, usize)| {
        let longest = |r: &Relation| (0..r.lookups.len()).max_by_key(|&i| r.lookups[i].log_len).unwrap_or(0);
        refused(|r| change(r, longest(r)))
    };
    assert_eq!(
        read(|r, i| {
            let col = shorter(r, r.lookups[i].log_len);
            r.lookups[i].tuple[0] = Expr::column(col);
        }),
        ("lookup", "variables of a column")
    );
    assert_eq!(read(|r, i| r.lookups[i].tuple[0] = Expr::column(ColId(999))), ("lookup", "number of a column"));
    assert_eq!(
        read(|r, i| {
            let (_, col) = r.lookups[i].tuple[0].terms[0];
            r.lookups[i].tuple[0].quads.push((1, col, col));
        }),
        ("lookup", "products in an entry")
    );
    assert_eq!(read(|r, i| r.lookups[i].tuple.push(Expr::constant(0))), ("lookup", "entries of a tuple"));
    assert_eq!(read(|r, i| r.lookups[i].tag += 100), ("lookup", "tables of its tag"));
    assert_eq!(read(|r, i| r.lookups[i].rows = Rows::vector(1)), ("lookup", "variables of its rows"));
    // Whatever it reads: one value stands for any number of rows.
    let many = read(|r, i| {
        let width = r.lookups[i].tuple.len();
        r.lookups[i].tuple = vec![Expr::constant(0); width];
        (r.lookups[i].log_len, r.lookups[i].rows) = (41, Rows::vector(1 << 41));
    });
    assert_eq!(many, ("lookup", "variables of its rows"));
    // One value stands for every row.
    let mut relation = relation();
    relation.columns.push(Column { rows: Rows::vector(1), log_len: 0, ..relation.columns[0].clone() });
    let one = ColId(relation.columns.len() - 1);
    relation.lookups[0].tuple[0] = Expr::column(one);
    relation.check_fit(3).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn tables_have_columns_of_their_length_that_are_no_products() {
    assert_eq!(refused(|r| r.tables[0].rows = Rows::vector(1)), ("table", "variables of its rows"));
    let short = refused(|r| r.tables[0].tuple[0] = shorter(r, r.tables[0].log_len));
    assert_eq!(short, ("table", "variables of a column"));
    let short = refused(|r| r.tables[0].multiplicity = shorter(r, r.tables[0].log_len));
    assert_eq!(short, ("table", "variables of a column"));
    let product = refused(|r| {
        let col = column_of(r, |source| matches!(source, Source::Product(_)));
        let column = r.columns[col.0].clone();
        (r.tables[0].log_len, r.tables[0].rows) = (column.log_len, column.rows);
        (r.tables[0].tuple[0], r.tables[0].multiplicity) = (col, col);
    });
    assert_eq!(product, ("table", "product columns"));
    let wider = refused(|r| {
        let mut more = r.tables[0].clone();
        more.tuple.push(more.tuple[0]);
        r.tables.push(more);
    });
    assert_eq!(wider, ("table", "entries of a tuple"));
}

#[test]
fn constraints_read_columns_of_their_section_or_one_value() {
    let longest = |r: &Relation| (0..r.sections.len()).max_by_key(|&i| r.sections[i].log_len).unwrap_or(0);
    let short = |r: &Relation| shorter(r, r.sections[longest(r)].log_len);
    let first = refused(|r| {
        let (i, col) = (longest(r), short(r));
        r.sections[i].constraints[0].terms[0].a = col;
    });
    let second = refused(|r| {
        let (i, col) = (longest(r), short(r));
        r.sections[i].constraints[0].terms[0].b = Some(col);
    });
    assert_eq!([first, second], [("section", "variables of a column"); 2]);
}

#[test]
fn constants_in_blocks_are_read_by_nothing_but_products() {
    let blocks = Blocks::new(&[8, 80]);
    assert!(!blocks.is_in_order());
    let cut = |r: &mut Relation, col: ColId| {
        r.cuts.push(CutColumn { poly: Poly::Model, blocks: blocks.clone(), offset: 0 });
        r.columns[col.0].log_len = 10;
        r.columns[col.0].source = Source::Blocks(r.cuts.len() - 1);
        // Room for the column that is put here.
        r.spaces.iter_mut().for_each(|space| space.vars = 20);
    };
    let seen = refused(|r| {
        let col = r.views[0].of;
        cut(r, col);
    });
    assert_eq!(seen, ("column", "columns in another order"));
    let read = |at: fn(&Relation) -> ColId| {
        refused(|r| {
            let col = at(r);
            let shown: Vec<ColId> = r.views.iter().map(|view| view.of).chain(r.gathers.iter().map(|g| g.of)).collect();
            assert!(!shown.contains(&col));
            cut(r, col);
        })
    };
    assert_eq!(read(|r| r.tables[0].tuple[0]), ("table", "columns in another order"));
}

#[test]
fn products_have_variables_that_are_used_once() {
    let told = |change: fn(&mut Product)| refused(|r| change(&mut r.products[0]));
    assert_eq!(told(|p| p.log_sum += 1), ("product", "uses of a summed variable"));
    assert_eq!(told(|p| p.log_sum -= 1), ("product", "number of a variable"));
    assert_eq!(told(|p| _ = p.a.vars.pop()), ("product", "variables of an operand"));
    assert_eq!(told(|p| p.tied.push(0)), ("product", "uses of a variable of the result"));
    assert_eq!(told(|p| p.tied = vec![0; 20]), ("product", "tied variables"));
    let repeated = |p: &mut Product| {
        let of = |var: &Var| matches!(var, Var::Sum(_));
        let at: Vec<usize> = (0..p.a.vars.len()).filter(|&i| of(&p.a.vars[i])).collect();
        p.a.vars[at[1]] = p.a.vars[at[0]];
    };
    assert_eq!(told(repeated), ("product", "uses of a summed variable in an operand"));
    let dropped = |p: &mut Product| p.b.vars.iter_mut().for_each(|var| *var = Var::Out(0));
    assert_eq!(told(dropped).0, "product");
    let stacked = refused(|r| r.products[0].a.col = r.products[0].out);
    assert_eq!(stacked, ("product", "product columns"));
}

#[test]
fn views_and_gathers_are_multilinear_in_their_variables() {
    let repeats = |r: &Relation| r.views.iter().position(|view| !view.repeats.is_empty()).unwrap_or(usize::MAX);
    let view = |change: fn(&mut View)| {
        refused(|r| {
            let i = repeats(r);
            change(&mut r.views[i]);
        })
    };
    assert_eq!(view(|v| v.bits[0] = v.repeats[0].start), ("column", "uses of a variable"));
    assert_eq!(view(|v| _ = v.bits.pop()), ("column", "variables of the column shown"));
    assert_eq!(view(|v| v.bits[0] = 99), ("column", "number of a variable"));
    assert_eq!(view(|v| v.repeats[0].len = 99), ("column", "length of a dimension"));
    let gather = |change: &dyn Fn(&mut Gather)| refused(|r| change(&mut r.gathers[0]));
    assert_eq!(gather(&|g| _ = g.parts.pop()), ("column", "variables of the column picked from"));
    let pick = |g: &mut Gather, change: fn(&mut Axis)| {
        g.parts.iter_mut().for_each(|part| match part {
            Part::Pick(axis) => change(axis),
            Part::Pass(_) => {}
        });
    };
    assert_eq!(gather(&|g| pick(g, |axis| axis.index[0] = Some(99))).1, "position that an axis picks");
    assert_eq!(gather(&|g| pick(g, |axis| _ = axis.index.pop())).1, "positions of an axis");
    assert_eq!(gather(&|g| pick(g, |axis| axis.by[0].start += 1)).0, "column");
    let product = refused(|r| {
        let col = column_of(r, |source| matches!(source, Source::Product(_)));
        r.gathers[0].of = col;
    });
    assert_eq!(product, ("column", "product columns"));
    let own = refused(|r| {
        let col = column_of(r, |source| matches!(source, Source::Gather(0)));
        r.gathers[0].of = col;
    });
    assert_eq!(own, ("column", "gathered columns picked from"));
}

#[test]
fn every_relation_has_a_model_and_a_witness_and_tells_no_cells_but_a_models() {
    let none = |count: usize| refused(|r| r.spaces.truncate(count));
    assert_eq!([none(0), none(1)], [("polynomial", "polynomials that are missing"); 2]);
    let told = refused(|r| r.spaces[1].known = Knowledge::Cells);
    assert_eq!(told, ("polynomial", "polynomials whose cells are known"));
    assert_eq!(refused(|r| r.spaces.swap(0, 1)), ("polynomial", "polynomials in order"));
}

#[test]
fn windows_are_aligned_and_lie_in_their_polynomial() {
    let moved = |by: fn(&Relation, &Column) -> usize| {
        refused(|r| {
            let is_it = |c: &Column| matches!(c.source, Source::Committed { poly: Poly::Witness, .. }) && c.log_len > 0;
            let i = r.columns.iter().position(is_it).unwrap_or(usize::MAX);
            let offset = by(r, &r.columns[i]);
            r.columns[i].source = Source::Committed { poly: Poly::Witness, offset };
        })
    };
    assert_eq!(moved(|_, column| (1 << column.log_len) / 2), ("column", "rest of its place by its length"));
    assert_eq!(moved(|r, _| 1 << r.vars(Poly::Witness)), ("column", "end of its window"));
}

#[test]
fn columns_of_samples_begin_with_the_sample() {
    assert_eq!(refused(|r| r.samples[0].rows = Rows::vector(64)), ("sample column", "variables of a column"));
    assert!(matches!(relation().check_fit(5), Err(Misfit { part: "sample column", .. })));
}
