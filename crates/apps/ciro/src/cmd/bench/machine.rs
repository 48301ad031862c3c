//! Where and when figures were measured.

use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// As compilers name the level, by what tells it from the one below.
const LEVEL: &str = if cfg!(target_feature = "avx512f") {
    "x86-64-v4"
} else if cfg!(target_feature = "avx2") {
    "x86-64-v3"
} else if cfg!(target_arch = "x86_64") {
    "x86-64"
} else {
    std::env::consts::ARCH
};

/// A machine at one moment.
#[derive(Serialize)]
pub(super) struct Machine {
    processor: String,
    cores: usize,
    memory_mib: u64,
    /// Processes that wanted to run during the last minute, on average, before the measurement. None where the system does not
    /// tell.
    load: Option<f64>,
    /// UTC, `2026-01-31 12:00`.
    date: String,
    version: &'static str,
    /// The level of processors that this program was built for.
    level: &'static str,
    /// The commit, where the build said which.
    commit: Option<&'static str>,
}

impl Machine {
    /// This one, now.
    pub(super) fn now() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib("/proc/meminfo", "MemTotal").unwrap_or(0) / 1024,
            load: load(),
            date: utc(seconds),
            version: env!("CARGO_PKG_VERSION"),
            level: LEVEL,
            commit: option_env!("CIRO_COMMIT"),
        }
    }

    /// One line.
    pub(super) fn line(&self) -> String {
        let load = self.load.map_or_else(|| "unknown".into(), |load| format!("{load:.2}"));
        let commit = self.commit.map_or_else(String::new, |commit| format!(" {commit}"));
        format!(
            "{}, {} cores, {} MiB, load {load}, {} UTC, ciro {}{commit} for {}",
            self.processor, self.cores, self.memory_mib, self.date, self.version, self.level
        )
    }
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// The value of `name:` in a file of the proc file system.
fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

fn kib(path: &str, name: &str) -> Option<u64> {
    field(path, name)?.split_whitespace().next()?.parse().ok()
}

/// Largest resident size of this process since [`reset_peak`], MiB.
pub(super) fn peak_mib() -> Option<u64> {
    kib("/proc/self/status", "VmHWM").map(|kib| kib / 1024)
}

/// Processor time of this process so far, of all threads, milliseconds in steps of ten.
pub(super) fn processor_ms() -> Option<u64> {
    /// Of the system's clock ticks, which Linux reports in hundredths of a second whatever it counts.
    const TICK_MS: u64 = 10;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything.
    let after_name = text.rsplit_once(')')?.1;
    let times = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    times.sum::<Result<u64, _>>().ok().map(|ticks| ticks * TICK_MS)
}

/// Starts a new peak of the resident size, where the system can; elsewhere the figure is the peak since the start.
pub(super) fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Minutes in UTC, from seconds since 1970: the days are counted in eras of 400 years that begin in March (Hinnant's
/// `civil_from_days`).
fn utc(seconds: u64) -> String {
    let (days, minutes) = (seconds / 86_400 + 719_468, seconds / 60 % 1440);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00");
        assert_eq!(utc(951_868_800), "2000-03-01 00:00");
        assert_eq!(utc(4_107_542_400), "2100-03-01 00:00");
        assert_eq!(utc(1_798_761_540), "2026-12-31 23:59");
    }
}
