//! Levels of processors, each with all that the one before has.

use std::fmt;

/// What a build asks of the processor, by the names that compilers have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Whatever the target has: on x86-64 no vectors beyond SSE2, on others the only build.
    Base,
    /// AVX2.
    V3,
    /// AVX-512.
    V4,
}

const ALL: [Level; 3] = [Level::Base, Level::V3, Level::V4];

impl Level {
    /// What this processor has.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn of_processor() -> Self {
        let v3 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("movbe");
        let v4 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        match (v3, v4) {
            (true, true) => Self::V4,
            (true, false) => Self::V3,
            (false, _) => Self::Base,
        }
    }

    /// What this processor has: nothing that we have builds for.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn of_processor() -> Self {
        Self::Base
    }

    /// This level and those below, best first.
    pub(crate) fn down(self) -> impl Iterator<Item = Self> {
        ALL.into_iter().rev().filter(move |&level| level <= self)
    }

    /// As compilers name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Base => "x86-64",
            Self::V3 => "x86-64-v3",
            Self::V4 => "x86-64-v4",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|level| level.name() == name)
    }

    /// All names.
    pub(crate) fn names() -> String {
        ALL.map(Self::name).join(", ")
    }

    /// The file of a build.
    pub(crate) fn file(self) -> String {
        format!("ciro-{}", self.name())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_go_down_from_the_best() {
        assert_eq!(Level::V4.down().collect::<Vec<_>>(), [Level::V4, Level::V3, Level::Base]);
        assert_eq!(Level::Base.down().collect::<Vec<_>>(), [Level::Base]);
        assert!(ALL.into_iter().all(|level| Level::from_name(level.name()) == Some(level)));
    }
}
