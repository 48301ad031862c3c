//! `ciro quote`: what each rung costs and is worth.
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

use crate::cli::QuoteArgs;
use crate::client::requirements;
use crate::error::CliError;
use crate::home;
use crate::local;
use crate::ui::Ui;
use ciro_api::http::{Quote, Rung};
use ciro_types::Escaped;

pub(crate) fn run(args: &QuoteArgs, ui: &Ui) -> Result<(), CliError> {
    let home = home::resolve(args.data.data.as_deref())?;
    let reached = local::reach(&home, *ui)?;
    let quote = reached.client.quote(&requirements(&args.needs))?;
    ui.result(&quote, || text(&quote))
}

fn text(quote: &Quote) -> String {
    let head = format!(
        "{:<5} {:>14} {:>12}  {:<32} {:>16}",
        "rung", "price CIRO", "median", "cheat goes unnoticed", "cost to corrupt"
    );
    let mut lines = vec![head];
    lines.extend(quote.rungs.iter().map(line));
    lines.push(String::new());
    lines.extend(quote.rungs.iter().map(|rung| format!("{:?}: {}", rung.assurance, Escaped(&rung.basis))));
    let (percent, hundredths) = (quote.fee.0 / 100, quote.fee.0 % 100);
    lines.push(format!(
        "Prices include the protocol fee of {percent}.{hundredths:02} %. What a job does not need comes back, but not the {} CIRO \
         that the order's transaction costs on top.",
        quote.order_fee
    ));
    lines.join("\n")
}

fn line(rung: &Rung) -> String {
    let price = rung.price.map_or_else(|| "nobody".to_string(), |price| price.to_string());
    let latency = match rung.latency_ms {
        Some(ms) => format!("{ms} ms / {}", rung.latency_jobs),
        None => "not measured".to_string(),
    };
    let name = format!("{:?}", rung.assurance);
    let cost = rung.cost_to_corrupt.to_string();
    let mut line =
        format!("{name:<5} {price:>14} {latency:>12}  {:<32} {cost:>16}", Escaped(&rung.undetected).to_string());
    if let Some(refusal) = &rung.refusal {
        line.push_str(&format!("\n      {}", Escaped(refusal)));
    }
    line
}
