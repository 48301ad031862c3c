//! A network and its gateway in this process, and finding the one that runs in another.

use crate::error::{CliError, Exit};
use crate::ui::{Ui, human_duration};
use ciro_client::Client;
use ciro_devnet::{Network, NetworkError, Options};
use ciro_gateway::Settings;
use ciro_node::{Layout, Notice, Notify};
use ciro_types::chain;
use ciro_validator::Health;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// How long open connections may keep a stopping gateway.
const GRACE: Duration = Duration::from_millis(500);

/// A network and its gateway. Dropping it stops both.
pub(crate) struct Serving {
    /// `http://127.0.0.1:port`.
    pub(crate) endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    gateway: Option<JoinHandle<()>>,
    /// After the gateway, which holds the network's node.
    network: Option<Network>,
}

impl Serving {
    /// Starts the network of the directory `root`, and its gateway on `port`, which also answers to the names `hosts`.
    pub(crate) fn start(root: &Path, port: u16, options: Options, hosts: &[String], ui: Ui) -> Result<Self, CliError> {
        let listener = bind(port)?;
        let address = listener.local_addr().map_err(CliError::failed)?;
        let notify: Notify = Arc::new(move |notice| ui.warn(&sentence(&notice)));
        let network = Network::start(root, options, &notify).map_err(|e| explain(&e))?;
        let (stop, stopped) = oneshot::channel();
        let gateway = spawn_gateway(listener, &network, hosts, stopped)?;
        let endpoint = format!("http://{address}");
        Ok(Self { endpoint, stop: Some(stop), gateway: Some(gateway), network: Some(network) })
    }
}

impl Serving {
    /// Waits until a member of the network stops by itself, and says why.
    pub(crate) async fn failure(&self) -> String {
        let Some(network) = &self.network else { return std::future::pending().await };
        let mut failure = network.failure();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the network stopped".into(),
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The gateway may have ended by itself; either way it is joined.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.gateway.take().map(JoinHandle::join);
        drop(self.network.take());
    }
}

fn bind(port: u16) -> Result<TcpListener, CliError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|e| {
        CliError::failed(format!("cannot listen on {address}: {e}")).hint("pass --port 0 for any free port")
    })
}

fn spawn_gateway(
    listener: TcpListener,
    network: &Network,
    hosts: &[String],
    stopped: oneshot::Receiver<()>,
) -> Result<JoinHandle<()>, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::failed)?;
    let node = network.node();
    let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
    let settings = Settings { hosts, metrics: network.metrics(), ..Settings::of_this_process() };
    Ok(std::thread::spawn(move || {
        runtime.block_on(async {
            // A listener that cannot be used any more ends the gateway; its clients notice.
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            let (begin, begun) = oneshot::channel::<()>();
            let server = ciro_gateway::serve(listener, node, settings, async move { drop(begun.await) });
            let hurry = async {
                drop(stopped.await);
                drop(begin);
                // Event streams never end by themselves.
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                _ = server => {}
                () = hurry => {}
            }
        });
    }))
}

fn explain(error: &NetworkError) -> CliError {
    let failed = CliError::failed(chain(error));
    match error {
        NetworkError::Layout(_) => failed.hint("stop it first, or name another directory with --data"),
        NetworkError::OtherKeys | NetworkError::Genesis(_) => {
            failed.hint("restore the directory from a backup, or name a new one with --data")
        }
        NetworkError::Validator { source, .. } if source.is_no_room() => {
            failed.hint("make room on the disk, then start again")
        }
        NetworkError::Validator { source, .. } if source.is_damage() => failed.hint(
            "no validator has an intact store: restore the directory from a backup, or name a new one with --data",
        ),
        NetworkError::Repair { .. } | NetworkError::StoresLost { .. } => {
            failed.hint("restore the directory from a backup, or name a new one with --data")
        }
        NetworkError::Key(_)
        | NetworkError::Blobs(_)
        | NetworkError::Io { .. }
        | NetworkError::Validator { .. }
        | NetworkError::Scheduler(_)
        | NetworkError::NotReady { .. } => failed,
    }
}

