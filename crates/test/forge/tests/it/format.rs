//! `spec/receipt.md` is enough to write a reader: one that knows nothing else reads the frozen files of `vectors/receipts`.
//!
//! `CIRO_UPDATE=1 cargo test --release -p ciro-forge --test it format` writes the files anew: a decision, not a fix.

use ciro_auditor::{Part, Sample};
use ciro_crypto::hash;
use ciro_forge::network::{JOB, key};
use ciro_forge::{Forger, Frozen};
use ciro_receipt::file::FormatError;
use ciro_receipt::opening::Opening;
use ciro_receipt::receipt::ProvenFor;
use ciro_receipt::{Evidence, Receipt, SampleReceipt, check, check_sample};
use ciro_state::{Action, Authority, GenesisAccount, JobAction, SignedLease, SignedTx, TxBody};
use ciro_types::{Amount, Hash32, Height, Lease, LeaseToken, ModelId, Nonce, decode, encode};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// One frozen file: its table on the page, its frame, and what the code prints of the content.
struct Fixture {
    name: &'static str,
    table: &'static str,
    magic: &'static [u8],
    domain: &'static str,
    file: Vec<u8>,
    printed: String,
}

fn fixture(name: &'static str, file: Vec<u8>, content: &impl Debug) -> Fixture {
    let (table, magic, domain): (_, &[u8], _) = match name {
        "sample" => ("SampleReceipt", b"CIRO-SAMPLE\x02", "ciro/sample-receipt/checksum/v1"),
        "opening" => ("Opening", b"CIRO-OPENING\x01", "ciro/opening/checksum/v1"),
        _ => ("Receipt", b"CIRO-RECEIPT\x03", "ciro/receipt/checksum/v1"),
    };
    Fixture { name, table, magic, domain, file, printed: format!("{content:?}") }
}

fn receipt(name: &'static str, receipt: &Receipt) -> Fixture {
    check(receipt, None).expect("a valid receipt");
    fixture(name, receipt.to_bytes(), receipt)
}

/// A network in which a validator has lost its vote.
fn handed_over() -> Forger {
    let mut forger = Forger { expelled: vec![4], ..Forger::new(&[1, 2, 3, 4]) };
    forger.genesis.accounts.push(GenesisAccount { account: key(79).account(), balance: Amount::ciro(5) });
    forger
}

/// An answer under a lease.
fn leased(forger: &Forger, mut receipt: Receipt) -> Receipt {
    let worker = key(77);
    let (job, token) = (JOB, LeaseToken(8));
    let lease = Lease { job, worker: worker.account(), token, price: Amount::ciro(1), expires: Height(9) };
    let authority = Authority::Lease(SignedLease::sign(lease, &key(0), forger.chain()));
    let (input, output) = (receipt.input.clone(), receipt.output.clone());
    let action = Action::Job(JobAction::Settle { authority, input, output, proof: vec![] });
    let body = TxBody { chain: forger.chain(), sender: worker.account(), nonce: Nonce(4), action };
    receipt.evidence = Evidence::Signed { tx: Box::new(SignedTx::sign(body, &worker)) };
    receipt
}

fn sample() -> Fixture {
    let folder = root().join("vectors/proofs");
    let bytes = std::fs::read(folder.join("batch-of-three-committed.sample")).expect("a sample");
    let (sample, opening): (Vec<u8>, Vec<u8>) = decode(&bytes, 1 << 20).expect("a sample and its opening");
    let sample: Sample = decode(&sample, 1 << 20).expect("canonical");
    let file = SampleReceipt::new(Frozen::named("batch-of-three-committed").receipt(), &sample, opening);
    check_sample(&file, None).expect("a valid receipt");
    fixture("sample", file.to_bytes(), &file)
}

fn opening() -> Fixture {
    let (model, part, salts) = (ModelId([1; 32]), Part::Input, Hash32([2; 32]));
    let opening = Opening { model, part, salts, values: vec![vec![-1, 0, 1], vec![i64::MAX]] };
    fixture("opening", opening.to_bytes(), &opening)
}

fn fixtures() -> Vec<Fixture> {
    let (forger, tree) = (handed_over(), || Frozen::named("A2_linreg_diabetes").answer);
    let frozen = Frozen::named("forest-private-public-weights");
    vec![
        receipt("signed", &forger.signed(tree())),
        receipt("leased", &leased(&forger, forger.signed(tree()))),
        receipt("agreed", &forger.agreed(tree())),
        receipt("proven", &frozen.receipt()),
        sample(),
        opening(),
    ]
}

