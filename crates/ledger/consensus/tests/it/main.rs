//! Agreement through its public interface: formats, the light client, whole networks.

#[path = "../support/mod.rs"]
mod support;

mod formats;
mod light;
mod network;
