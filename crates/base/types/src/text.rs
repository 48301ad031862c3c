//! Text that a stranger chose: what may be in it, and how it is printed.
//!
//! Names and labels travel in programs, offers and genesis files, and end on somebody's screen. There they must not move the cursor, hide
//! or reorder what stands beside them, or begin a line of their own.
//!
//! - [`check_printable`] refuses such text where it is decoded. Replicas run it, so its tables are written down here: they do not change
//!   with the Unicode version of a compiler.
//! - [`Escaped`], [`Lines`] and [`Named`] show text that nobody has checked, an error of a peer for example. They also escape what this
//!   compiler's tables call unassigned: a wrong guess there costs readability only.

use alloc::string::{String, ToString as _};
use core::fmt::{self, Write as _};

/// Most marks in a row: living scripts put up to three on one letter.
pub const MARKS_MAX: usize = 4;

/// Why text is not shown to people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is too long.
    #[error("expected at most {expected} bytes, got {got}")]
    TooLong {
        /// The limit.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// A character that shows nothing, or moves, hides or reorders others.
    #[error("expected printable characters, got U+{got:04X}")]
    Hidden {
        /// Its code point.
        got: u32,
    },
    /// A pile of marks, or a mark on nothing.
    #[error("expected at most {expected} combining marks on a letter, got U+{got:04X} beyond")]
    Marks {
        /// [`MARKS_MAX`].
        expected: usize,
        /// Code point of the mark that is one too many.
        got: u32,
    },
}

/// Controls, formats, fillers, separators of lines, selectors, private use, and the planes without letters: first and last code point.
const HIDDEN: [(u32, u32); 25] = [
    (0x0000, 0x001f),
    (0x007f, 0x009f),
    (0x00ad, 0x00ad),
    (0x034f, 0x034f),
    (0x061c, 0x061c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xe000, 0xf8ff),
    (0xfdd0, 0xfdef),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0xfffe, 0xffff),
    (0x13430, 0x1345f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0x1fffe, 0x1ffff),
    (0x2fffe, 0x10ffff),
];

/// Marks that stand on the letter before them, in the scripts where they pile up: first and last code point.
const MARKS: [(u32, u32); 52] = [
    (0x0300, 0x036f),
    (0x0483, 0x0489),
    (0x0591, 0x05bd),
    (0x05bf, 0x05bf),
    (0x05c1, 0x05c2),
    (0x05c4, 0x05c5),
    (0x05c7, 0x05c7),
    (0x0610, 0x061a),
    (0x064b, 0x065f),
    (0x0670, 0x0670),
    (0x06d6, 0x06dc),
    (0x06df, 0x06e4),
    (0x06e7, 0x06e8),
    (0x06ea, 0x06ed),
    (0x0711, 0x0711),
    (0x0730, 0x074a),
    (0x07a6, 0x07b0),
    (0x0816, 0x082d),
    (0x0898, 0x0902),
    (0x093a, 0x093a),
    (0x093c, 0x093c),
    (0x0941, 0x0948),
    (0x094d, 0x094d),
    (0x0951, 0x0957),
    (0x0962, 0x0963),
    (0x0981, 0x0981),
    (0x09bc, 0x09bc),
    (0x09c1, 0x09c4),
    (0x09cd, 0x09cd),
    (0x0a01, 0x0a02),
    (0x0a3c, 0x0a51),
    (0x0abc, 0x0abc),
    (0x0ac1, 0x0ac8),
    (0x0acd, 0x0acd),
    (0x0b3c, 0x0b3c),
    (0x0b4d, 0x0b4d),
    (0x0bcd, 0x0bcd),
    (0x0c46, 0x0c56),
    (0x0cbc, 0x0cbc),
    (0x0ccc, 0x0ccd),
    (0x0d4d, 0x0d4d),
    (0x0e31, 0x0e31),
    (0x0e34, 0x0e3a),
    (0x0e47, 0x0e4e),
    (0x0eb1, 0x0eb1),
    (0x0eb4, 0x0ebc),
    (0x0ec8, 0x0ece),
    (0x0f71, 0x0fbc),
    (0x1ab0, 0x1aff),
    (0x1dc0, 0x1dff),
    (0x20d0, 0x20f0),
    (0xfe20, 0xfe2f),
];

