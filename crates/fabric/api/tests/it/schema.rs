//! `api/node.proto` says what the messages are: the same names, fields and numbers as the types here.

use std::collections::BTreeSet;
use std::fmt::Write as _;

const SOURCES: [&str; 7] = [
    include_str!("../../src/wire.rs"),
    include_str!("../../src/query.rs"),
    include_str!("../../src/command.rs"),
    include_str!("../../src/until.rs"),
    include_str!("../../src/client.rs"),
    include_str!("../../src/error.rs"),
    include_str!("../../src/news.rs"),
];

/// What the schema describes, in its order.
const TYPES: [&str; 15] = [
    "Message",
    "Query",
    "Answer",
    "Command",
    "Done",
    "NodeError",
    "Until",
    "UploadId",
    "UploadKind",
    "Client",
    "BlockNews",
    "TxNews",
    "Verdict",
    "Turned",
    "Grant",
];

/// A field or variant: its name, and what it holds.
type Part = (String, String);

/// The sources without comments and attributes.
fn code() -> String {
    let lines = SOURCES.iter().flat_map(|source| source.lines().map(str::trim));
    let kept: Vec<&str> = lines.filter(|line| !line.starts_with("//") && !line.starts_with("#[")).collect();
    kept.join(" ")
}

/// What lies between the bracket that `text` begins with and its partner.
fn inside(text: &str) -> &str {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' | '(' | '<' => depth += 1,
            '}' | ')' | '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[1..at];
        }
    }
    panic!("a bracket is not closed: {text}")
}

/// Parts between commas that are in no brackets.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in text.chars() {
        match letter {
            '{' | '(' | '<' => depth += 1,
            '}' | ')' | '>' => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("there is one").push(letter);
        }
    }
    parts.into_iter().map(|part| part.trim().to_string()).filter(|part| !part.is_empty()).collect()
}

/// `name: Type`, as in a struct or a variant with fields.
fn fields(text: &str) -> Vec<Part> {
    let field = |part: String| {
        let (name, kind) = part.split_once(':').unwrap_or_else(|| panic!("no field: {part}"));
        (name.trim_start_matches("pub ").trim().to_string(), kind.trim().to_string())
    };
    split(text).into_iter().map(field).collect()
}

/// A type's name in the schema, with its label. What the ledger defines travels in its canonical encoding.
fn kind(rust: &str) -> String {
    let known: BTreeSet<&str> = TYPES.into();
    let of = |outer: &str| rust.strip_prefix(outer).map(inside);
    match rust {
        "u64" | "Height" | "Nonce" => return "uint64".into(),
        "u32" => return "uint32".into(),
        "bool" => return "bool".into(),
        "String" => return "string".into(),
        "Vec<u8>" => return "bytes".into(),
        _ => {}
    }
    if let Some(inner) = of("Box") {
        return kind(inner);
    }
    if let Some(inner) = of("Vec") {
        return format!("repeated {}", kind(inner));
    }
    if let Some(inner) = of("Option") {
        return format!("optional {}", kind(inner));
    }
    // In full: a message inside another may have the same name.
    if known.contains(rust) { format!(".ciro.node.v1.{rust}") } else { "bytes".into() }
}

