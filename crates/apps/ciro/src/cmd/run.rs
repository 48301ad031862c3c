//! `ciro run`: quote, escrow, answer, receipt, checked here.
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
#![expect(clippy::float_arithmetic, reason = "how long a stage took, for people")]

use crate::cli::RunArgs;
use crate::client::{assurance, open_for_writing, orders, purse, requirements};
use crate::error::CliError;
use crate::home;
use crate::local;
use crate::models;
use crate::show::{self, Outputs};
use crate::ui::Ui;
use ciro_client::{Buyer, End, Held, Published, Registration, Wish};
use ciro_graph::Visibility;
use ciro_receipt::{Report, check};
use ciro_state::job_id;
use ciro_types::{AccountId, Amount, Assurance, ChainId, Height, JobId, ModelId, encode};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;

#[derive(Serialize)]
struct View {
    outputs: Outputs,
    model_id: ModelId,
    job: JobId,
    network: ChainId,
    is_throwaway: bool,
    assurance: Assurance,
    proven: bool,
    #[serde(skip)]
    worth: &'static str,
    workers: Vec<AccountId>,
    paid: Amount,
    fee: Amount,
    /// None where the model was registered before.
    registration: Option<Registration>,
    height: Height,
    stages_ms: BTreeMap<&'static str, f64>,
    receipt: String,
}

/// Times stages and says when each is over.
struct Stages<'a> {
    ui: &'a Ui,
    since: Instant,
    took: BTreeMap<&'static str, f64>,
}

impl Stages<'_> {
    fn done(&mut self, name: &'static str, detail: &str) {
        let took = self.since.elapsed();
        self.took.insert(name, took.as_secs_f64() * 1e3);
        self.ui.stage(name, took, detail);
        self.since = Instant::now();
    }
}

pub(crate) fn run(args: &RunArgs, ui: &Ui) -> Result<(), CliError> {
    let mut stages = Stages { ui, since: Instant::now(), took: BTreeMap::new() };
    let wish = wish(args, ui)?;
    stages.done("model", &wish.model.program.name);

    let reached = local::reach(&home::resolve(args.data.data.as_deref())?, *ui)?;
    let status = open_for_writing(&reached.client, ui)?;
    let (purse, orders) = (purse(&reached.home)?, orders(&reached.home));
    reached.client.sign_as(purse.key(), &status);
    let buyer = Buyer { client: &reached.client, status: &status, purse: &purse, orders: &orders, watch: ui };
    stages.done("network", &format!("{} at height {}", status.network, status.height));

    let published = buyer.publish(&wish)?;
    stages.done("publish", &about(&published));
    let (job, held) = have_answered(&buyer, &wish, &published, &mut stages)?;
    stages.done("answer", answered(wish.assurance));
    let receipt = buyer.receipt(job)?;
    stages.done("certify", "more than two thirds of the stake signed the block");
    let report = check(&receipt, Some(status.chain))
        .map_err(|e| CliError::failed(format!("the network handed over an invalid receipt: {e}")))?;
    stages.done("verify", "checked on this machine");

    std::fs::write(&args.output, receipt.to_bytes())
        .map_err(|e| CliError::failed(format!("cannot write {}: {e}", args.output.display())))?;
    held.end();
    let view = View { registration: published.registration, ..view(args, report, stages.took, reached.is_throwaway)? };
    ui.result(&view, || text(&view))
}

/// Orders until the job is paid: a second time if workers could not fetch what the network said it held.
fn have_answered(
    buyer: &Buyer<'_>,
    wish: &Wish,
    published: &Published,
    stages: &mut Stages<'_>,
) -> Result<(JobId, Box<dyn Held>), CliError> {
    let mut is_sent_again = false;
    loop {
        let (spec, held) = buyer.order(wish, published.model, published.input)?;
        let (job, fee) = (job_id(&spec), buyer.transaction_fee(&spec));
        let price = format!("up to {} CIRO, and {fee} CIRO for the transaction", spec.max_price);
        stages.done("escrow", &format!("job {}, {price}", job.short()));
        // An error here ends no order: the job may still be answered and paid.
        let end = buyer.wait_for_end(job)?;
        if matches!(end, End::Paid) {
            return Ok((job, held));
        }
        held.end();
        if is_sent_again || !end.lacked_supplies() {
            end.paid()?;
        }
        buyer.send_again(wish)?;
        is_sent_again = true;
        stages.done("sent again", "workers could not fetch the model or the input");
    }
}

