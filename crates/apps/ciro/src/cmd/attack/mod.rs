//! `ciro attack`: every attacker of the network that we know, each against a network of its own, each losing.
//!
//! | module | what it holds |
//! |---|---|
//! | [`attacker`] | what an attacker is |
//! | [`attackers`] | one file per attacker, and the list of all |
//! | [`arena`] | the network under attack, and an honest client in it |
//! | [`wire`] | requests as an attacker writes them: byte by byte |
//! | [`villain`] | keys and transactions of attackers |

mod arena;
mod attacker;
mod attackers;
mod villain;
mod wire;

use crate::error::CliError;
use crate::ui::{Ui, human_duration};
use arena::{Arena, Needs, Site};
use attacker::{Attacker, Verdict};
use attackers::ATTACKERS;
use ciro_sim::scenario::SCENARIOS;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command};
use serde::Serialize;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Instant;

/// `ciro attack`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ciro attack --list\n  ciro attack slow-body descriptor-eater\n  ciro attack --all --seed 7 --json\n  ciro attack rebinding-page --against http://127.0.0.1:8700\n  ciro attack --all --against http://127.0.0.1:8700 --key wallet.json\n\nEach attacker gets a network of its own: a node on a free port with a temporary directory, or the simulator. Exit code 0: every\nattacker lost; 1: one won, and its name and the seed are the bug report."
)]
pub(crate) struct AttackArgs {
    /// Which attackers
    #[arg(value_name = "NAME", conflicts_with_all = ["all", "list"], value_parser = AnyName, hide_possible_values = true)]
    pub(crate) names: Vec<String>,
    /// Every attacker
    #[arg(long)]
    pub(crate) all: bool,
    /// Name every attacker, what it does and what must happen
    #[arg(long, conflicts_with = "all")]
    pub(crate) list: bool,
    /// Number from which the attacker's keys and choices follow; take another at a node that has seen it
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// `simulator`; `up`, a node that is started for it; or the address of one that runs [default: both of the first]
    #[arg(long, value_name = "simulator | up | URL")]
    pub(crate) against: Option<String>,
    /// Key file of the account that pays at the URL: 2,000 CIRO cover all honest jobs and attackers' stakes
    #[arg(long, value_name = "FILE", requires = "against")]
    pub(crate) key: Option<PathBuf>,
}

/// Every name that an attacker has.
static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| listed().into_iter().map(|listed| listed.name).collect());

/// Takes any word, which [`choose`] judges, and tells shells the names that complete.
#[derive(Clone)]
struct AnyName;

impl TypedValueParser for AnyName {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(NAMES.iter().map(|name| PossibleValue::new(name.as_str()))))
    }
}

/// Where an attack is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Ground {
    /// The whole network on one thread, from a seed.
    Simulator,
    /// A node that runs.
    Node,
}

impl Ground {
    const fn name(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Node => "node",
        }
    }
}

#[derive(Serialize)]
struct Listed {
    name: String,
    against: Ground,
    does: String,
    must: String,
}

#[derive(Serialize)]
struct Outcome {
    name: String,
    against: Ground,
    seed: u64,
    attacker_lost: bool,
    how: String,
    ms: u128,
}

pub(crate) fn run(args: &AttackArgs, ui: &Ui) -> Result<(), CliError> {
    if args.list {
        return list(ui);
    }
    let chosen = choose(args)?;
    let mut outcomes = Vec::new();
    for candidate in chosen {
        ui.note(&format!("… {}", candidate.name()));
        let outcome = candidate.run(args)?;
        let mark = if outcome.attacker_lost { "lost" } else { "WON" };
        let took = human_duration(std::time::Duration::from_millis(u64::try_from(outcome.ms).unwrap_or(u64::MAX)));
        ui.note(&format!("{:<22} {mark:<5} {took:>9}  {}", outcome.name, outcome.how));
        outcomes.push(outcome);
    }
    let winners: Vec<_> = outcomes.iter().filter(|outcome| !outcome.attacker_lost).map(|o| o.name.clone()).collect();
    ui.result(&outcomes, || summary(&outcomes))?;
    if winners.is_empty() {
        return Ok(());
    }
    Err(CliError::failed(format!("won: {}", winners.join(", "))).hint("the seed and the name are the bug report"))
}

