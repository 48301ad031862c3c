//! What stands behind a verdict: the soundness budget term by term, and the sizes that it follows from.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use crate::error::CliError;
use ciro_auditor::AuditedModel;
use ciro_graph::Profile;
use ciro_receipt::{Evidence, Receipt};
use ciro_relation::{Cost, Limits, Poly};
use ciro_types::Hash32;
use serde::{Serialize, Serializer};

/// What stands behind a receipt.
#[derive(Serialize)]
pub(super) struct Details {
    /// What the model was compiled for: `native` or `chain`.
    #[serde(serialize_with = "as_name")]
    profile: Profile,
    /// The digest of the key that follows from the program.
    key: Hash32,
    /// None where the receipt carries no proof.
    soundness: Option<Soundness>,
    cost: CostView,
    sizes: Sizes,
}

/// What verifying takes at most, building the key included.
#[derive(Serialize)]
pub(crate) struct CostView {
    /// About a microsecond of one core each: what limits are about.
    units: u64,
    field_ops: u64,
    hash_bytes: u64,
    peak_bytes: u64,
}

/// How unlikely it is that a false statement passes.
#[derive(Serialize)]
struct Soundness {
    /// Bits that every proof must have.
    security_bits: u32,
    /// Bits of the union of all terms, rounded down, by the weaker of the two theorems on proximity (BCHKS25).
    total_bits: u32,
    /// As `total_bits`, by the newer one (DKT26).
    total_bits_newer: u32,
    /// Every way in which a false statement could pass.
    terms: Vec<Term>,
    oracles: Vec<Oracle>,
}

#[derive(Serialize)]
struct Term {
    what: &'static str,
    /// Bits with the work, by BCHKS25.
    bits: u32,
    /// Bits with the work, by DKT26.
    bits_newer: u32,
    /// Proof of work before the challenge it depends on, bits.
    work_bits: u32,
}

/// One committed codeword and how it is queried.
#[derive(Serialize)]
struct Oracle {
    what: String,
    log_inverse_rate: u32,
    log_leaves: u32,
    queries: usize,
}

#[derive(Serialize)]
struct Sizes {
    receipt_bytes: usize,
    program_bytes: usize,
    /// None where the receipt carries no proof.
    proof_bytes: Option<usize>,
    operators: usize,
    constants: u64,
    /// Cells of the columns that are committed per proof.
    witness_cells: usize,
    columns: usize,
    constraints: usize,
    lookups: usize,
    /// Real rows of all lookups.
    lookup_rows: usize,
    tables: usize,
    table_rows: usize,
    products: usize,
    views: usize,
    gathers: usize,
}

/// The details of a receipt that was checked within these limits.
pub(super) fn details(receipt: &Receipt, limits: &Limits) -> Result<Details, CliError> {
    let key = AuditedModel::of_within(&receipt.program, &receipt.weights, limits).map_err(CliError::failed)?;
    let is_proven = matches!(receipt.evidence, Evidence::Proven { .. });
    Ok(Details {
        profile: key.program().profile,
        key: key.digest(),
        soundness: is_proven.then(|| soundness(&key)),
        cost: CostView::of(&key),
        sizes: sizes(receipt, &key),
    })
}

fn soundness(key: &AuditedModel) -> Soundness {
    let budget = key.budget();
    Soundness {
        security_bits: key.params().security.bits(),
        total_bits: budget.total_bits,
        total_bits_newer: budget.total_bits_newer,
        terms: budget.terms.iter().map(Term::of).collect(),
        oracles: oracles(key),
    }
}

fn oracles(key: &AuditedModel) -> Vec<Oracle> {
    let first = key.relation().committed().map(|space| match space.poly {
        Poly::Model => "weights".to_string(),
        other => other.name().to_string(),
    });
    let names = first.chain((1..).map(|i| format!("fold {i}")));
    let rounds = key.params().first.iter().chain(&key.params().tail);
    let oracle = |(round, what): (&ciro_pcs::params::Round, String)| Oracle {
        what,
        log_inverse_rate: round.log_inv_rate,
        log_leaves: round.log_leaves(),
        queries: round.queries,
    };
    rounds.zip(names).map(oracle).collect()
}

fn sizes(receipt: &Receipt, key: &AuditedModel) -> Sizes {
    let (program, relation) = (key.program(), key.relation());
    let len = |shape: &[u32]| shape.iter().fold(1, |len: u64, &d| len.saturating_mul(u64::from(d)));
    Sizes {
        receipt_bytes: receipt.to_bytes().len(),
        program_bytes: receipt.program.len(),
        proof_bytes: match &receipt.evidence {
            Evidence::Proven { proof, .. } => Some(proof.len()),
            Evidence::Signed { .. } | Evidence::Agreed => None,
        },
        operators: program.nodes.len(),
        constants: program.constants.iter().map(|constant| len(&constant.shape)).sum(),
        witness_cells: relation.made_cells(),
        columns: relation.columns.len(),
        constraints: relation.sections.iter().map(|section| section.constraints.len()).sum(),
        lookups: relation.lookups.len(),
        lookup_rows: relation.lookups.iter().map(|lookup| lookup.rows.real()).sum(),
        tables: relation.tables.len(),
        table_rows: relation.tables.iter().map(|table| table.rows.real()).sum(),
        products: relation.products.len(),
        views: relation.views.len(),
        gathers: relation.gathers.len(),
    }
}