fn about(published: &Published) -> String {
    let model = published.model.short();
    match &published.registration {
        Some(Registration { deposit, fee }) if *deposit == Amount::ZERO => {
            format!("model {model}, registered for a fee of {fee} CIRO")
        }
        Some(Registration { deposit, fee }) => {
            format!("model {model}, registered for a deposit of {deposit} CIRO and a fee of {fee} CIRO")
        }
        None => format!("model {model}"),
    }
}

fn wish(args: &RunArgs, ui: &Ui) -> Result<Wish, CliError> {
    let compiled = models::load(&args.model, &args.form, ui)?;
    if compiled.model.program.visibility != Visibility::default() {
        let reason = "the network takes models whose input and output are public and whose weights are committed";
        return Err(CliError::usage(reason)
            .hint("make the receipt yourself with `ciro prove`, or compile without visibility options"));
    }
    let input = models::input(&compiled.model.program, &args.input, args.sample, ui)?;
    Ok(Wish {
        model: compiled.model,
        input: encode(&input),
        assurance: assurance(args.assurance),
        requirements: requirements(&args.needs),
        max_price: args.max_price,
        deadline: args.deadline,
    })
}

const fn answered(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::A0 => "executed, signed, paid",
        Assurance::A2 => "executed twice, compared, paid",
        Assurance::A4 => "executed, proven, verified by every validator, paid",
    }
}

fn view(
    args: &RunArgs,
    report: Report,
    stages_ms: BTreeMap<&'static str, f64>,
    is_throwaway: bool,
) -> Result<View, CliError> {
    let output = report.output.public().ok_or_else(|| CliError::failed("the receipt hides the output"))?;
    let outputs = show::outputs(&report.program, output)?;
    let (proven, worth) = (report.is_proven(), report.worth());
    let record = report.record.ok_or_else(|| CliError::failed("the receipt carries no settlement"))?;
    let mut prices = record.payments.iter().map(|payment| payment.price);
    let paid = prices.try_fold(Amount::ZERO, Amount::checked_add);
    Ok(View {
        outputs,
        model_id: report.model,
        job: record.job,
        network: record.chain,
        is_throwaway,
        assurance: report.assurance,
        proven,
        worth,
        workers: record.payments.iter().map(|payment| payment.worker).collect(),
        paid: paid.ok_or_else(|| CliError::failed("the receipt's payments are more than any money there is"))?,
        fee: record.fee,
        registration: None,
        height: record.height,
        stages_ms,
        receipt: args.output.display().to_string(),
    })
}

fn text(view: &View) -> String {
    format!(
        "{}\n\nworth    {}\nmodel    {}\njob      {}\npaid     {} CIRO and a fee of {} CIRO\n{}receipt  {}\ncheck    ciro verify {}",
        show::output_lines(&view.outputs),
        view.worth,
        view.model_id,
        view.job,
        view.paid,
        view.fee,
        view.registration.map_or_else(String::new, |registration| registered(view.model_id, registration)),
        view.receipt,
        view.receipt,
    )
}

/// A line of its own: it is paid once for all jobs on the model.
fn registered(model: ModelId, Registration { deposit, fee }: Registration) -> String {
    if deposit == Amount::ZERO {
        return format!("once     {fee} CIRO for registering the model; a deposit is held already\n");
    }
    format!(
        "once     {fee} CIRO for registering the model, and a deposit of {deposit} CIRO; `ciro wallet remove-model {model}` returns it\n"
    )
}