#[test]
fn the_files_are_the_frozen_ones() {
    for Fixture { name, file, .. } in fixtures() {
        let path = root().join(format!("vectors/receipts/{name}.ciro"));
        if std::env::var_os("CIRO_UPDATE").is_some() {
            std::fs::write(&path, &file).expect("writable");
        }
        let frozen = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(file == frozen, "{name}: the format changed; that takes a new version");
    }
}

/// The tables of the page.
#[derive(Default)]
struct Page {
    /// Fields by their names, in order.
    structs: BTreeMap<String, Vec<(String, String)>>,
    /// Variants by their tags.
    enums: BTreeMap<String, BTreeMap<u8, String>>,
}

/// What stands between backquotes.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

impl Page {
    fn read() -> Self {
        let text = std::fs::read_to_string(root().join("spec/receipt.md")).expect("the page");
        let (mut page, mut name) = (Self::default(), String::new());
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("### ") {
                name = heading.to_string();
            }
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            match cells[..] {
                ["", field, kind, _, ""] if !name.is_empty() => {
                    if let (Some(field), Some(kind)) = (code(field).next(), code(kind).next()) {
                        page.structs.entry(name.clone()).or_default().push((field.into(), kind.into()));
                    }
                }
                ["", tag, _, content, _, ""] if !name.is_empty() => {
                    if let Ok(tag) = tag.parse() {
                        let content = code(content).collect::<Vec<_>>().join(", ");
                        page.enums.entry(name.clone()).or_default().insert(tag, content);
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// Reads bytes by the page alone.
struct Reader<'a> {
    page: &'a Page,
    rest: &'a [u8],
    /// Names of fields, in the order in which they were met.
    fields: Vec<String>,
    /// Tables and variants that were met.
    met: BTreeSet<String>,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        let (head, rest) = self.rest.split_at_checked(count).expect("enough bytes");
        self.rest = rest;
        head
    }

    fn length(&mut self) -> usize {
        u32::from_le_bytes(self.take(4).try_into().expect("four bytes")) as usize
    }

    fn value(&mut self, kind: &str) {
        if let Some(kind) = kind.strip_prefix("list of ") {
            return (0..self.length()).for_each(|_| self.value(kind));
        }
        if let Some(kind) = kind.strip_prefix("option of ") {
            return match self.take(1) {
                [0] => {}
                [1] => self.value(kind),
                other => panic!("expected 0 or 1, got {other:?}"),
            };
        }
        let width = match kind {
            "u8" | "bool" => 1,
            "u16" => 2,
            "u32" => 4,
            "u64" | "i64" => 8,
            "u128" => 16,
            "bytes32" => 32,
            "bytes64" => 64,
            "bytes" | "text" => self.length(),
            table => return self.table(table),
        };
        self.take(width);
    }

    fn table(&mut self, name: &str) {
        let page = self.page;
        if let Some(fields) = page.structs.get(name) {
            self.met.insert(name.into());
            return fields.iter().for_each(|(field, kind)| self.field(name, field, kind));
        }
        let variants = page.enums.get(name).unwrap_or_else(|| panic!("the page has no table {name}"));
        let [tag] = *self.take(1) else { panic!("one byte") };
        let content = variants.get(&tag).unwrap_or_else(|| panic!("{name}: the page has no tag {tag}"));
        self.met.insert(format!("{name} {tag}"));
        for part in content.split(", ").filter(|part| !part.is_empty()) {
            match part.split_once(": ") {
                Some((field, kind)) => self.field(name, field, kind),
                None => self.value(part),
            }
        }
    }

    fn field(&mut self, table: &str, field: &str, kind: &str) {
        // The code prints how many validators a set has, not who they are.
        if table != "Validator" {
            self.fields.push(field.into());
        }
        self.value(kind);
    }
}

/// The names of fields in what the code prints of a value.
fn printed_fields(printed: &str) -> Vec<String> {
    let parts: Vec<&str> = printed.split(": ").collect();
    let name = |part: &&str| part.rsplit([' ', '{', '(']).next().unwrap_or_default().to_string();
    parts.iter().take(parts.len() - 1).map(name).collect()
}

#[test]
fn a_reader_that_knows_the_page_alone_reads_every_file_to_its_end() {
    let page = Page::read();
    let mut met = BTreeSet::new();
    for Fixture { name, table, magic, domain, file, printed } in fixtures() {
        let (content, checksum) = file.split_last_chunk::<32>().expect("a checksum");
        assert_eq!(hash(domain, content).0, *checksum, "{name}");
        let rest = content.strip_prefix(magic).expect("the kind and its version");
        let mut reader = Reader { page: &page, rest, fields: Vec::new(), met: BTreeSet::new() };
        reader.value(table);
        assert_eq!(reader.rest, [] as [u8; 0], "{name}: bytes are left");
        assert_eq!(reader.fields, printed_fields(&printed), "{name}: the code's fields, in the code's order");
        met.extend(reader.met);
    }
    met.extend(inner(&page));
    let variants = page.enums.iter().flat_map(|(name, tags)| tags.keys().map(move |tag| format!("{name} {tag}")));
    let all: BTreeSet<String> = page.structs.keys().cloned().chain(variants).collect();
    // Of the rungs that records name, and of parts, a file has one.
    let rare = ["Assurance 4", "Part 1"].map(String::from);
    assert_eq!(all.difference(&met).cloned().collect::<Vec<_>>(), rare, "tables that no file shows");
}

/// Values that files hold as bytes: the page has their tables, too.
fn inner(page: &Page) -> BTreeSet<String> {
    let answer = Frozen::named("A2_linreg_diabetes").answer;
    let bytes = std::fs::read(root().join("vectors/proofs/batch-of-three-committed.sample")).expect("a sample");
    let (sample, _): (Vec<u8>, Vec<u8>) = decode(&bytes, 1 << 20).expect("a sample and its opening");
    let mut met = BTreeSet::new();
    for (table, bytes) in [("RawInput", answer.input), ("RawOutput", answer.output), ("Sample", sample)] {
        let mut reader = Reader { page, rest: &bytes, fields: Vec::new(), met: BTreeSet::new() };
        reader.value(table);
        assert_eq!(reader.rest, [] as [u8; 0], "{table}: bytes are left");
        met.extend(reader.met);
    }
    met
}

#[test]
fn ids_and_digests_follow_from_the_page() {
    let forger = handed_over();
    let receipt = forger.signed(Frozen::named("A2_linreg_diabetes").answer);
    let settlement = receipt.settlement.as_ref().expect("a settlement");
    let Evidence::Signed { tx } = &receipt.evidence else { panic!("a signed answer") };
    let of = |domain: &str, bytes: Vec<u8>| hash(domain, &bytes);
    let root = receipt.weights.root();
    let pairs = [
        (of("ciro/genesis/v1", encode(&settlement.genesis)), Hash32(settlement.record.chain.0)),
        (of("ciro/model/v2", encode(&(&receipt.program, receipt.key, root))), Hash32(settlement.record.model.0)),
        (of("ciro/input/v1", receipt.input.clone()), settlement.record.input),
        (of("ciro/output/v1", receipt.output.clone()), settlement.record.output),
        (of("ciro/validators/v1", encode(&forger.set())), settlement.certified.header.validators),
        (
            of("ciro/block/header/v1", encode(&settlement.certified.header)),
            Hash32(settlement.certified.certificate.block.0),
        ),
        (of("ciro/settlement/v1", encode(&settlement.record)), settlement.record.digest()),
    ];
    for (place, (by_the_page, got)) in pairs.into_iter().enumerate() {
        assert_eq!(by_the_page, got, "pair {place}");
    }
    let body = of("ciro/tx/v2", encode(&tx.body));
    let (account, chain) = (tx.body.sender, tx.body.chain);
    ciro_crypto::verify(account, "ciro/tx/v2", chain, body, &tx.signature).expect("the worker's signature");
    assert_eq!(ProvenFor::default().job.0, [0; 32], "all zero: no job");
}

#[test]
fn a_file_of_another_version_is_refused_by_its_number() {
    for (mut file, magic) in fixtures().into_iter().map(|fixture| (fixture.file, fixture.magic)) {
        let last = magic.len() - 1;
        file[last] += 1;
        let (expected, got) = (magic[last], magic[last] + 1);
        let errors = [
            Receipt::from_bytes(&file).err(),
            SampleReceipt::from_bytes(&file).err(),
            Opening::from_bytes(&file).err(),
        ];
        let told = |e: &FormatError| match *e {
            FormatError::Version { expected: of, got: is, .. } => (of, is) == (expected, got),
            FormatError::Magic { .. } | FormatError::Checksum { .. } | FormatError::Decode { .. } => false,
        };
        let others = |e: &FormatError| matches!(e, FormatError::Magic { .. });
        let errors: Vec<FormatError> = errors.into_iter().flatten().collect();
        assert_eq!(errors.iter().filter(|e| told(e)).count(), 1, "{errors:?}");
        assert_eq!(errors.iter().filter(|e| others(e)).count(), 2, "of other kinds");
    }
}
