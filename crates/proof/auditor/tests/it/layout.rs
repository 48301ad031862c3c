//! Where the lookups' leaves lie, and what they read.

use crate::replay::{Subject, files};
use ciro_auditor::AuditedModel;
use ciro_relation::ColId;
use ciro_relation::{Column, Expr, Parts, Relation, Rows};
use ciro_verifier::layout::{Slot, lookup_columns, slots};

/// The relations of all frozen proofs.
fn relations() -> Vec<Relation> {
    let files = files();
    let subjects = files.iter().filter(|(name, _)| name.ends_with(".subject"));
    let relation = |(name, bytes): (&String, &Vec<u8>)| {
        let subject: Subject = borsh::from_slice(bytes).expect("a subject");
        AuditedModel::of(&subject.program, &subject.weights)
            .unwrap_or_else(|e| panic!("{name}: {e}"))
            .relation()
            .clone()
    };
    subjects.map(relation).collect()
}

#[test]
fn every_leaf_has_one_slot_at_most() {
    for relation in relations() {
        let (slots, log_len) = slots(&relation);
        let mut taken = vec![false; 1 << log_len];
        for slot in &slots {
            assert_eq!(slot.offset % (slot.end() - slot.offset), 0);
            taken[slot.offset..slot.end()].iter_mut().for_each(|taken| assert!(!std::mem::replace(taken, true)));
        }
        let lookups = relation.lookups.iter().map(|l| (l.rows.parts().real, l.log_len - l.rows.parts().bits));
        let tables = relation.tables.iter().map(|table| (1, table.log_len));
        let rows: usize = lookups.chain(tables).map(|(parts, log_len)| parts << log_len).sum();
        assert_eq!(taken.into_iter().filter(|taken| *taken).count(), rows);
        assert_eq!(slots.iter().map(Slot::end).max(), slots.last().map(Slot::end));
    }
}

/// One value stands for every row, in whichever part: a lookup reads it as one.
#[test]
fn a_column_of_one_value_has_no_parts() {
    let is_cut = |relation: &Relation| relation.lookups.iter().position(|l| l.rows.parts() != Parts::WHOLE);
    let found = relations().into_iter().find_map(|relation| Some((is_cut(&relation)?, relation)));
    let (i, mut relation) = found.expect("a lookup whose rows are cut");
    let cut = relation.lookups[i].rows.parts();
    let of = |relation: &Relation, i: usize| -> Vec<Parts> {
        lookup_columns(relation, &relation.lookups[i]).map(|read| read.parts).collect()
    };
    assert!(of(&relation, i).contains(&cut));
    relation.columns.push(Column { rows: Rows::vector(1), log_len: 0, ..relation.columns[0].clone() });
    relation.lookups[i].tuple = vec![Expr::column(ColId(relation.columns.len() - 1))];
    assert_eq!(of(&relation, i), [Parts::WHOLE]);
}
