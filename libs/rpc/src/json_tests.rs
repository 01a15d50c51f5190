//! What crosses the wire as JSON, what does not, and what is said about it.

use super::*;
use proptest::prelude::*;

fn wire(json: &Json) -> Value {
    let sent = Value::new(json.clone());
    let bytes = sent.encode_to_vec();
    assert_eq!(bytes.len(), sent.encoded_len());
    Value::decode(bytes.as_slice()).unwrap()
}

fn there_and_back(json: &Json) -> Json {
    wire(json).into_json().unwrap()
}

fn number() -> impl Strategy<Value = Number> {
    const MOST: i64 = (1 << 53) - 1;
    prop_oneof![
        (-MOST..=MOST).prop_map(Number::from),
        any::<f64>().prop_filter_map("finite, with a fraction", |number| {
            (number.fract() != 0.0).then(|| Number::from_f64(number)).flatten()
        }),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        number().prop_map(Json::Number),
        "\\PC{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_survives(json in json()) {
        prop_assert_eq!(there_and_back(&json), json);
    }

    /// Others speak of the same bytes: prost's own types for these messages read and write them as we do.
    #[test]
    fn the_bytes_are_those_of_protobuf(json in json()) {
        let ours = Value::new(json.clone()).encode_to_vec();
        let theirs = prost_types::Value::decode(ours.as_slice()).unwrap();
        prop_assert_eq!(Value::decode(theirs.encode_to_vec().as_slice()).unwrap().into_json().unwrap(), json);
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Value::decode(bytes.as_slice());
        let _ = Struct::decode(bytes.as_slice());
    }

    #[test]
    fn damaged_messages_are_refused_without_a_panic(json in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = Value::new(json).encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Value::decode(bytes.as_slice());
        let _ = Value::decode(&bytes[..at]);
    }
}

#[test]
fn whole_numbers_are_integers_as_far_as_doubles_are_exact() {
    let back = |json: Json| there_and_back(&json).to_string();
    assert_eq!(back(1.into()), "1");
    assert_eq!(back(1.0.into()), "1");
    assert_eq!(back((-0.0).into()), "-0.0");
    assert_eq!(back(((1_i64 << 53) - 1).into()), "9007199254740991");
    assert_eq!(back((1_i64 << 53).into()), "9007199254740992.0");
    assert_eq!(back(u64::MAX.into()), "1.8446744073709552e+19");
    assert_eq!(back(0.1.into()), "0.1");
}

fn nested(levels: usize) -> Json {
    (0..levels).fold(Json::from(1), |inner, level| {
        if level % 2 == 0 { Json::from(vec![inner]) } else { serde_json::json!({"a": inner}) }
    })
}

#[test]
fn nesting_has_an_end() {
    assert_eq!(depth(&nested(0)), 0);
    assert_eq!(depth(&nested(70)), 70);
    assert_eq!(depth(&serde_json::json!({})), 1);
    assert_eq!(there_and_back(&nested(WIRE_DEPTH)), nested(WIRE_DEPTH));
    let fault = wire(&nested(WIRE_DEPTH + 1)).into_json().unwrap_err();
    assert_eq!(fault.message, TOO_DEEP);
    assert_eq!(fault.path.matches('/').count(), WIRE_DEPTH);
}

/// `levels` of lists in lists, made by hand, because nothing that recurses could make them.
fn bottomless(levels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..levels {
        // The inner bytes as the only value of a list, the list as a value. Built inside out, reversed.
        let inner = bytes.len() as u64;
        let mut header = Vec::new();
        encode_key(tag::LIST_VALUES, WireType::LengthDelimited, &mut header);
        encode_varint(inner, &mut header);
        let list = inner + header.len() as u64;
        let mut outer = Vec::new();
        encode_key(tag::LIST, WireType::LengthDelimited, &mut outer);
        encode_varint(list, &mut outer);
        bytes.extend(header.iter().rev());
        bytes.extend(outer.iter().rev());
    }
    bytes.reverse();
    bytes
}

#[test]
fn endless_nesting_does_not_break_the_program() {
    let fault = Value::decode(bottomless(100_000).as_slice()).unwrap().into_json().unwrap_err();
    assert_eq!(fault.message, TOO_DEEP);
}

#[test]
fn faults_are_told_with_their_place() {
    use prost_types::{ListValue, Struct as TheirStruct, Value as Theirs, value::Kind};
    let value = |kind| Theirs { kind: Some(kind) };
    let list = |values| value(Kind::ListValue(ListValue { values }));
    let object = |key: &str, inner| {
        let fields = std::collections::BTreeMap::from([(key.to_owned(), inner)]);
        value(Kind::StructValue(TheirStruct { fields }))
    };
    let fault = |theirs: Theirs| {
        let fault = Value::decode(theirs.encode_to_vec().as_slice()).unwrap().into_json().unwrap_err();
        (fault.path, fault.message)
    };
    assert_eq!(fault(Theirs { kind: None }), (String::new(), NO_KIND));
    assert_eq!(fault(value(Kind::NumberValue(f64::NAN))), (String::new(), NOT_FINITE));
    let null = || value(Kind::NullValue(0));
    let deep = object("a/b~c", list(vec![null(), object("d", value(Kind::NumberValue(f64::INFINITY)))]));
    assert_eq!(fault(deep), ("/a~1b~0c/1/d".to_owned(), NOT_FINITE));
    // The first one is told.
    let two = list(vec![Theirs { kind: None }, value(Kind::NumberValue(f64::NAN))]);
    assert_eq!(fault(two), ("/0".to_owned(), NO_KIND));
}

#[test]
fn pieces_of_a_message_are_put_together() {
    // Protobuf allows a field to come in pieces; maps merge.
    let first = Struct::new(serde_json::json!({"a": 1}).as_object().unwrap().clone()).encode_to_vec();
    let second =
        Struct::new(serde_json::json!({"b": [2], "a": 3}).as_object().unwrap().clone()).encode_to_vec();
    let merged = Struct::decode([first, second].concat().as_slice()).unwrap().into_json().unwrap();
    assert_eq!(Json::Object(merged), serde_json::json!({"a": 3, "b": [2]}));
}
