//! A panic is a defect of this program. It ends the command as other failures do: one line, a hint, and an exit code that is documented.

use crate::error::CliError;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a command ends with. With `RUST_BACKTRACE` set, and on other threads than this one, Rust's own message comes as well.
pub(crate) fn guarded(command: impl FnOnce() -> Result<(), CliError>) -> Result<(), CliError> {
    let told = Arc::new(Mutex::new(String::from("panicked")));
    let (own, usual, kept) = (thread::current().id(), panic::take_hook(), Arc::clone(&told));
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() != own || std::env::var_os("RUST_BACKTRACE").is_some() {
            usual(info);
        }
        if let Ok(mut told) = kept.lock() {
            *told = info.to_string().replace('\n', " ");
        }
    }));
    // Nothing that the command used is looked at again.
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let told = told.lock().map_or_else(|_| "panicked".into(), |told| told.clone());
        let hint = "nothing is wrong with how you used it: report this line, the command and its files to the authors";
        Err(CliError::failed(format!("a defect of ciro itself: {told}")).hint(hint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn a_panic_is_a_failure_that_says_where() {
        let error = guarded(|| panic!("out of luck")).unwrap_err();
        assert_eq!(error.exit, Exit::Failed);
        assert!(error.message.contains("defect.rs") && error.message.ends_with("out of luck"), "{}", error.message);
        assert!(error.hint.is_some());
    }
}
