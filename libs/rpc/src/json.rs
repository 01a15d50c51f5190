//! `google.protobuf.Struct` and `Value` on the wire, `serde_json` values in memory, nothing in between. Decoding
//! has a limit on nesting of its own (prost's counts three levels for one of JSON and would end at 33).
//!
//! Numbers of the wire are doubles. A number without a fraction and below 2^53 becomes a JSON integer, so that `1`
//! comes back as `1` (and `1.0` as `1`, too); larger integers lose precision on the way out.
//!
//! What protobuf can say and JSON cannot (infinite numbers, a value of no kind, endless nesting) does not break the
//! decoding: it is remembered as a fault, so that the caller can be told where it is. Not here: who is told how
//! (`convert`).

use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut},
    encoding::{
        DecodeContext, WireType, check_wire_type, decode_key, decode_varint, encode_key, encode_varint,
        encoded_len_varint, skip_field,
    },
};
use serde_json::{Map, Number, Value as Json};

/// Deepest nesting that the wire accepts. Above the documented limit of 64, because documents travel inside of
/// other values (an output within an event), and no deeper than what serde_json reads from text.
pub(crate) const WIRE_DEPTH: usize = 128;

/// Something that is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// JSON Pointer within the value.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) message: &'static str,
}

/// `google.protobuf.Value`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Value {
    json: Option<Json>,
    fault: Option<Box<Fault>>,
}

/// `google.protobuf.Struct`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Struct {
    fields: Map<String, Json>,
    fault: Option<Box<Fault>>,
}

impl Value {
    pub(crate) fn new(json: Json) -> Self {
        Self { json: Some(json), fault: None }
    }

    pub(crate) fn into_json(self) -> Result<Json, Fault> {
        match (self.fault, self.json) {
            (Some(fault), _) => Err(*fault),
            (None, Some(json)) => Ok(json),
            (None, None) => Err(Fault { path: String::new(), message: NO_KIND }),
        }
    }
}

impl Struct {
    pub(crate) fn new(fields: Map<String, Json>) -> Self {
        Self { fields, fault: None }
    }

    pub(crate) fn into_json(self) -> Result<Map<String, Json>, Fault> {
        match self.fault {
            Some(fault) => Err(*fault),
            None => Ok(self.fields),
        }
    }
}

/// How deep a value nests: 0 for a number, 1 for an empty object.
pub(crate) fn depth(json: &Json) -> usize {
    // Iterative: the value may come from somewhere that knows no limit.
    let mut deepest = 0;
    let mut todo = vec![(json, 0)];
    while let Some((value, level)) = todo.pop() {
        match value {
            Json::Object(fields) => todo.extend(fields.values().map(|value| (value, level + 1))),
            Json::Array(items) => todo.extend(items.iter().map(|value| (value, level + 1))),
            _ => {
                deepest = deepest.max(level);
                continue;
            }
        }
        deepest = deepest.max(level + 1);
    }
    deepest
}

const NO_KIND: &str = "a value of no kind; use null_value for null";
const NOT_FINITE: &str = "JSON knows no infinite numbers and no NaN";
const TOO_DEEP: &str = "nested too deeply";

// Field numbers of google/protobuf/struct.proto.
mod tag {
    pub(super) const STRUCT_FIELDS: u32 = 1;
    pub(super) const ENTRY_KEY: u32 = 1;
    pub(super) const ENTRY_VALUE: u32 = 2;
    pub(super) const LIST_VALUES: u32 = 1;
    pub(super) const NULL: u32 = 1;
    pub(super) const NUMBER: u32 = 2;
    pub(super) const STRING: u32 = 3;
    pub(super) const BOOL: u32 = 4;
    pub(super) const STRUCT: u32 = 5;
    pub(super) const LIST: u32 = 6;
}

impl Message for Value {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if let Some(json) = &self.json {
            encode_value(json, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        _ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        let mut decoder = Decoder { fault: self.fault.take() };
        let result = decoder.value_field(&mut self.json, tag, wire_type, buf, 0);
        self.fault = decoder.fault;
        result
    }

