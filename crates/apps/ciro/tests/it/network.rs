//! The commands that need a network: against one that runs, one that is thrown away, and one that is killed.

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../vectors/models/A_logreg_bc.onnx");
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../vectors/models/A_logreg_bc.npz");

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ciro"));
    command.args(args).env("CIRO_HOME", home);
    command
}

fn ciro(home: &Path, args: &[&str]) -> Output {
    command(home, args).output().expect("the binary starts")
}

fn json(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    serde_json::from_slice(&output.stdout).expect("stdout is JSON")
}

/// A running `ciro up`, killed when dropped.
struct Up(Child);

impl Up {
    /// Starts it and waits until it says where it answers.
    fn start(home: &Path) -> Self {
        Self::start_with(home, &[])
    }

    fn start_with(home: &Path, more: &[&str]) -> Self {
        let mut child = command(home, &[&["up", "--port", "0", "--quiet"], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("stdout is text");
        if !line.starts_with("http://127.0.0.1:") {
            let mut told = String::new();
            child.wait().expect("it has ended");
            child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut told));
            panic!("it does not start: {line:?} {told}");
        }
        Self(child)
    }

    /// `kill -9`: nothing is flushed, nothing is said.
    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it has ended");
    }

    fn interrupt(mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("kill is there");
        assert!(sent.success());
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run_args<'a>(sample: &'a str, assurance: &'a str, receipt: &'a str) -> Vec<&'a str> {
    vec!["run", MODEL, "--input", SAMPLES, "--sample", sample, "--assurance", assurance, "-o", receipt, "--json", "-q"]
}

/// Base units of a decimal amount.
fn units(amount: &Value) -> u128 {
    let (whole, fraction) =
        amount.as_str().expect("an amount").split_once('.').unwrap_or((amount.as_str().expect("an amount"), ""));
    format!("{whole}{fraction:0<18}").parse().expect("digits")
}

#[test]
fn without_a_network_run_starts_a_throw_away_one_and_says_so() {
    let home = tempfile::tempdir().expect("a directory");
    let receipt = home.path().join("receipt.ciro").display().to_string();
    let output = ciro(home.path(), &["run", MODEL, "--input", SAMPLES, "-o", &receipt, "--json"]);
    let view = json(&output);
    assert_eq!((&view["is_throwaway"], &view["assurance"]), (&Value::Bool(true), &Value::from("a4")));
    assert!(String::from_utf8_lossy(&output.stderr).contains("throw-away"));
    let verified = json(&ciro(home.path(), &["verify", &receipt, "--json"]));
    assert_eq!(verified["outputs"], view["outputs"]);
    assert_eq!(verified["settlement"]["job"], view["job"]);
}

