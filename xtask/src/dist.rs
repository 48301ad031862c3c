//! A distribution: `ciro` built for each level of processors, and the launcher that chooses among them.

use anyhow::{Context as _, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Levels that are built on x86-64. `crates/apps/launcher` knows what each asks for.
const LEVELS: [&str; 3] = ["x86-64", "x86-64-v3", "x86-64-v4"];

/// Builds everything into `out`: `bin/ciro` and `libexec/ciro/ciro-<level>`. Returns the builds.
///
/// # Errors
/// If a build fails or a file cannot be written.
pub(crate) fn build(out: &Path) -> anyhow::Result<Vec<PathBuf>> {
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
    install(&cargo(LEVELS[0], "ciro-launcher")?, &bin.join("ciro"))?;
    Ok(made)
}

/// Builds one program for one level in a target folder of its own; returns its path.
fn cargo(level: &str, program: &str) -> anyhow::Result<PathBuf> {
    let target = Path::new("target").join("dist").join(level);
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--locked", "--package", program, "--target-dir"]).arg(&target);
    if cfg!(target_arch = "x86_64") {
        command.env("RUSTFLAGS", format!("-C target-cpu={level}"));
    }
    let status = command.status().context("cargo does not start")?;
    ensure!(status.success(), "{program} for {level} does not build");
    Ok(target.join("release").join(program))
}

fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}