impl Details {
    /// For people.
    pub(super) fn text(&self) -> String {
        let soundness = self.soundness.as_ref().map_or_else(
            || "no proof in this receipt: nothing but signatures speaks for the output".into(),
            Soundness::text,
        );
        let (cost, sizes) = (self.cost.text(), self.sizes.text());
        format!(
            "profile {}\nkey {}\n\n{soundness}\n\ncost of verification, at most: it follows from the program alone, and the key is part of it\n{cost}\n\nsizes\n{sizes}",
            self.profile_text(),
            self.key
        )
    }
}

impl Details {
    fn profile_text(&self) -> String {
        let made_for = match self.profile {
            Profile::Native => "proofs that are made fast",
            Profile::Chain => "proofs that are small and cheap to verify in a contract",
        };
        format!("{}: {made_for}", name(self.profile))
    }
}

const fn name(profile: Profile) -> &'static str {
    match profile {
        Profile::Native => "native",
        Profile::Chain => "chain",
    }
}

fn as_name<S: Serializer>(profile: &Profile, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name(*profile))
}

impl CostView {
    pub(crate) fn of(key: &AuditedModel) -> Self {
        let cost = key.cost();
        let Cost { field_ops, hash_bytes, peak_bytes } = cost;
        Self { units: cost.units(), field_ops, hash_bytes, peak_bytes }
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "  {} units of about 1 µs: {} field operations, {} bytes hashed\n  {} bytes of memory",
            self.units, self.field_ops, self.hash_bytes, self.peak_bytes
        )
    }
}

impl Soundness {
    fn text(&self) -> String {
        let mut lines = vec![format!(
            "soundness: every way a false statement could pass, one in 2^bits tries each ({} bits wanted)",
            self.security_bits
        )];
        lines.extend(self.terms.iter().map(Term::line));
        lines.extend([
            line("union of all by BCHKS25 (ePrint 2025/2055), which is met", self.total_bits, ""),
            line("union of all by DKT26 (ePrint 2026/2056)", self.total_bits_newer, ""),
        ]);
        lines.push(
            "\ncommitments: codewords, of which a message fills the part called rate; the transcript draws which leaves are opened".into(),
        );
        lines.extend(self.oracles.iter().map(Oracle::line));
        lines.join("\n")
    }
}

impl Term {
    fn of(term: &ciro_pcs::Term) -> Self {
        let (bits, bits_newer) = (term.total(), term.total_newer());
        Self { what: term.what, bits, bits_newer, work_bits: term.work }
    }

    fn line(&self) -> String {
        let work = if self.work_bits == 0 { String::new() } else { format!(", {} of them work", self.work_bits) };
        let newer =
            if self.bits_newer == self.bits { String::new() } else { format!(", {} by DKT26", self.bits_newer) };
        line(self.what, self.bits, &format!("{work}{newer}"))
    }
}

fn line(what: &str, bits: u32, more: &str) -> String {
    format!("  {what:<54} {bits:>4} bits{more}")
}

impl Oracle {
    fn line(&self) -> String {
        format!(
            "  {:<10} rate 1/2^{:<2} {:>4} queries of 2^{} leaves",
            self.what, self.log_inverse_rate, self.queries, self.log_leaves
        )
    }
}

impl Sizes {
    fn text(&self) -> String {
        let proof = self.proof_bytes.map_or_else(|| "none".into(), |bytes| format!("{bytes} bytes"));
        let row = |what: &str, detail: String| format!("  {what:<10} {detail}");
        let rows = [
            row(
                "receipt",
                format!("{} bytes of file: program {}, proof {proof}", self.receipt_bytes, self.program_bytes),
            ),
            row("program", format!("{} operators on {} constants, weights and tables", self.operators, self.constants)),
            row("relation", "what the proof shows of the run:".into()),
            row(
                "",
                format!(
                    "{} columns of integers, {} cells of them committed for this proof",
                    self.columns, self.witness_cells
                ),
            ),
            row("", format!("{} equations that hold in every row", self.constraints)),
            row("", format!("{} products of matrices", self.products)),
            row("", format!("{} views: columns in another order, or repeated", self.views)),
            row("", format!("{} gathers: cells picked from columns", self.gathers)),
            row("lookups", format!("{} lists of {} rows, each row one of a table's", self.lookups, self.lookup_rows)),
            row("", format!("{} tables of {} rows together", self.tables, self.table_rows)),
        ];
        rows.join("\n")
    }
}
