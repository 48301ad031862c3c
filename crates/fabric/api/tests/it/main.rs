//! Tests of messages and of what carries them.

mod schema;
mod transport;
mod wire;