/// Checks that text is at most `bytes_max` bytes of printable characters, without piles of marks.
///
/// # Errors
/// [`TextError`] naming the length or the first character that is refused.
pub fn check_printable(text: &str, bytes_max: usize) -> Result<(), TextError> {
    if text.len() > bytes_max {
        return Err(TextError::TooLong { expected: bytes_max, got: text.len() });
    }
    let mut pile = Pile::default();
    text.chars().try_for_each(|c| {
        let (is_piled, got) = (pile.is_above(c), u32::from(c));
        if lies_in(&HIDDEN, c) {
            Err(TextError::Hidden { got })
        } else if is_piled {
            Err(TextError::Marks { expected: MARKS_MAX, got })
        } else {
            Ok(())
        }
    })
}

/// How many marks the next one would stand on. A mark at the beginning would stand on what is printed before the text.
struct Pile(usize);

impl Default for Pile {
    fn default() -> Self {
        Self(MARKS_MAX)
    }
}

impl Pile {
    /// Whether `c`, the next character, is a mark that is one too many.
    fn is_above(&mut self, c: char) -> bool {
        let is_mark = lies_in(&MARKS, c);
        let is_above = is_mark && self.0 >= MARKS_MAX;
        self.0 = if is_mark { self.0.saturating_add(1) } else { 0 };
        is_above
    }
}

fn lies_in(ranges: &[(u32, u32)], c: char) -> bool {
    let code = u32::from(c);
    ranges.iter().any(|&(first, last)| (first..=last).contains(&code))
}

/// Each character, and whether it is shown as it is.
fn judged(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut pile = Pile::default();
    text.chars().map(move |c| {
        let is_piled = pile.is_above(c);
        (c, !is_piled && is_plain(c))
    })
}

/// Whether a character shows itself and nothing else, as far as tables know: those above and those of `core`.
fn is_plain(c: char) -> bool {
    let is_known = || c.escape_debug().len() == 1 || matches!(c, '"' | '\'' | '\\') || lies_in(&MARKS, c);
    c.is_ascii_graphic() || c == ' ' || (!lies_in(&HIDDEN, c) && is_known())
}

fn escape(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    write!(f, "\\u{{{:x}}}", u32::from(c))
}

/// An error and its causes, outermost first: `a: b: c`. They may quote strangers.
#[must_use]
pub fn chain(error: &dyn core::error::Error) -> String {
    let causes = core::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| alloc::format!("{text}: {cause}"))
}

/// Text on one line: whatever is not printable as `\u{…}`. To escape twice changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        judged(self.0).try_for_each(|(c, is_plain)| if is_plain { f.write_char(c) } else { escape(f, c) })
    }
}

/// As [`Escaped`], with line feeds: for text of our own whose foreign parts are escaped already.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a>(pub &'a str);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        judged(self.0).try_for_each(|(c, is_plain)| if is_plain || c == '\n' { f.write_char(c) } else { escape(f, c) })
    }
}

/// Whether a reader could take text for a number or a truth value: `0.97`, `-1`, `NaN`, `true`.
fn reads_as_value(text: &str) -> bool {
    let magnitude = text.trim_start_matches(['-', '+', '.']);
    let words = ["true", "false", "nan", "inf", "infinity", "null", "none", "missing"];
    magnitude.starts_with(|c: char| c.is_numeric()) || words.iter().any(|word| magnitude.eq_ignore_ascii_case(word))
}

/// A name among other words: a plain identifier as it is, anything else between quotation marks, so that it cannot continue the sentence.
/// So is what reads as a number or a truth value: a label of that name is none.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a>(pub &'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_of_identifier = |(c, is_plain): (char, bool)| is_plain && (c.is_alphanumeric() || "_-./:".contains(c));
        if !self.0.is_empty() && !reads_as_value(self.0) && judged(self.0).all(is_of_identifier) {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        judged(self.0).try_for_each(|(c, is_plain)| match c {
            '"' | '\\' => write!(f, "\\{c}"),
            _ if is_plain => f.write_char(c),
            _ => escape(f, c),
        })?;
        f.write_char('"')
    }
}

