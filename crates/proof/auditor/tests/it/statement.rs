//! Outputs that a program cannot give are refused before any proof is read.

use crate::replay::{Subject, files};
use ciro_auditor::statement::STATEMENT_BYTES_MAX;
use ciro_auditor::{AuditError, AuditedModel, Part, Shown, Statement, VerifyError};
use ciro_graph::{Ingest, Op, Program};
use ciro_types::{Hash32, decode, encode};

/// The program and the statement of a frozen proof.
fn frozen(name: &str) -> (Program, Statement) {
    let subject: Subject = borsh::from_slice(&files()[&format!("{name}.subject")]).expect("a subject");
    let program: Program = decode(&subject.program, STATEMENT_BYTES_MAX).expect("a program");
    let statement = Statement::decode(&program.visibility, &subject.input, &subject.output, subject.context);
    (program, statement.expect("a statement"))
}

fn outputs(statement: &mut Statement) -> &mut Vec<Vec<i64>> {
    let Shown::Public(output) = &mut statement.output else { panic!("the output is public") };
    &mut output.0
}

/// Whether the outputs are refused, and which: number, what was expected, what was found.
fn refused(program: &Program, statement: &Statement) -> Option<(usize, usize, usize)> {
    let key = AuditedModel::new(&encode(program), Default::default()).expect("a relation");
    match key.instance(statement) {
        Ok(_) => None,
        Err(AuditError::Proof(VerifyError::Output { output, expected, got })) => Some((output, expected, got)),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn outputs_of_another_number_or_length() {
    let (program, honest) = frozen("layer");
    assert_eq!(refused(&program, &honest), None);
    let with = |change: fn(&mut Vec<Vec<i64>>)| {
        let mut statement = honest.clone();
        change(outputs(&mut statement));
        refused(&program, &statement)
    };
    assert_eq!(with(|outputs| outputs.push(Vec::new())), Some((2, 2, 3)));
    assert_eq!(with(|outputs| outputs.truncate(1)), Some((2, 2, 1)));
    assert_eq!(with(|outputs| outputs[1].push(0)), Some((1, 2, 3)));
    assert_eq!(with(|outputs| outputs[0].truncate(1)), Some((0, 2, 1)));
    // Beyond the declared interval by one, and by p, which the field does not see.
    assert_eq!(with(|outputs| outputs[0][0] = 299), Some((0, 2, 2)));
    assert_eq!(with(|outputs| outputs[0][0] += 0x7f00_0001), Some((0, 2, 2)));
}

/// A label is one of as many as there are scores, whatever interval the program declares for it.
#[test]
fn labels_that_there_are_not() {
    let (mut program, mut statement) = frozen("elementwise");
    let label = program.nodes.iter().position(|node| matches!(node.op, Op::ArgMax { .. })).expect("a label");
    program.nodes[label].hi = 100;
    assert_eq!(refused(&program, &statement), None);
    for (value, expected) in [(2, None), (3, Some((2, 1, 1))), (-1, Some((2, 1, 1)))] {
        outputs(&mut statement)[2][0] = value;
        assert_eq!(refused(&program, &statement), expected, "{value}");
    }
}

/// Its weights are what a key of public weights checks proofs against: under another root it would still check against them.
#[test]
fn a_key_of_public_weights_takes_no_other_root() {
    let key = |name: &str| {
        let subject: Subject = borsh::from_slice(&files()[&format!("{name}.subject")]).expect("a subject");
        AuditedModel::of(&subject.program, &subject.weights).expect("a key")
    };
    let root = Hash32([7; 32]);
    let committed = key("convolution");
    let (own, other) = (committed.model(), committed.committed(root).expect("weights are committed"));
    assert_eq!(other.weight_root(), root);
    assert_ne!(other.model(), own);
    let refused = key("convolution-public-weights").committed(root).expect_err("weights are public");
    assert!(matches!(refused, AuditError::Proof(VerifyError::Shown { what: "weights", .. })), "{refused}");
}

/// Integers that are checked by themselves, as those of an input that was committed and is opened.
#[test]
fn integers_that_an_input_cannot_have() {
    let (program, _) = frozen("layer");
    let key = AuditedModel::new(&encode(&program), Default::default()).expect("a relation");
    let (Ingest::Fixed { lo, hi, .. }, len) =
        (program.inputs[0].ingest.clone(), program.inputs[0].value_len() as usize)
    else {
        panic!("an input of numbers")
    };
    let told = |values: &[Vec<i64>]| match key.check_inputs(values) {
        Ok(()) => None,
        Err(AuditError::Proof(VerifyError::Integers { input, expected, got })) => Some((input, expected, got)),
        Err(other) => panic!("{other}"),
    };
    let honest = vec![i64::from(hi); len];
    assert_eq!(told(std::slice::from_ref(&honest)), None);
    assert_eq!(told(&[]), Some((1, 1, 0)));
    assert_eq!(told(&[honest.clone(), honest.clone()]), Some((1, 1, 2)));
    assert_eq!(told(&[honest[1..].to_vec()]), Some((0, len, len - 1)));
    for value in [i64::from(lo) - 1, i64::from(hi) + 1] {
        let mut wrong = honest.clone();
        wrong[len - 1] = value;
        assert_eq!(told(&[wrong]), Some((0, len, len)), "{value}");
    }
}

/// Names are those of files, and which part is opened decides which root it is held against.
#[test]
fn a_committed_part_has_its_own_root() {
    let (_, public) = frozen("layer");
    let (_, committed) = frozen("batch-of-three-committed");
    let roots = [Part::Input, Part::Output].map(|part| (part.name(), public.root(part), committed.root(part)));
    let (Shown::Committed(input), Shown::Committed(output)) = (committed.input, committed.output) else {
        panic!("both parts are committed")
    };
    assert_ne!(input, output);
    assert_eq!(roots, [("input", None, Some(input)), ("output", None, Some(output))]);
}
