//! UBJSON, the part of it that XGBoost writes: everything but high-precision numbers.
//!
//! A value is a marker byte and its content. A container may declare the type of all its elements (`$`) and their number (`#`). Numbers
//! are big-endian. Nothing is allocated by a declared size, as every element takes a byte of the file at least. How many elements there
//! may be is limited as well, as each takes more than a byte once it is read.

use crate::terms::native::{NativeError, XGBOOST};
use crate::terms::size::{MOST_OBJECTS, MOST_VALUES};
use serde_json::{Map, Number, Value};

/// Deepest nesting.
const DEPTH_MAX: u32 = 32;

/// The one value of a file.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, NativeError> {
    let mut reader = Reader { bytes, at: 0, values: 0, objects: 0 };
    let marker = reader.byte()?;
    let value = reader.value(marker, 0)?;
    if reader.at < bytes.len() {
        return Err(reader.refuse("the end of the file", "more bytes"));
    }
    Ok(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Values and objects so far.
    values: usize,
    objects: usize,
}

/// What a container declares of its elements.
struct Declared {
    kind: Option<u8>,
    count: Option<usize>,
}

impl Reader<'_> {
    fn refuse(&self, expected: &str, got: impl Into<String>) -> NativeError {
        XGBOOST.malformed(&format!("byte {}", self.at), expected, got)
    }

    fn take(&mut self, count: usize) -> Result<&[u8], NativeError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.refuse(&format!("{count} bytes"), "the end of the file"))?;
        let start = std::mem::replace(&mut self.at, end);
        Ok(&self.bytes[start..end])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NativeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, NativeError> {
        Ok(self.array::<1>()?[0])
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Skips `byte` if it is next.
    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Counts a value, and an object if it is one.
    fn count(&mut self, marker: u8) -> Result<(), NativeError> {
        self.values += 1;
        self.objects += usize::from(marker == b'{');
        if self.values > MOST_VALUES {
            return Err(self.refuse(&format!("at most {MOST_VALUES} values"), "more"));
        }
        if self.objects > MOST_OBJECTS {
            return Err(self.refuse(&format!("at most {MOST_OBJECTS} objects"), "more"));
        }
        Ok(())
    }

    fn value(&mut self, marker: u8, depth: u32) -> Result<Value, NativeError> {
        self.count(marker)?;
        Ok(match marker {
            b'Z' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'S' => Value::String(self.text()?),
            b'C' => Value::String(char::from(self.byte()?).to_string()),
            b'd' => {
                let single = f32::from_be_bytes(self.array()?);
                self.float(f64::from(single))?
            }
            b'D' => {
                let double = f64::from_be_bytes(self.array()?);
                self.float(double)?
            }
            b'[' | b'{' if depth == DEPTH_MAX => {
                return Err(self.refuse(&format!("at most {DEPTH_MAX} levels"), "more"));
            }
            b'[' => self.list(depth + 1)?,
            b'{' => self.object(depth + 1)?,
            _ => Value::Number(self.int(marker)?.into()),
        })
    }

    fn float(&self, value: f64) -> Result<Value, NativeError> {
        let number = Number::from_f64(value).ok_or_else(|| self.refuse("a finite number", value.to_string()))?;
        Ok(Value::Number(number))
    }

    fn int(&mut self, marker: u8) -> Result<i64, NativeError> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(self.byte()?),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            other => return Err(self.refuse("a type of UBJSON", format!("the byte {other:#04x}"))),
        })
    }

    fn length(&mut self) -> Result<usize, NativeError> {
        let marker = self.byte()?;
        let int = self.int(marker)?;
        let most = self.bytes.len();
        let length = usize::try_from(int).ok().filter(|&length| length <= most);
        length.ok_or_else(|| self.refuse(&format!("a length from 0 to {most}"), int.to_string()))
    }

    fn text(&mut self) -> Result<String, NativeError> {
        let length = self.length()?;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| self.refuse("UTF-8 text", "other bytes"))
    }

    fn declared(&mut self) -> Result<Declared, NativeError> {
        let kind = if self.skip(b'$') { Some(self.byte()?) } else { None };
        let count = if self.skip(b'#') { Some(self.length()?) } else { None };
        match (kind, count) {
            (Some(_), None) => Err(self.refuse("a number of elements after their type", "none")),
            // A file of a few bytes could make any number of them.
            (Some(b'Z' | b'T' | b'F'), _) => Err(self.refuse("elements that have content", "a list of constants")),
            _ => Ok(Declared { kind, count }),
        }
    }

    /// Whether another element follows the `done` ones that were read.
    fn more(&mut self, declared: &Declared, done: usize, end: u8) -> bool {
        match declared.count {
            Some(count) => done < count,
            None => !self.skip(end),
        }
    }

    fn element(&mut self, declared: &Declared, depth: u32) -> Result<Value, NativeError> {
        let marker = match declared.kind {
            Some(kind) => kind,
            None => self.byte()?,
        };
        self.value(marker, depth)
    }

    fn list(&mut self, depth: u32) -> Result<Value, NativeError> {
        let declared = self.declared()?;
        let mut items = Vec::new();
        while self.more(&declared, items.len(), b']') {
            items.push(self.element(&declared, depth)?);
        }
        Ok(Value::Array(items))
    }

    fn object(&mut self, depth: u32) -> Result<Value, NativeError> {
        let declared = self.declared()?;
        let (mut fields, mut done) = (Map::new(), 0);
        while self.more(&declared, done, b'}') {
            let name = self.text()?;
            fields.insert(name, self.element(&declared, depth)?);
            done += 1;
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_type_reads_as_json() {
        let bytes = [
            &b"{i\x01aL\xff\xff\xff\xff\xff\xff\xff\xfei\x01b[$d#i\x02\x3f\x80\x00\x00\xbf\x00\x00\x00"[..],
            b"i\x01c[TFZSi\x02okI\x01\x00l\x00\x01\x00\x00D\x3f\xb9\x99\x99\x99\x99\x99\x9a]",
            b"i\x01d{#U\x01i\x01eU\xff}",
        ]
        .concat();
        let expected =
            json!({"a": -2, "b": [1.0, -0.5], "c": [true, false, null, "ok", 256, 65536, 0.1], "d": {"e": 255}});
        assert_eq!(parse(&bytes), Ok(expected));
    }

    #[test]
    fn broken_files_are_refused_where_they_break() {
        let refusal = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert_eq!(refusal(b"[$U#i\x03\x01"), "XGBoost model: byte 7: expected 1 bytes, got the end of the file");
        assert_eq!(refusal(b"Si\x09abc"), "XGBoost model: byte 3: expected a length from 0 to 6, got 9");
        assert_eq!(refusal(b"[i\x01"), "XGBoost model: byte 3: expected 1 bytes, got the end of the file");
        assert_eq!(refusal(b"[]x"), "XGBoost model: byte 2: expected the end of the file, got more bytes");
        assert_eq!(refusal(b"[$U]"), "XGBoost model: byte 3: expected a number of elements after their type, got none");
        assert!(refusal(b"[Q]").contains("expected a type of UBJSON, got the byte 0x51"));
        assert!(refusal(b"[d\x7f\xc0\x00\x00]").contains("expected a finite number, got NaN"));
        assert!(refusal(&[b'['; 100]).contains("expected at most 32 levels"));
        assert!(refusal(b"[$Z#i\x02").contains("expected elements that have content"));
    }

    #[test]
    fn a_file_holds_so_many_values_and_objects() {
        let read = |marker: u8, values: usize, objects: usize| {
            Reader { bytes: b"}", at: 0, values, objects }.value(marker, 0).map_err(|e| e.to_string())
        };
        assert_eq!(read(b'{', MOST_VALUES - 1, MOST_OBJECTS - 1), Ok(json!({})));
        let refusal = |what: &str| Err(format!("XGBoost model: byte 0: expected at most {what}, got more"));
        assert_eq!(read(b'Z', MOST_VALUES, 0), refusal("33554432 values"));
        assert_eq!(read(b'{', 0, MOST_OBJECTS), refusal("1048576 objects"));
    }
}
