//! Messages between processes, or between threads: the same bytes either way.
//!
//! ```text
//!   gateway ──► Remote ──frames──► serve ──► node
//!                 ▲ answers, fates, heads      │
//!                 └────────────frames──────────┘
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `frame` | [`Reader`] and [`Writer`]: a length, and a message of that length |
//! | `remote` | [`Remote`]: a node elsewhere, asked by messages |
//! | `server` | [`serve`]: a node here, which answers them |
//! | `pipe` | [`pipe`]: two ends in one process |
//!
//! Who may connect is up to whoever opens the stream: no message says who sends it.

mod frame;
mod pipe;
mod remote;
mod server;

pub use frame::{FrameError, Reader, Writer};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use remote::Remote;
pub use server::serve;
