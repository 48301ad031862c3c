//! Tests of the network and its parts.

mod parts;