#[test]
fn a_running_network_serves_quotes_jobs_blocks_and_money_until_it_is_interrupted() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let up = Up::start(home);
    let receipt = home.join("receipt.ciro").display().to_string();
    let view = json(&ciro(home, &run_args("1", "a2", &receipt)));
    assert_eq!((&view["is_throwaway"], view["workers"].as_array().map(Vec::len)), (&Value::Bool(false), Some(2)));
    let registration = &view["registration"];
    let told = ["deposit", "fee"].iter().map(|part| units(&registration[part])).sum::<u128>();
    let order_fee = units(&json(&ciro(home, &["quote", "--json"]))["order_fee"]);
    assert!(told > 0, "registering is not free");
    assert_eq!(told + order_fee, fees(home, &wallet(home).0), "the ledger's events say the same");
    let known = json(&ciro(home, &run_args("1", "a0", &receipt)));
    assert_eq!(known["registration"], Value::Null, "it is registered once");

    let job = view["job"].as_str().expect("an id");
    let seen = json(&ciro(home, &["inspect", "job", job, "--json"]));
    assert_eq!((&seen["job"], &seen["escrow"]), (&view["job"], &Value::from("0")));
    let shown = ciro(home, &["inspect", "job", job]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains(&format!("settled at height {}, record ", view["height"])), "{shown}");
    let height = view["height"].to_string();
    let block = json(&ciro(home, &["inspect", "block", &height, "--json"]));
    assert!(block["signers"].as_array().is_some_and(|signers| signers.len() >= 3));

    let quote = json(&ciro(home, &["quote", "--json"]));
    assert_eq!(quote["rungs"][1]["latency_jobs"], 1);
    let model = view["model_id"].as_str().expect("an id");
    let remove = || ciro(home, &["wallet", "remove-model", model, "--json"]);
    assert_eq!(json(&remove())["model"], model);
    assert_eq!(ask(home, &format!("/v1/models/{model}"))["is_retired"], true, "its owner withdrew it");
    let again = remove();
    assert_eq!(again.status.code(), Some(4), "{}", String::from_utf8_lossy(&again.stderr));
    let back = json(&ciro(home, &run_args("1", "a0", &receipt)));
    assert_eq!(units(&back["registration"]["deposit"]), 0, "the deposit is held for the jobs on it");
    assert!(units(&back["registration"]["fee"]) > 0);

    let (account, before) = wallet(home);
    let earlier = fees(home, &account);
    let to = "11".repeat(32);
    json(&ciro(home, &["wallet", "send", &to, "2.5", "--json"]));
    let fee = fees(home, &account) - earlier;
    assert!(fee > 0, "nothing is free");
    assert_eq!(before - wallet(home).1, 2_500_000_000_000_000_000 + fee);

    assert_eq!(up.interrupt(), Some(0));
    let gone = ciro(home, &["wallet", "balance"]);
    assert_eq!(gone.status.code(), Some(3), "nobody answers any more");
    assert!(String::from_utf8_lossy(&gone.stderr).contains("no network runs on"));
}

#[test]
fn a_command_says_that_the_network_was_killed_and_how_to_go_on() {
    let home = tempfile::tempdir().expect("a directory");
    Up::start(home.path()).kill();
    for args in [&["wallet", "balance"][..], &["quote"]] {
        let output = ciro(home.path(), args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{told}");
        let again = format!("hint: start it again with `ciro up --data {}`", home.path().display());
        assert!(told.contains("it was killed") && told.contains(&again), "{told}");
    }
}

#[test]
fn a_job_leaves_its_traces_in_the_counters_and_in_the_log() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let mut up = Up::start_with(home, &["--log", "warn,ciro::jobs=info", "--log-format", "json"]);
    let receipt = home.join("receipt.ciro").display().to_string();
    let job = json(&ciro(home, &run_args("1", "a4", &receipt)))["job"].clone();

    let counters = ask_text(home, "/metrics");
    for line in ["ciro_events_total{event=\"job_settled\",reason=\"\"} 1", "ciro_answers_total{outcome=\"answered\"} 1"]
    {
        assert!(counters.lines().any(|got| got == line), "expected {line}, got\n{counters}");
    }
    // 201; or 200, if a block had the order before the gateway looked.
    let ordered =
        ["201", "200"].map(|status| format!("ciro_requests_total{{route=\"/v1/jobs\",status=\"{status}\"}} 1"));
    assert!(counters.lines().any(|got| ordered.iter().any(|line| line == got)), "expected one order, got\n{counters}");

    let mut told = up.0.stderr.take().expect("stderr is piped");
    assert_eq!(up.interrupt(), Some(0));
    let mut log = String::new();
    told.read_to_string(&mut log).expect("text");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect();
    let settled = lines.iter().find(|line| line["message"] == "job_settled").expect("it was settled");
    assert_eq!((&settled["target"], &settled["job"]), (&Value::from("ciro::jobs"), &job));
    assert!(lines.iter().all(|line| line["target"] == "ciro::jobs"), "nothing else was asked for: {log}");
}

