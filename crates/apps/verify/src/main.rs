//! `ciro-verify`: checks one receipt and says what it shows. Ends with 0 if it is valid, 1 if not, 2 if it was called wrongly.
#![forbid(unsafe_code)]

use ciro_verify::{Limits, Refused, Terms, Verdict, verify};
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

const USAGE: &str = "usage: ciro-verify RECEIPT [--model MODEL_ID] [--network CHAIN_ID] [--proven]
                   [--max-work UNITS] [--max-memory MIB] [--json]

Checks a receipt offline and says what it shows, and what that rests on. RECEIPT may be - for standard input.

  --model MODEL_ID     accept this model only
  --network CHAIN_ID   accept only what this network has settled; a receipt's verdict prints the id, GET /v1/status of a network too
  --proven             accept only what a proof shows: neither a signature (A0) nor answers that agree (A2)
  --max-work UNITS     most work, units of about a microsecond of one core
  --max-memory MIB     most memory
  --json               print the verdict as JSON
";

/// The longest receipt that is read: longer ones are refused anyway.
const FILE_BYTES_MAX: u64 = ciro_receipt::receipt::RECEIPT_BYTES_MAX as u64;

struct Call {
    receipt: String,
    terms: Terms,
    json: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        return print(USAGE, ExitCode::SUCCESS);
    }
    if args.iter().any(|arg| arg == "--version") {
        return print(concat!("ciro-verify ", env!("CARGO_PKG_VERSION"), "\n"), ExitCode::SUCCESS);
    }
    match parse(&args).and_then(|call| read(&call.receipt).map(|file| (call, file))) {
        Ok((call, file)) => judge(&call, &file),
        Err(reason) => {
            eprintln!("error: {reason}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn judge(call: &Call, file: &[u8]) -> ExitCode {
    let shown = verify(file, &call.terms).and_then(|verdict| match call.json {
        true => print_json(&verdict, &call.terms.limits),
        false => Ok(print(&format!("{}\n", verdict.text), ExitCode::SUCCESS)),
    });
    shown.unwrap_or_else(|refused| {
        match call.json {
            true => eprintln!("{}", serde_json::json!({ "error": refused.to_string() })),
            false => eprintln!("error: {refused}"),
        }
        ExitCode::from(1)
    })
}

/// Written as it is made: the text of all values is kept nowhere.
fn print_json(verdict: &Verdict, limits: &Limits) -> Result<ExitCode, Refused> {
    verdict.admit_json(limits)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match serde_json::to_writer_pretty(&mut out, verdict) {
        Err(error) if !error.is_io() => return Err(Refused::Values(error.to_string())),
        // Whoever reads no further has seen enough.
        Err(_) | Ok(()) => _ = out.write_all(b"\n").and_then(|()| out.flush()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whoever reads no further has seen enough.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    code
}

fn parse(args: &[String]) -> Result<Call, String> {
    let mut terms = Terms::default();
    let (mut receipt, mut json) = (None, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => json = true,
            "--proven" => terms.proven = true,
            "--model" => terms.model = Some(value(arg, args.next())?),
            "--network" => terms.network = Some(value(arg, args.next())?),
            "--max-work" => terms.limits.units = value(arg, args.next())?,
            "--max-memory" => {
                let mib: u64 = value(arg, args.next())?;
                terms.limits = Limits { peak_bytes: mib.saturating_mul(1 << 20), ..terms.limits };
            }
            path if receipt.is_none() && (path == "-" || !path.starts_with('-')) => receipt = Some(path.to_string()),
            other => return Err(format!("expected one receipt, got {other:?} as well")),
        }
    }
    let receipt = receipt.ok_or("expected the file of a receipt, got none")?;
    Ok(Call { receipt, terms, json })
}

fn value<T: std::str::FromStr<Err: ToString>>(option: &str, text: Option<&String>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{option}: expected a value, got none"))?;
    text.parse().map_err(|error: T::Err| format!("{option}: {}", error.to_string()))
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    let mut file = Vec::new();
    let source: Box<dyn std::io::Read> = match path {
        "-" => Box::new(std::io::stdin()),
        path => Box::new(std::fs::File::open(path).map_err(|error| format!("{path}: {error}"))?),
    };
    // One byte more shows that it is longer.
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut file).map_err(|error| format!("{path}: {error}"))?;
    Ok(file)
}
