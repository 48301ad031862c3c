//! The network under attack, and an honest client in it.
//!
//! An arena may be told the address of a node that runs. Else it starts `ciro up` as a process of its own, on a free
//! port and a temporary directory: what ships is what is attacked. The honest client is `ciro run`, with the network's
//! funded wallet or with the key that was named.

use super::villain::Villain;
use super::wire::{self, Reply};
use crate::error::{CliError, Exit};
use ciro_crypto::{Keypair, hash_encoded};
use ciro_node::{Layout, load_key};
use ciro_types::{AccountId, Amount, ChainId, Height};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A model of two hundred bytes and an input of it.
const MODEL: &[u8] = include_bytes!("../../../../../../vectors/models/A2_linreg_diabetes.onnx");
const INPUT: &[u8] = include_bytes!("../../../../../../vectors/models/A2_linreg_diabetes.input.json");
/// How long an honest job may take while an attack is under way.
pub(crate) const JOB_PATIENCE: Duration = Duration::from_secs(60);

/// What an attack takes besides an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Address,
    /// Money: an honest client pays for jobs, and most attackers for what they try.
    Money,
    /// A node that was started for it, to look at its process and its disk.
    OwnNode {
        /// Descriptors that it may have, if the attack is about them.
        descriptors: Option<u32>,
    },
}

/// Where an arena is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Site<'a> {
    /// A node that is started for the attack.
    Own {
        /// Descriptors that it may have, if not as many as usual.
        descriptors: Option<u32>,
    },
    /// A node that runs.
    Foreign {
        /// Where its gateway answers.
        url: &'a str,
        /// The key file of an account with money there.
        key: Option<&'a Path>,
    },
}

impl<'a> Site<'a> {
    /// Where the command line says, for an attack that needs this.
    pub(crate) fn of(against: Option<&'a str>, key: Option<&'a Path>, needs: Needs) -> Self {
        let descriptors = match needs {
            Needs::Address | Needs::Money => None,
            Needs::OwnNode { descriptors } => descriptors,
        };
        match against {
            None | Some("up" | "simulator") => Self::Own { descriptors },
            Some(url) => Self::Foreign { url, key },
        }
    }
}

/// See the module's documentation.
pub(crate) struct Arena {
    /// Where the gateway answers.
    pub(crate) address: SocketAddr,
    /// The network.
    pub(crate) chain: ChainId,
    /// Everything that is drawn follows from it.
    pub(crate) seed: u64,
    /// The attacker's name: no two have keys in common, so that a node may see all of them.
    name: &'static str,
    villains: u64,
    node: Option<Node>,
    directory: TempDir,
}