#[test]
fn a_filter_that_is_none_is_a_mistake_of_usage() {
    let home = tempfile::tempdir().expect("a directory");
    let output = ciro(home.path(), &["up", "--log", "ciro=loud"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ciro=loud"));
}

#[test]
fn what_the_market_refuses_ends_with_code_4_and_a_way_out() {
    let home = tempfile::tempdir().expect("a directory");
    let _up = Up::start(home.path());
    let run = |extra: &[&str]| {
        let args = [&["run", MODEL, "--input", SAMPLES, "-o", "/dev/null"], extra].concat();
        ciro(home.path(), &args)
    };
    let cheap = run(&["--max-price", "0.5"]);
    assert_eq!(cheap.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&cheap.stderr).contains("hint: raise --max-price"));
    let huge = run(&["--memory", "999999"]);
    assert_eq!(huge.status.code(), Some(4));
    let told = String::from_utf8_lossy(&huge.stderr).into_owned();
    assert!(told.contains("3 short of memory") && told.contains("need at most 4096 MiB"), "{told}");
}

#[test]
fn one_directory_runs_one_network() {
    let home = tempfile::tempdir().expect("a directory");
    let _up = Up::start(home.path());
    let second = ciro(home.path(), &["up", "--port", "0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("a network is running in"));
}

/// What the gateway of `home` answers, as JSON.
fn ask(home: &Path, path: &str) -> Value {
    serde_json::from_str(&ask_text(home, path)).expect("JSON")
}

/// What the gateway of `home` answers.
fn ask_text(home: &Path, path: &str) -> String {
    let endpoint = std::fs::read_to_string(home.join("endpoint")).expect("a network runs");
    let host = endpoint.trim().strip_prefix("http://").expect("HTTP");
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

/// What the account has paid for transactions and deposits since the network's beginning, base units, by the events.
fn fees(home: &Path, account: &str) -> u128 {
    let endpoint = std::fs::read_to_string(home.join("endpoint")).expect("a network runs");
    let host = endpoint.trim().strip_prefix("http://").expect("HTTP");
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "GET /v1/events HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("it reads");
    // The stream has no end: it is silent once everything is told.
    stream.set_read_timeout(Some(Duration::from_secs(3))).expect("a timeout");
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let events = lines.filter_map(|line| Some(json_of(line.strip_prefix("data:")?)["event"].clone()));
    events.map(|event| paid_by(account, &event)).sum()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn paid_by(account: &str, event: &Value) -> u128 {
    let is_theirs = |field: &str| event[field] == account;
    match event["event"].as_str() {
        Some("FeePaid") if is_theirs("account") => units(&event["amount"]),
        Some("ModelRegistered") if is_theirs("by") => units(&event["deposit"]),
        _ => 0,
    }
}

/// The wallet's account and balance.
fn wallet(home: &Path) -> (String, u128) {
    let shown = json(&ciro(home, &["wallet", "show", "--json"]));
    let balance = json(&ciro(home, &["wallet", "balance", "--json"]));
    (shown["account"].as_str().expect("an id").to_string(), units(&balance["balance"]))
}

/// Nobody who served honestly has lost stake, whatever was killed when.
fn assert_nobody_is_slashed(home: &Path) {
    for worker in ask(home, "/v1/workers").as_array().expect("workers") {
        assert_eq!((&worker["stake"], &worker["disputes_lost"]), (&Value::from("1000"), &Value::from(0)), "{worker}");
    }
}

/// Commands that share a wallet in one test run.
const CROWD: usize = 64;

#[test]
fn one_wallet_serves_many_equal_commands_at_once_and_each_is_an_order_of_its_own() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let up = Up::start(home);
    let (account, before) = wallet(home);
    // The same model and input for all, nothing published yet, and only the rung differs.
    let running: Vec<Child> = (0..CROWD)
        .map(|n| {
            let receipt = home.join(format!("{n}.ciro")).display().to_string();
            let args = run_args("1", ["a0", "a2", "a4"][n % 3], &receipt);
            command(home, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
        })
        .collect();
    let mut jobs = BTreeSet::new();
    let mut paid = 0;
    for child in running {
        let view = json(&child.wait_with_output().expect("it ends"));
        assert!(jobs.insert(view["job"].to_string()), "each command is a job of its own");
        paid += units(&view["paid"]) + units(&view["fee"]);
    }
    let spent = before - wallet(home).1;
    assert_eq!(spent, paid + fees(home, &account), "what left the wallet is what receipts and fees say");
    assert_nobody_is_slashed(home);
    assert_eq!(std::fs::read_dir(home.join("orders")).expect("readable").count(), 0, "every order has ended");
    assert_eq!(up.interrupt(), Some(0));
}

/// The account's next nonce.
fn nonce(home: &Path, account: &str) -> Value {
    ask(home, &format!("/v1/accounts/{account}"))["nonce"].clone()
}

#[test]
fn a_command_that_goes_on_with_an_order_pays_no_second_fee_for_it() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let _up = Up::start(home);
    let (account, _) = wallet(home);
    // No machine has the memory, so that the order waits.
    let needs = ["--memory", "1000000", "--max-price", "2"];
    let args = ["run", MODEL, "--input", SAMPLES, "--sample", "1", "--assurance", "a0"];
    let start = || {
        let mut child =
            command(home, &[&args[..], &needs].concat()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        (child, lines.map_while(Result::ok))
    };
    let (mut first, mut told) = start();
    told.find(|line| line.contains("waiting for a worker")).expect("it waits");
    first.kill().expect("it runs");
    first.wait().expect("it has ended");
    let before = nonce(home, &account);

    let (mut second, mut told) = start();
    told.find(|line| line.contains("going on with job")).expect("it goes on");
    told.find(|line| line.contains("waiting for a worker")).expect("it waits");
    second.kill().expect("it runs");
    second.wait().expect("it has ended");
    assert_eq!(nonce(home, &account), before);
}

/// Samples in the file. Two orders at once are never for the same one, so each is a job of its own.
const SAMPLE_COUNT: u64 = 32;

/// Kills of one test run. More on demand: `./test soak 100`.
fn kills() -> u64 {
    std::env::var("CIRO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

/// A fixed, well-mixed sequence, so that a failure can be repeated.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x7FB5_D329_728E_A185);
    (n ^ (n >> 27)).wrapping_mul(0x81DA_DEF4_BC2D_D44D)
}

/// Orders as a stubborn client does: again until there is a receipt. Each attempt that fails must say that the network
/// could not be reached, so that nobody takes the job for refused.
fn insist(home: &Path, sample: u64) -> Value {
    let assurance = ["a0", "a2", "a4"][usize::try_from(sample % 3).expect("small")];
    let sample = (sample % SAMPLE_COUNT).to_string();
    let receipt = home.join(format!("{sample}.ciro")).display().to_string();
    for _ in 0..200 {
        let output = ciro(home, &run_args(&sample, assurance, &receipt));
        match output.status.code() {
            Some(0) => {
                let view = json(&output);
                assert_eq!(view["is_throwaway"], Value::Bool(false), "real orders never go to play money");
                return view;
            }
            Some(3) => std::thread::sleep(Duration::from_millis(50)),
            code => panic!("exit {code:?}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
    panic!("sample {sample} was never answered");
}

#[test]
fn killing_the_network_at_any_moment_loses_no_accepted_job_and_no_money() {
    let home = tempfile::tempdir().expect("a directory");
    let mut up = Up::start(home.path());
    let (account, before) = wallet(home.path());
    let mut paid = 0;
    let mut jobs = BTreeSet::new();
    for round in 0..kills() {
        let path = home.path().to_path_buf();
        let clients: Vec<_> = (0..2)
            .map(|client| {
                let path = path.clone();
                std::thread::spawn(move || insist(&path, round * 2 + client))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(mix(round) % 700));
        up.kill();
        up = Up::start(home.path());
        for client in clients {
            let view = client.join().expect("the client is served");
            assert!(jobs.insert(view["job"].to_string()), "each order is a job of its own");
            paid += units(&view["paid"]) + units(&view["fee"]);
        }
    }
    let spent = before - wallet(home.path()).1;
    let fees = fees(home.path(), &account);
    assert_eq!(spent, paid + fees, "what left the wallet is what receipts and fees say, and nothing is still held");
    assert_nobody_is_slashed(home.path());
    assert_eq!(up.interrupt(), Some(0));
}
