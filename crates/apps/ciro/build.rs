//! Tells the program which commit it was built from (`CIRO_COMMIT`), in a checkout and in a worktree of git alike. Elsewhere nobody knows.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=CIRO_COMMIT");
    // A source archive may lie in somebody else's repository.
    let is_ours = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix == "crates/apps/ciro/");
    let told = std::env::var("CIRO_COMMIT").ok().filter(|commit| !commit.is_empty());
    if is_ours {
        // The second changes with each commit, the first with what is checked out.
        let files = ["HEAD", "logs/HEAD"].map(|file| git(&["rev-parse", "--git-path", file]));
        files.into_iter().flatten().for_each(|file| println!("cargo::rerun-if-changed={file}"));
    }
    if let Some(commit) = told.or_else(|| git(&["rev-parse", "--short", "HEAD"]).filter(|_| is_ours)) {
        println!("cargo::rustc-env=CIRO_COMMIT={commit}");
    }
}

/// What git answers in this folder, if it does.
fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).output().ok().filter(|done| done.status.success())?;
    Some(String::from_utf8(done.stdout).ok()?.trim().to_string())
}