fn sentence(notice: &Notice) -> String {
    match notice {
        Notice::Anomaly { validator, text } => format!("validator {validator}: {text}"),
        Notice::Failed { member, reason } => format!("{member} stopped: {reason}"),
        Notice::Health { validator, health: Health::Well } => {
            format!("validator {validator} has room on its disk again and goes on")
        }
        Notice::Health { validator, health: Health::ReadOnly { reason } } => {
            format!("validator {validator} is read-only until there is room on its disk: {reason}")
        }
        Notice::Repaired { validator, reason } => {
            format!(
                "the store of validator {validator} was made anew from a peer's, the old one is kept as store.damaged: {reason}"
            )
        }
        Notice::WorkWaits { reason } => format!("the work store waits for room on the disk: {reason}"),
        Notice::WorkRebuilt { reason } => format!("the work store is rebuilt from the ledger: {reason}"),
    }
}

/// A network to talk to: the one that runs on the data directory, or a throw-away one of our own.
pub(crate) struct Reached {
    /// Its gateway.
    pub(crate) client: Client,
    /// Where its wallet is.
    pub(crate) home: Layout,
    /// Whether it ends with this process.
    pub(crate) is_throwaway: bool,
    // In this order: the network stops before its directory goes.
    _serving: Option<Serving>,
    _directory: Option<TempDir>,
}

/// The network that runs on `home`, if one does.
pub(crate) fn running(home: &Layout) -> Option<Client> {
    let endpoint = std::fs::read_to_string(home.endpoint()).ok()?;
    let client = Client::new(endpoint.trim());
    client.status().is_ok().then_some(client)
}

/// The network that runs on `home`, or an error that says how to start one.
pub(crate) fn require(home: &Layout) -> Result<Client, CliError> {
    running(home).ok_or_else(|| {
        let was_killed = home.endpoint().exists();
        if was_killed { silent(home) } else { absent(home) }
    })
}

fn absent(home: &Layout) -> CliError {
    CliError::new(Exit::Unreachable, format!("no network runs on {}", home.root().display()))
        .hint("start one with `ciro up`")
}

/// A network that is stopped removes its endpoint file; one that was killed could not.
fn silent(home: &Layout) -> CliError {
    let root = home.root().display();
    let message = format!(
        "the network on {root} does not answer: it was killed and lost nothing that it had confirmed, or is starting"
    );
    CliError::new(Exit::Unreachable, message).hint(format!(
        "start it again with `ciro up --data {root}`; it goes on where it was, and the command may be repeated"
    ))
}

/// The network that runs on `home`, or a throw-away one, which is said aloud. Where one ran and crashed, its jobs and money
/// wait for it: an order must not go to play money instead.
pub(crate) fn reach(home: &Layout, ui: Ui) -> Result<Reached, CliError> {
    if let Some(client) = running(home) {
        return Ok(Reached { client, home: home.clone(), is_throwaway: false, _serving: None, _directory: None });
    }
    if home.endpoint().exists() {
        let error = silent(home);
        let otherwise = format!("or remove {} for a throw-away network", home.endpoint().display());
        let hint = error.hint.iter().chain([&otherwise]).map(String::as_str).collect::<Vec<_>>().join("; ");
        return Err(error.hint(hint));
    }
    let started = Instant::now();
    let directory = tempfile::tempdir().map_err(|e| CliError::failed(format!("no room for a network: {e}")))?;
    let serving = Serving::start(directory.path(), 0, Options::default(), &[], ui)?;
    ui.note(&format!(
        "no network runs on {}: started a throw-away one with play money in {}; it ends with this command",
        home.root().display(),
        human_duration(started.elapsed())
    ));
    Ok(Reached {
        client: Client::new(&serving.endpoint),
        home: Layout::new(directory.path()),
        is_throwaway: true,
        _serving: Some(serving),
        _directory: Some(directory),
    })
}
