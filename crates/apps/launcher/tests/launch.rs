//! The launcher among builds that say who they are.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One installation at a time: a program that another thread is about to start must not be open for writing.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An installation with these builds.
fn install(prefix: &Path, levels: &[&str]) {
    let (bin, builds) = (prefix.join("bin"), prefix.join("libexec/ciro"));
    fs::create_dir_all(&bin).expect("a folder");
    fs::create_dir_all(&builds).expect("a folder");
    fs::copy(env!("CARGO_BIN_EXE_ciro-launcher"), bin.join("ciro")).expect("the launcher");
    for level in levels {
        let build = builds.join(format!("ciro-{level}"));
        fs::write(&build, format!("#!/bin/sh\necho {level} \"$@\"\nexit 7\n")).expect("a build");
        fs::set_permissions(&build, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
}

fn run(prefix: &Path, cpu: Option<&str>) -> Output {
    let mut command = Command::new(prefix.join("bin/ciro"));
    command.args(["verify", "a b"]).env_remove("CIRO_CPU");
    command.envs(cpu.map(|cpu| ("CIRO_CPU", cpu))).output().expect("the launcher runs")
}

#[test]
fn arguments_and_exit_code_pass_through() {
    let _alone = alone();
    let prefix = tempfile::tempdir().expect("a folder");
    install(prefix.path(), &["x86-64"]);
    let output = run(prefix.path(), None);
    assert_eq!(output.stdout, b"x86-64 verify a b\n");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_level_can_be_named() {
    let _alone = alone();
    let prefix = tempfile::tempdir().expect("a folder");
    install(prefix.path(), &["x86-64", "x86-64-v3", "x86-64-v4"]);
    assert_eq!(run(prefix.path(), Some("x86-64")).stdout, b"x86-64 verify a b\n");
    let refused = run(prefix.path(), Some("z80"));
    assert_eq!(refused.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("expected one of x86-64, x86-64-v3, x86-64-v4"));
}

#[test]
fn a_build_is_called_as_the_launcher_was() {
    let _alone = alone();
    let prefix = tempfile::tempdir().expect("a folder");
    install(prefix.path(), &[]);
    // A program that says by which name it was called.
    std::os::unix::fs::symlink("/bin/sh", prefix.path().join("libexec/ciro/ciro-x86-64")).expect("a link");
    let launcher = prefix.path().join("bin/ciro");
    let output = Command::new(&launcher).args(["-c", "echo $0"]).env("CIRO_CPU", "x86-64").output().expect("it runs");
    assert_eq!(output.stdout, format!("{}\n", launcher.display()).into_bytes());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_best_build_of_the_processor_is_started() {
    let _alone = alone();
    let prefix = tempfile::tempdir().expect("a folder");
    install(prefix.path(), &["x86-64", "x86-64-v3"]);
    let best = if is_x86_feature_detected!("avx2") { "x86-64-v3" } else { "x86-64" };
    assert_eq!(run(prefix.path(), None).stdout, format!("{best} verify a b\n").into_bytes());
}

#[test]
fn an_empty_installation_says_so() {
    let _alone = alone();
    let prefix = tempfile::tempdir().expect("a folder");
    install(prefix.path(), &[]);
    let output = run(prefix.path(), None);
    assert_eq!(output.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: cargo xtask dist"));
}