/// A JSON document in which whatever is not printable is escaped as JSON does it. Line feeds between its parts stay.
#[must_use]
pub fn printable_json(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    for (c, is_plain) in judged(document) {
        if is_plain || c == '\n' {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    /// Of each kind of character that lies about the text around it.
    const LIARS: [char; 26] = [
        '\0',
        '\n',
        '\r',
        '\t',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{e000}',
        '\u{e0041}',
        '\u{10ffff}',
    ];

    #[test]
    fn names_of_people_and_models_are_printable() {
        for text in [
            "",
            "resnet-18 (ImageNet)",
            "/layer.0/Gemm_output",
            "Größe",
            "病気",
            "हिन्दी",
            "ภาษาไทยที่นี่",
            "خَيْل",
            "e\u{301}",
        ] {
            assert_eq!(check_printable(text, 256), Ok(()), "{text}");
            assert_eq!(Escaped(text).to_string(), text);
        }
    }

    #[test]
    fn what_moves_hides_or_reorders_is_refused_and_escaped() {
        for liar in LIARS {
            let text = format!("a{liar}b");
            assert_eq!(check_printable(&text, 256), Err(TextError::Hidden { got: liar.into() }));
            let escaped = format!("a\\u{{{:x}}}b", u32::from(liar));
            assert_eq!(Escaped(&text).to_string(), escaped);
            assert_eq!(Named(&text).to_string(), format!("\"{escaped}\""));
            assert_eq!(Escaped(&escaped).to_string(), escaped, "twice is once");
        }
    }

    /// Over every character there is: what is refused is never printed, what is printed is plain to `core` as well or a mark.
    #[test]
    fn no_character_is_printed_raw_that_is_refused_or_unknown() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let text = format!("a{c}");
            let is_raw = Escaped(&text).to_string() == text;
            assert!(!is_raw || check_printable(&text, 8).is_ok(), "{c:?}");
            assert!(!is_raw || !c.is_control(), "{c:?}");
            assert_eq!(printable_json(&text) == text, is_raw || c == '\n', "{c:?}");
        }
    }

    #[test]
    fn a_name_that_reads_as_a_number_or_a_truth_value_is_quoted() {
        for text in ["0.97", "-1", "+.5", "1e5", "٣", "NaN", "-inf", "true", "NULL", "missing"] {
            assert_eq!(Named(text).to_string(), format!("\"{text}\""));
        }
        for text in ["good", "class-1", "v1.2", "-", "truely"] {
            assert_eq!(Named(text).to_string(), text);
        }
    }

    #[test]
    fn marks_pile_up_to_a_limit_and_stand_on_a_letter() {
        let pile = |count: usize| format!("a{}b", "\u{301}".repeat(count));
        assert_eq!(check_printable(&pile(MARKS_MAX), 256), Ok(()));
        let error = Err(TextError::Marks { expected: MARKS_MAX, got: 0x301 });
        assert_eq!(check_printable(&pile(MARKS_MAX + 1), 256), error);
        assert_eq!(check_printable("\u{301}a", 256), error);
        assert_eq!(Escaped(&pile(MARKS_MAX + 2)).to_string(), format!("a{}\\u{{301}}\\u{{301}}b", "\u{301}".repeat(4)));
    }

    #[test]
    fn text_has_a_longest_length() {
        assert_eq!(check_printable("four", 4), Ok(()));
        assert_eq!(check_printable("fivé.", 5), Err(TextError::TooLong { expected: 5, got: 6 }));
    }

    #[test]
    fn a_name_cannot_continue_a_sentence() {
        assert_eq!(Named("/fc/Gemm:0").to_string(), "/fc/Gemm:0");
        assert_eq!(Named("").to_string(), "\"\"");
        assert_eq!(Named("y = 1, z").to_string(), "\"y = 1, z\"");
        assert_eq!(Named("a\" proven \\").to_string(), "\"a\\\" proven \\\\\"");
    }

    #[test]
    fn json_keeps_its_meaning_and_its_lines() {
        assert_eq!(printable_json("{\n \"a\": \"\u{202e}\u{e0041}é\"\n}"), "{\n \"a\": \"\\u202e\\udb40\\udc41é\"\n}");
        assert_eq!(Lines("a\nb\r\u{1b}").to_string(), "a\nb\\u{d}\\u{1b}");
    }
}