/// The canonical type behind a field of bytes, for its reader.
fn note(rust: &str, kind: &str) -> String {
    let is_plain = matches!(rust, "Vec<u8>") || !kind.ends_with("bytes");
    if is_plain { String::new() } else { format!("  // {rust}") }
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

fn message(out: &mut String, indent: &str, name: &str, fields: &[Part]) {
    if fields.is_empty() {
        writeln!(out, "{indent}message {name} {{}}").expect("a string takes all");
        return;
    }
    writeln!(out, "{indent}message {name} {{").expect("a string takes all");
    for (number, (field, rust)) in (1..).zip(fields) {
        let kind = kind(rust);
        let note = note(rust, &kind);
        writeln!(out, "{indent}  {kind} {field} = {number};{note}").expect("a string takes all");
    }
    writeln!(out, "{indent}}}").expect("a string takes all");
}

/// An enum: one of its variants, numbered from one. Variants with fields are messages inside.
fn choice(out: &mut String, name: &str, variants: &[Part]) {
    writeln!(out, "message {name} {{\n  oneof kind {{").expect("a string takes all");
    for (number, (variant, held)) in (1..).zip(variants) {
        let rust = held.strip_prefix('(').map(|_| inside(held));
        let kind = rust.map_or_else(|| variant.clone(), kind);
        // A choice holds no lists and no labels.
        let kind = if kind.contains(' ') { "bytes".into() } else { kind };
        let note = rust.map_or_else(String::new, |rust| note(rust, &kind));
        writeln!(out, "    {kind} {} = {number};{note}", snake(variant)).expect("a string takes all");
    }
    writeln!(out, "  }}").expect("a string takes all");
    for (variant, held) in variants.iter().filter(|(_, held)| !held.starts_with('(')) {
        let fields = if held.is_empty() { Vec::new() } else { fields(inside(held)) };
        message(out, "  ", variant, &fields);
    }
    writeln!(out, "}}").expect("a string takes all");
}

/// Questions, each with its fields and its type of answer.
fn questions(code: &str) -> Vec<(String, String, String)> {
    let start = code.find("questions! { ").expect("the questions") + "questions! ".len();
    let one = |text: &str| {
        let (question, answer) = text.rsplit_once(" -> ").unwrap_or_else(|| panic!("no question: {text}"));
        let (name, fields) = question.split_once(' ').expect("a name and fields");
        (name.to_string(), fields.trim().to_string(), answer.trim().to_string())
    };
    inside(&code[start..].replace(" -> ", " ~~ "))
        .replace(" ~~ ", " -> ")
        .split(';')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(one)
        .collect()
}

fn describe(out: &mut String, code: &str, name: &str) {
    if name == "Query" || name == "Answer" {
        let asked = questions(code).into_iter();
        let variants: Vec<Part> = if name == "Query" {
            asked.map(|(name, fields, _)| (name, fields)).collect()
        } else {
            asked.map(|(name, _, answer)| (name, format!("({answer})"))).collect()
        };
        return choice(out, name, &variants);
    }
    if let Some(at) = code.find(&format!("pub enum {name} {{")) {
        let body = inside(&code[at + format!("pub enum {name} ").len()..]);
        let variant = |part: String| match part.find(['{', '(']) {
            Some(at) => (part[..at].trim().to_string(), part[at..].to_string()),
            None => (part, String::new()),
        };
        return choice(out, name, &split(body).into_iter().map(variant).collect::<Vec<_>>());
    }
    let at = code.find(&format!("pub struct {name}")).unwrap_or_else(|| panic!("there is no {name}"));
    let rest = code[at + format!("pub struct {name}").len()..].trim_start();
    let body = inside(rest);
    let fields = if rest.starts_with('(') {
        fields(&format!("value: {}", body.trim_start_matches("pub ")))
    } else {
        fields(body)
    };
    message(out, "", name, &fields);
}

const HEAD: &str = "\
// What gateway, node, scheduler and worker say to each other: crates/fabric/api. A test of that crate writes this from the types and compares.
//
// On a stream a message is four bytes of length, two of version, and the canonical encoding (borsh). There a variant is its number here less
// one. A field of bytes with a comment holds the canonical encoding of the ledger's type that the comment names.
syntax = \"proto3\";

package ciro.node.v1;
";

#[test]
fn the_proto_file_says_what_the_types_say() {
    let (code, mut expected) = (code(), HEAD.to_string());
    for name in TYPES {
        expected.push('\n');
        describe(&mut expected, &code, name);
    }
    let written = include_str!("../../../../../api/node.proto");
    let differs = expected.lines().zip(written.lines()).position(|(expected, written)| expected != written);
    assert_eq!(differs, None, "api/node.proto differs in this line, counted from 0; it should read:\n{expected}");
    assert_eq!(expected.len(), written.len(), "api/node.proto should read:\n{expected}");
}
