//! A distribution: `ciro` built for each level of processors, and the launcher that chooses among them.
//!
//! Field operations are exact, so whatever the level, a proof has the same bytes. Each build that this processor runs
//! shows it. It makes the receipts of reference models, which must be those of the first build, and verifies them.

use anyhow::{Context as _, bail, ensure};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Levels that are built on x86-64. `crates/apps/launcher` knows what each asks for.
const LEVELS: [&str; 3] = ["x86-64", "x86-64-v3", "x86-64-v4"];

/// Models that the builds are compared by: a booster and a network, of `vectors/models`.
const REFERENCES: [&str; 2] = ["D_xgb_bc", "F_lenet_digits"];

/// The launcher's exit code where it starts no build: the processor lacks the level.
const NOT_STARTED: i32 = 127;

/// What was built.
pub(crate) struct Distribution {
    builds: Vec<PathBuf>,
    /// Levels whose builds gave the same receipts.
    alike: Vec<&'static str>,
    /// Levels that this processor does not have.
    untried: Vec<&'static str>,
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.builds.iter().try_for_each(|build| writeln!(f, "{}", build.display()))?;
        write!(f, "the same proofs of {}: {}", REFERENCES.join(" and "), self.alike.join(", "))?;
        match self.untried.as_slice() {
            [] => Ok(()),
            levels => write!(f, "\nnot tried, as this processor lacks them: {}", levels.join(", ")),
        }
    }
}

/// Builds everything into `out`: `bin/ciro` and `libexec/ciro/ciro-<level>`, and compares the builds.
///
/// # Errors
/// If a build fails, a file cannot be written, or builds make different proofs.
pub(crate) fn build(out: &Path) -> anyhow::Result<Distribution> {
    let (bin, builds) = (out.join("bin"), out.join("libexec").join("ciro"));
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(&builds)?;
    let levels = if cfg!(target_arch = "x86_64") { &LEVELS[..] } else { &LEVELS[..1] };
    let mut made = Vec::new();
    for level in levels {
        let to = builds.join(format!("ciro-{level}"));
        install(&cargo(level, "ciro")?, &to)?;
        made.push(to);
    }
    let launcher = bin.join("ciro");
    install(&cargo(LEVELS[0], "ciro-launcher")?, &launcher)?;
    let (mut alike, mut untried) = (Vec::new(), Vec::new());
    for &level in levels {
        if runs(&launcher, level)? { alike.push(level) } else { untried.push(level) }
    }
    compare(&launcher, &alike)?;
    Ok(Distribution { builds: made, alike, untried })
}

/// Builds one program for one level in a target folder of its own; returns its path.
fn cargo(level: &str, program: &str) -> anyhow::Result<PathBuf> {
    let target = Path::new("target").join("dist").join(level);
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--locked", "--package", program, "--target-dir"]).arg(&target);
    if cfg!(target_arch = "x86_64") {
        command.env("RUSTFLAGS", flags(level));
    }
    let status = command.status().context("cargo does not start")?;
    ensure!(status.success(), "{program} for {level} does not build");
    Ok(target.join("release").join(program))
}

/// What the compiler is told. For x86-64-v4 it would copy packs of sixteen elements by calls if it preferred registers of 256 bits.
fn flags(level: &str) -> String {
    let wide = if level == "x86-64-v4" { " -C target-feature=-prefer-256-bit" } else { "" };
    format!("-C target-cpu={level}{wide}")
}

fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Makes and verifies the receipts of the reference models with every build that this processor runs.
fn compare(launcher: &Path, levels: &[&'static str]) -> anyhow::Result<()> {
    let scratch = Path::new("target").join("dist").join("receipts");
    fs::create_dir_all(&scratch)?;
    for model in REFERENCES {
        let receipt = |level| receipt(launcher, level, model, &scratch.join(format!("{model}-{level}.ciro")));
        let receipts: Vec<Vec<u8>> = levels.iter().map(|&level| receipt(level)).collect::<anyhow::Result<_>>()?;
        for (level, receipt) in levels.iter().zip(&receipts) {
            ensure!(receipts.first() == Some(receipt), "{model}: the receipt of {level} is not that of {}", levels[0]);
        }
    }
    Ok(())
}

/// Whether this processor runs the build of a level.
fn runs(launcher: &Path, level: &str) -> anyhow::Result<bool> {
    let done = launch(launcher, level, &["--version"])?;
    match done.status.code() {
        Some(0) => Ok(true),
        Some(NOT_STARTED) => Ok(false),
        _ => bail!("{level}: {}", said(&done)),
    }
}

/// Proves the first sample of a reference model with one build, and verifies the receipt with it.
fn receipt(launcher: &Path, level: &str, model: &str, to: &Path) -> anyhow::Result<Vec<u8>> {
    let file = |extension: &str| format!("vectors/models/{model}.{extension}");
    let (onnx, input, path) = (file("onnx"), file("input.json"), to.to_string_lossy());
    for arguments in [&["prove", &onnx, "--input", &input, "-o", &path][..], &["verify", &path][..]] {
        let done = launch(launcher, level, arguments)?;
        ensure!(done.status.success(), "{level}: ciro {}: {}", arguments.join(" "), said(&done));
    }
    fs::read(to).with_context(|| to.display().to_string())
}

fn launch(launcher: &Path, level: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    Command::new(launcher)
        .args(arguments)
        .env("CIRO_CPU", level)
        .output()
        .with_context(|| launcher.display().to_string())
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).trim().to_string()
}