/// A node of our own. Killed when dropped.
struct Node {
    process: Child,
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Arena {
    /// Starts a node for the attacker `name`, or takes the one at an address.
    pub(crate) fn open(site: &Site<'_>, name: &'static str, seed: u64) -> Result<Self, CliError> {
        let directory = tempfile::tempdir().map_err(|e| CliError::failed(format!("no room for a network: {e}")))?;
        for (name, bytes) in [("model.onnx", MODEL), ("input.json", INPUT)] {
            std::fs::write(directory.path().join(name), bytes).map_err(CliError::failed)?;
        }
        let (node, endpoint) = match site {
            Site::Own { descriptors } => {
                let (process, endpoint) = start(directory.path(), *descriptors)?;
                (Some(Node { process }), endpoint)
            }
            Site::Foreign { url, key } => {
                join(directory.path(), url, *key)?;
                (None, (*url).to_string())
            }
        };
        let address = resolve(&endpoint)?;
        let mut arena = Self { address, chain: ChainId([0; 32]), seed, name, villains: 0, node, directory };
        let chain = arena.get("/v1/status").json()["chain"].as_str().and_then(|text| text.parse().ok());
        arena.chain = chain.ok_or_else(|| {
            CliError::new(Exit::Unreachable, format!("no network answers at {endpoint}")).hint("is it `ciro up`?")
        })?;
        Ok(arena)
    }

    /// The data directory of the node.
    pub(crate) fn home(&self) -> &Path {
        self.directory.path()
    }

    /// Whether the node is ours: it has a process and a disk to look at.
    fn is_ours(&self) -> bool {
        self.node.is_some()
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        wire::ask(self.address, "GET", path, &[], None)
    }

    /// What an account holds.
    pub(crate) fn balance(&self, account: AccountId) -> Amount {
        let view = self.get(&account_path(account)).json();
        view["balance"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Reply {
        wire::ask(self.address, "POST", path, &[("Content-Type", kind)], Some(body))
    }

    /// Up to which height a request signed now may be good.
    pub(crate) fn until(&self) -> Height {
        Height(self.get("/v1/status").json()["height"].as_u64().unwrap_or_default() + 100)
    }

    /// Somebody with a key and no money.
    pub(crate) fn villain(&mut self) -> Villain {
        self.villains += 1;
        let seed = hash_encoded("ciro/attack/villain/v1", &(self.name, self.seed, self.villains));
        Villain::new(Keypair::from_seed(seed.0), self.chain, self.address)
    }

    /// Who pays: the wallet of our network, or the key that was named.
    pub(crate) fn wallet(&self) -> Result<Villain, CliError> {
        let key = load_key(&Layout::new(self.home()).wallet()).map_err(CliError::failed)?;
        Ok(Villain::new(key, self.chain, self.address))
    }

    /// Somebody with a key and `amount`.
    pub(crate) fn funded(&mut self, amount: Amount) -> Result<Villain, CliError> {
        let villain = self.villain();
        let paid = self.wallet()?.transfer(villain.account(), amount);
        if paid.status == 200 { Ok(villain) } else { Err(CliError::failed(format!("no money came: {}", paid.json()))) }
    }

    /// Orders, pays and checks one answer as `ciro run` does. Returns its description.
    pub(crate) fn honest_job(&self, assurance: &str) -> Result<Value, String> {
        let receipt = self.home().join("receipt.ciro").display().to_string();
        let args = [
            "run",
            "model.onnx",
            "--input",
            "input.json",
            "--assurance",
            assurance,
            "-o",
            &receipt,
            "--json",
            "--quiet",
        ];
        let output = self.command(&args, JOB_PATIENCE)?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(format!("an honest job at {assurance} failed: {}", told.trim()));
        }
        serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())
    }

    /// This program, as a client of the network, for so long.
    pub(crate) fn command(&self, args: &[&str], patience: Duration) -> Result<Output, String> {
        let program = program().map_err(|e| e.message)?;
        let mut child = Command::new(program)
            .args(args)
            .current_dir(self.home())
            .env("CIRO_HOME", self.home())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let started = Instant::now();
        while child.try_wait().map_err(|e| e.to_string())?.is_none() {
            if started.elapsed() > patience {
                // It may end at this very moment.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("`ciro {}` was not done within {} s", args.join(" "), patience.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.wait_with_output().map_err(|e| e.to_string())
    }

    /// After every attack: jobs are served, their receipts verify, and no worker has been slashed or is missing.
    pub(crate) fn still_serves(&mut self) -> Result<String, String> {
        if !Layout::new(self.home()).wallet().exists() {
            let status = self.get("/v1/status").status;
            return if status == 200 { Ok("it still answers".into()) } else { Err(format!("it answers {status}")) };
        }
        let started = Instant::now();
        for assurance in ["a0", "a4"] {
            self.honest_job(assurance)?;
        }
        let harmed = if self.is_ours() { self.harmed_workers() } else { Vec::new() };
        if !harmed.is_empty() {
            return Err(format!("honest workers were harmed: {}", harmed.join(", ")));
        }
        Ok(format!("2 honest jobs were served in {} ms", started.elapsed().as_millis()))
    }

    /// Those workers of our own network that lost stake or a dispute.
    fn harmed_workers(&self) -> Vec<String> {
        let workers = self.get("/v1/workers").json();
        let harmed = workers.as_array().into_iter().flatten().filter(|worker| is_local(worker) && is_harmed(worker));
        harmed.map(|worker| worker["worker"].to_string()).collect()
    }

    /// Resident memory of the node, MiB, where the system says so.
    pub(crate) fn memory_mib(&self) -> Option<u64> {
        let id = self.node.as_ref()?.process.id();
        let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? >> 10)
    }

    /// Ends the node as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.node = None;
    }

    /// Starts the node again on its directory.
    pub(crate) fn restart(&mut self) -> Result<(), CliError> {
        self.kill();
        let (process, endpoint) = start(self.home(), None)?;
        self.node = Some(Node { process });
        self.address = resolve(&endpoint)?;
        Ok(())
    }

    /// Files below a folder of the data directory.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.home().join(folder)).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    }
}

fn program() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(|e| CliError::failed(format!("this program cannot find itself: {e}")))
}

/// Makes `home` a place where `ciro run` finds the network at `url` and the wallet that pays.
fn join(home: &Path, url: &str, key: Option<&Path>) -> Result<(), CliError> {
    let layout = Layout::new(home);
    std::fs::write(layout.endpoint(), url).map_err(CliError::failed)?;
    let Some(key) = key else { return Ok(()) };
    // A copy keeps the permissions, and a key that others can read is refused.
    std::fs::copy(key, layout.wallet()).map_err(|e| CliError::usage(format!("cannot read {}: {e}", key.display())))?;
    load_key(&layout.wallet()).map(|_| ()).map_err(CliError::usage)
}

/// `ciro up` on `home`, and where it answers.
fn start(home: &Path, descriptors: Option<u32>) -> Result<(Child, String), CliError> {
    let mut command = match descriptors {
        None => Command::new(program()?),
        Some(limit) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("ulimit -n {limit} && exec \"$0\" \"$@\"")).arg(program()?);
            shell
        }
    };
    command.args(["up", "--port", "0", "--quiet"]).env("CIRO_HOME", home);
    let log = std::fs::File::create(home.join("node.log")).map_err(CliError::failed)?;
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().map_err(CliError::failed)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(CliError::failed)?;
    }
    if line.starts_with("http://") {
        return Ok((child, line.trim().to_string()));
    }
    // It has said why in its log.
    let _ = child.kill();
    let _ = child.wait();
    let told = std::fs::read_to_string(home.join("node.log")).unwrap_or_default();
    Err(CliError::failed(format!("the node does not start: {}", told.trim())))
}

fn resolve(endpoint: &str) -> Result<SocketAddr, CliError> {
    let authority = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let found = authority.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| CliError::usage(format!("expected up, simulator or http://HOST:PORT, got {endpoint}")))
}

/// A worker that the network itself runs, not one that an attacker registered.
fn is_local(worker: &Value) -> bool {
    worker["offer"]["label"].as_str().is_some_and(|label| label.starts_with("local worker"))
}

fn is_harmed(worker: &Value) -> bool {
    worker["disputes_lost"].as_u64() != Some(0) || worker["stake"].as_str() != Some("1000")
}

/// An account as a path has it.
pub(crate) fn account_path(account: AccountId) -> String {
    format!("/v1/accounts/{account}")
}