    fn encoded_len(&self) -> usize {
        self.json.as_ref().map_or(0, value_len)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Message for Struct {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        encode_struct(&self.fields, buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        _ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        let mut decoder = Decoder { fault: self.fault.take() };
        let result = decoder.struct_field(&mut self.fields, tag, wire_type, buf, 1);
        self.fault = decoder.fault;
        result
    }

    fn encoded_len(&self) -> usize {
        struct_len(&self.fields)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

fn value_len(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) => 2,
        Json::Number(_) => 9,
        Json::String(text) => 1 + delimited(text.len()),
        Json::Object(fields) => 1 + delimited(struct_len(fields)),
        Json::Array(items) => 1 + delimited(list_len(items)),
    }
}

fn struct_len(fields: &Map<String, Json>) -> usize {
    fields.iter().map(|(key, value)| 1 + delimited(entry_len(key, value))).sum()
}

fn entry_len(key: &str, value: &Json) -> usize {
    2 + delimited(key.len()) + delimited(value_len(value))
}

fn list_len(items: &[Json]) -> usize {
    items.iter().map(|item| 1 + delimited(value_len(item))).sum()
}

fn delimited(len: usize) -> usize {
    encoded_len_varint(len as u64) + len
}

fn encode_value(json: &Json, buf: &mut impl BufMut) {
    match json {
        Json::Null => {
            encode_key(tag::NULL, WireType::Varint, buf);
            buf.put_u8(0);
        }
        Json::Bool(yes) => {
            encode_key(tag::BOOL, WireType::Varint, buf);
            buf.put_u8(u8::from(*yes));
        }
        Json::Number(number) => {
            encode_key(tag::NUMBER, WireType::SixtyFourBit, buf);
            buf.put_f64_le(number.as_f64().unwrap_or_default());
        }
        Json::String(text) => encode_text(tag::STRING, text, buf),
        Json::Object(fields) => {
            encode_header(tag::STRUCT, struct_len(fields), buf);
            encode_struct(fields, buf);
        }
        Json::Array(items) => {
            encode_header(tag::LIST, list_len(items), buf);
            for item in items {
                encode_header(tag::LIST_VALUES, value_len(item), buf);
                encode_value(item, buf);
            }
        }
    }
}

fn encode_struct(fields: &Map<String, Json>, buf: &mut impl BufMut) {
    for (key, value) in fields {
        encode_header(tag::STRUCT_FIELDS, entry_len(key, value), buf);
        encode_text(tag::ENTRY_KEY, key, buf);
        encode_header(tag::ENTRY_VALUE, value_len(value), buf);
        encode_value(value, buf);
    }
}

fn encode_header(tag: u32, len: usize, buf: &mut impl BufMut) {
    encode_key(tag, WireType::LengthDelimited, buf);
    encode_varint(len as u64, buf);
}

fn encode_text(tag: u32, text: &str, buf: &mut impl BufMut) {
    encode_header(tag, text.len(), buf);
    buf.put_slice(text.as_bytes());
}

/// Remembers the first fault. Its path is put together on the way out of the recursion, so that values without
/// a fault pay nothing for it.
struct Decoder {
    fault: Option<Box<Fault>>,
}

impl Decoder {
    fn fault(&mut self, message: &'static str) {
        self.fault.get_or_insert_with(|| Box::new(Fault { path: String::new(), message }));
    }

    /// Decodes something below the member or item that `step` names, and puts the step before the path of a fault
    /// found there.
    fn below<T>(
        &mut self,
        step: impl FnOnce(&T) -> String,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let earlier = self.fault.take();
        let decoded = decode(self)?;
        if let Some(fault) = &mut self.fault {
            let step = step(&decoded).replace('~', "~0").replace('/', "~1");
            fault.path = format!("/{step}{}", fault.path);
        }
        if earlier.is_some() {
            self.fault = earlier;
        }
        Ok(decoded)
    }

    /// One field of a `Value`; a later field replaces an earlier one, structs merge, as protobuf has it.
    fn value_field(
        &mut self,
        into: &mut Option<Json>,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        level: usize,
    ) -> Result<(), DecodeError> {
        match tag {
            tag::NULL => {
                check_wire_type(WireType::Varint, wire_type)?;
                decode_varint(buf)?;
                *into = Some(Json::Null);
            }
            tag::NUMBER => {
                check_wire_type(WireType::SixtyFourBit, wire_type)?;
                let number = buf.try_get_f64_le().map_err(|_| underflow())?;
                *into = Some(self.number(number));
            }
            tag::STRING => *into = Some(Json::String(text(wire_type, buf)?)),
            tag::BOOL => {
                check_wire_type(WireType::Varint, wire_type)?;
                *into = Some(Json::Bool(decode_varint(buf)? != 0));
            }
            tag::STRUCT => {
                let end = nested(wire_type, buf)?;
                if level >= WIRE_DEPTH {
                    self.fault(TOO_DEEP);
                    *into = Some(Json::Null);
                    return skip_to(end, buf);
                }
                let mut fields = match into.take() {
                    Some(Json::Object(fields)) => fields,
                    _ => Map::new(),
                };
                while buf.remaining() > end {
                    let (tag, wire_type) = decode_key(buf)?;
                    self.struct_field(&mut fields, tag, wire_type, buf, level + 1)?;
                }
                check_end(end, buf)?;
                *into = Some(Json::Object(fields));
            }
            tag::LIST => {
                let end = nested(wire_type, buf)?;
                if level >= WIRE_DEPTH {
                    self.fault(TOO_DEEP);
                    *into = Some(Json::Null);
                    return skip_to(end, buf);
                }
                let mut items = match into.take() {
                    Some(Json::Array(items)) => items,
                    _ => Vec::new(),
                };
                while buf.remaining() > end {
                    let (tag, wire_type) = decode_key(buf)?;
                    if tag != tag::LIST_VALUES {
                        skip_field(wire_type, tag, buf, DecodeContext::default())?;
                        continue;
                    }
                    let ix = items.len();
                    items.push(self.below(|_| ix.to_string(), |it| it.value(wire_type, buf, level + 1))?);
                }
                check_end(end, buf)?;
                *into = Some(Json::Array(items));
            }
            _ => skip_field(wire_type, tag, buf, DecodeContext::default())?,
        }
        Ok(())
    }

    /// A whole `Value` with its length before it.
    fn value(&mut self, wire_type: WireType, buf: &mut impl Buf, level: usize) -> Result<Json, DecodeError> {
        let end = nested(wire_type, buf)?;
        let mut value = None;
        while buf.remaining() > end {
            let (tag, wire_type) = decode_key(buf)?;
            self.value_field(&mut value, tag, wire_type, buf, level)?;
        }
        check_end(end, buf)?;
        Ok(value.unwrap_or_else(|| self.no_kind()))
    }

    /// One field of a `Struct`, that is: one member of an object.
    fn struct_field(
        &mut self,
        into: &mut Map<String, Json>,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        level: usize,
    ) -> Result<(), DecodeError> {
        if tag != tag::STRUCT_FIELDS {
            return skip_field(wire_type, tag, buf, DecodeContext::default());
        }
        let member = |it: &mut Self| it.member(wire_type, buf, level);
        let (key, value) = self.below(|(key, _): &(String, Json)| key.clone(), member)?;
        into.insert(key, value);
        Ok(())
    }

    /// A whole entry of a `Struct`, with its length before it.
    fn member(
        &mut self,
        wire_type: WireType,
        buf: &mut impl Buf,
        level: usize,
    ) -> Result<(String, Json), DecodeError> {
        let end = nested(wire_type, buf)?;
        let (mut key, mut value) = (String::new(), None);
        while buf.remaining() > end {
            let (tag, wire_type) = decode_key(buf)?;
            match tag {
                tag::ENTRY_KEY => key = text(wire_type, buf)?,
                tag::ENTRY_VALUE => value = Some(self.value(wire_type, buf, level)?),
                _ => skip_field(wire_type, tag, buf, DecodeContext::default())?,
            }
        }
        check_end(end, buf)?;
        Ok((key, value.unwrap_or_else(|| self.no_kind())))
    }

    fn no_kind(&mut self) -> Json {
        self.fault(NO_KIND);
        Json::Null
    }

    fn number(&mut self, number: f64) -> Json {
        // -0.0 stays a float: as an integer it would lose its sign.
        let integral = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
        if integral && !(number == 0.0 && number.is_sign_negative()) {
            return Json::from(number as i64);
        }
        Number::from_f64(number).map_or_else(
            || {
                self.fault(NOT_FINITE);
                Json::Null
            },
            Json::Number,
        )
    }
}

/// Reads a length and says how many bytes will remain after what it announces.
fn nested(wire_type: WireType, buf: &mut impl Buf) -> Result<usize, DecodeError> {
    check_wire_type(WireType::LengthDelimited, wire_type)?;
    let len = usize::try_from(decode_varint(buf)?).map_err(|_| underflow())?;
    buf.remaining().checked_sub(len).ok_or_else(underflow)
}

fn check_end(end: usize, buf: &impl Buf) -> Result<(), DecodeError> {
    if buf.remaining() == end { Ok(()) } else { Err(underflow()) }
}

fn skip_to(end: usize, buf: &mut impl Buf) -> Result<(), DecodeError> {
    buf.advance(buf.remaining() - end);
    Ok(())
}

fn text(wire_type: WireType, buf: &mut impl Buf) -> Result<String, DecodeError> {
    let end = nested(wire_type, buf)?;
    let mut bytes = vec![0; buf.remaining() - end];
    buf.copy_to_slice(&mut bytes);
    String::from_utf8(bytes).map_err(|_| error("a text is not UTF-8"))
}

fn underflow() -> DecodeError {
    error("a JSON value ends too early")
}

#[expect(deprecated, reason = "prost offers implementors of Message no other way to make this error")]
fn error(message: &'static str) -> DecodeError {
    DecodeError::new(message)
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
