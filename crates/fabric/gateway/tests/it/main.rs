//! Tests of the gateway: what it serves, what it refuses, and that its schema tells the truth.

mod api;
mod limits;
mod node;
mod schema;
