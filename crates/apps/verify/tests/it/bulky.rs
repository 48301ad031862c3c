//! Receipts whose values are far longer as text than as bytes.

use ciro_forge::{Answer, Forger, Frozen};
use ciro_graph::{Column, OutputKind, Program, RawInput, RawOutput, RawTensor};
use ciro_types::encode;
use ciro_verify::{Limits, Refused, Terms, Verdict, verify};

/// The smallest float32 that is no zero: 47 characters.
const SMALLEST: u32 = 1;

/// A signed receipt of a batch. Of its columns, every other one is a category of 256 bytes, the others are `number`, as are all without `texts`.
fn receipt(batch: u32, texts: bool, number: u32) -> Vec<u8> {
    let frozen = Frozen::named("B_dtree_bc_ml").answer;
    let program: Program = borsh::from_slice(&frozen.program).expect("a program");
    let RawInput(input) = borsh::from_slice(&frozen.input).expect("an input");
    let RawOutput(output) = borsh::from_slice(&frozen.output).expect("an output");
    let width = input[0].bits.len();
    let is_text = |i: usize| texts && i.is_multiple_of(2);
    let mut program = program.batched(batch);
    program.columns = (0..width).map(|i| if is_text(i) { category() } else { Column::default() }).collect();
    for output in &mut program.outputs {
        if let OutputKind::IntLabel { labels } = &output.kind {
            let labels = (0..labels.len()).map(|i| format!("{i}{}", "y".repeat(255))).collect();
            output.kind = OutputKind::TextLabel { labels };
        }
    }
    let row = (0..width).map(|i| if is_text(i) { 0 } else { number }).collect::<Vec<_>>();
    let shape = std::iter::once(batch).chain(input[0].shape.iter().copied()).collect();
    let input = RawInput(vec![RawTensor { shape, bits: row.repeat(batch as usize) }]);
    let output = RawOutput(output.iter().map(|values| values.repeat(batch as usize)).collect());
    let (program, input, output) = (encode(&program), encode(&input), encode(&output));
    Forger::default().signed(Answer { program, input, output, ..frozen }).to_bytes()
}

/// As long as a text may be, and each second byte is escaped.
fn category() -> Column {
    Column { categories: vec![r#"x""#.repeat(128)], ..Column::default() }
}

fn valid(file: &[u8]) -> Verdict {
    verify(file, &Terms::default()).expect("is valid")
}

fn json_bytes(verdict: &Verdict) -> u64 {
    serde_json::to_string_pretty(verdict).expect("is JSON").len() as u64
}

fn memory(peak_bytes: u64) -> Limits {
    Limits { peak_bytes, ..Limits::default() }
}

#[test]
fn what_json_takes_is_counted_as_it_is_printed() {
    for (texts, number) in [(true, SMALLEST), (false, SMALLEST), (false, 0), (true, f32::to_bits(-1.5))] {
        let verdict = valid(&receipt(64, texts, number));
        let nameless = Verdict { inputs: None, outputs: None, ..verdict.clone() };
        let printed = json_bytes(&verdict) - json_bytes(&nameless);
        assert!(verdict.admit_json(&memory(8 * printed)).is_ok());
        // Names and brackets are not counted: some dozens of bytes.
        let refused = verdict.admit_json(&memory(8 * (printed - 200)));
        assert!(matches!(refused, Err(Refused::Long { expected, .. }) if expected == printed - 200), "{refused:?}");
    }
}

/// Five megabytes are a hundred of JSON. People are shown the first elements, whatever the others are.
#[test]
fn values_that_are_too_long_for_json_are_refused_by_name() {
    let verdict = valid(&receipt(1 << 14, true, SMALLEST));
    assert!(verdict.text.len() < 1 << 16);
    let limits = Limits::default();
    let refused = verdict.admit_json(&limits).expect_err("takes more than an eighth of the memory");
    assert!(matches!(refused, Refused::Long { expected, got } if expected == limits.peak_bytes / 8 && got > expected));
    assert!(refused.to_string().contains("raise --max-memory"), "{refused}");
    assert!(verdict.admit_json(&memory(4 * limits.peak_bytes)).is_ok());
}

#[test]
fn an_ordinary_batch_of_any_size_is_printed() {
    let verdict = valid(&receipt(1 << 16, false, f32::to_bits(-1.5)));
    assert!(verdict.admit_json(&Limits::default()).is_ok());
}
