//! Tests of messages and of what carries them.

mod transport;
mod wire;