fn summary(outcomes: &[Outcome]) -> String {
    let lost = outcomes.iter().filter(|outcome| outcome.attacker_lost).count();
    format!("{lost} of {} attackers lost", outcomes.len())
}

fn list(ui: &Ui) -> Result<(), CliError> {
    let all = listed();
    ui.result(&all, || all.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn listed() -> Vec<Listed> {
    let on_nodes = ATTACKERS.iter().map(|attacker| Listed {
        name: attacker.name.into(),
        against: Ground::Node,
        does: attacker.does.into(),
        must: attacker.must.into(),
    });
    let simulated = SCENARIOS.iter().map(|scenario| Listed {
        name: dashed(scenario.name),
        against: Ground::Simulator,
        does: scenario.does.into(),
        must: scenario.must.into(),
    });
    on_nodes.chain(simulated).collect()
}

fn line(listed: &Listed) -> String {
    let Listed { name, against, does, must } = listed;
    format!("{name:<22} {:<10} {does}\n{:<33} must: {must}", against.name(), "")
}

/// A scenario's name as one word.
fn dashed(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

/// An attack that was asked for.
enum Candidate {
    Node(&'static Attacker),
    Simulated(&'static ciro_sim::scenario::Scenario),
}

fn choose(args: &AttackArgs) -> Result<Vec<Candidate>, CliError> {
    let takes_nodes = args.against.as_deref() != Some("simulator");
    let takes_simulator = matches!(args.against.as_deref(), None | Some("simulator"));
    let all = || {
        let nodes = ATTACKERS.iter().filter(|_| takes_nodes).map(Candidate::Node);
        nodes.chain(SCENARIOS.iter().filter(|_| takes_simulator).map(Candidate::Simulated))
    };
    if args.all {
        let fitting = all().filter(|candidate| !candidate.takes_own_node() || !is_foreign(args));
        return fitting.map(|candidate| candidate.funded(args)).collect();
    }
    let mut chosen = Vec::new();
    for name in &args.names {
        let found: Vec<_> = all().filter(|candidate| candidate.name() == *name).collect();
        if found.is_empty() {
            return Err(CliError::usage(format!("no attacker is called {name}")).hint("`ciro attack --list` names all"));
        }
        for candidate in found {
            chosen.push(candidate.funded(args)?);
        }
    }
    if chosen.is_empty() {
        return Err(CliError::usage("expected the name of an attacker").hint("`ciro attack --list` names all"));
    }
    Ok(chosen)
}

/// Whether the attack is on a node that somebody else has started.
fn is_foreign(args: &AttackArgs) -> bool {
    !matches!(args.against.as_deref(), None | Some("up" | "simulator"))
}

impl Candidate {
    fn takes_own_node(&self) -> bool {
        match self {
            Self::Node(attacker) => matches!(attacker.needs, Needs::OwnNode { .. }),
            Self::Simulated(_) => false,
        }
    }

    /// Itself, if it has what it needs.
    fn funded(self, args: &AttackArgs) -> Result<Self, CliError> {
        if is_foreign(args) && self.takes_own_node() {
            let message = format!("{} looks at the process and the disk of a node that it started", self.name());
            return Err(CliError::usage(message).hint("leave --against out, or say `--against up`"));
        }
        let costs = matches!(&self, Self::Node(Attacker { needs: Needs::Money, .. }));
        if costs && is_foreign(args) && args.key.is_none() {
            let message = format!("{} needs money at a node that it did not start", self.name());
            return Err(
                CliError::usage(message).hint("--key FILE names the key file of an account with 2,000 CIRO there")
            );
        }
        Ok(self)
    }

    fn name(&self) -> String {
        match self {
            Self::Node(attacker) => attacker.name.into(),
            Self::Simulated(scenario) => dashed(scenario.name),
        }
    }

    fn run(&self, args: &AttackArgs) -> Result<Outcome, CliError> {
        let started = Instant::now();
        let (against, verdict) = match self {
            Self::Node(attacker) => {
                let mut arena = Arena::open(
                    &Site::of(args.against.as_deref(), args.key.as_deref(), attacker.needs),
                    attacker.name,
                    args.seed,
                )?;
                let verdict = (attacker.attack)(&mut arena)?;
                (Ground::Node, verdict.and_then(|how| arena.still_serves().map(|served| format!("{how}; {served}"))))
            }
            Self::Simulated(scenario) => (Ground::Simulator, simulate(scenario, args.seed)),
        };
        let ms = started.elapsed().as_millis();
        let (attacker_lost, how) = match verdict {
            Ok(how) => (true, how),
            Err(how) => (false, how),
        };
        Ok(Outcome { name: self.name(), against, seed: args.seed, attacker_lost, how, ms })
    }
}

fn simulate(scenario: &ciro_sim::scenario::Scenario, seed: u64) -> Verdict {
    match ciro_sim::run((scenario.plan)(seed), scenario.verdict) {
        Ok(report) => Ok(format!("{} blocks, {} receipts checked", report.height, report.receipts)),
        Err(failure) => Err(failure.violation.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> AttackArgs {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            attack: AttackArgs,
        }
        let line = ["attack"].iter().chain(words);
        <Line as clap::Parser>::try_parse_from(line).map(|line| line.attack).expect("a command line")
    }

    #[test]
    fn what_cannot_be_tried_at_a_foreign_node_is_refused_with_what_it_lacks() {
        const URL: &str = "http://127.0.0.1:1";
        let refusal = |words: &[&str]| choose(&args(words)).map(|_| ()).expect_err("refused").message;
        assert!(refusal(&["flood", "--against", URL]).contains("needs money"));
        assert!(refusal(&["torn-row", "--against", URL, "--key", "k"]).contains("that it started"));
        let named =
            |words: &[&str]| choose(&args(words)).expect("chosen").iter().map(Candidate::name).collect::<Vec<_>>();
        assert_eq!(named(&["rebinding-page", "--against", URL]), ["rebinding-page"]);
        let all = named(&["--all", "--against", URL, "--key", "k"]);
        assert!(all.contains(&"flood".into()) && !all.contains(&"torn-row".into()), "{all:?}");
        assert_eq!(named(&["full-disk", "flood"]), ["full-disk", "flood", "flood"], "both grounds");
    }

    #[test]
    fn every_attacker_has_a_name_on_its_ground_and_says_what_it_does_and_what_must_happen() {
        let listed = listed();
        let names: BTreeSet<_> = listed.iter().map(|listed| (&listed.name, listed.against.name())).collect();
        let musts: BTreeSet<_> = listed.iter().map(|listed| (&listed.does, &listed.must)).collect();
        assert_eq!((names.len(), musts.len()), (listed.len(), listed.len()));
        for Listed { name, does, must, .. } in &listed {
            let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            assert!(is_word && !does.is_empty() && !must.is_empty(), "{name}");
        }
    }

    #[test]
    fn the_page_says_how_long_each_attacker_takes() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/reference/attack.md"));
        for Listed { name, against, .. } in listed() {
            let row = format!("| `{name}` | {} | ", against.name());
            assert!(page.lines().any(|line| line.starts_with(&row)), "{row}");
        }
    }

    #[test]
    fn what_only_sends_transactions_is_tried_on_nodes_and_in_the_simulator() {
        let grounds = |words: &[&str]| choose(&args(words)).expect("chosen").len();
        for name in ["flood", "gap-flood", "stale-nonce", "free-rows", "replayed-refusal", "zero-proof", "spoofed-name"]
        {
            assert_eq!(grounds(&[name]), 2, "{name}");
            assert_eq!(grounds(&[name, "--against", "simulator"]), 1, "{name}");
        }
    }
}
