//! Tests of the worker's decisions and of its workbench.

mod decisions;
mod workbench;
