//! Records as CSV (RFC 4180), safe to open in a spreadsheet. Not here: where the records come from.

use serde_json::Value;
use std::borrow::Cow;

/// One line per record under a line of column names: `fields` first, in this order, then whatever else the records
/// have. Nested values are written as JSON; records that are no objects go into a column `value`.
///
/// What a spreadsheet would take for a formula gets an apostrophe in front: pages are written by strangers.
pub(crate) fn write(records: &[Value], fields: &[&str]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    let mut add = |name| {
        if !columns.contains(&name) {
            columns.push(name);
        }
    };
    fields.iter().for_each(|field| add(field));
    for record in records {
        match record {
            Value::Object(members) => members.keys().for_each(|name| add(name)),
            _ => add("value"),
        }
    }
    let mut text = String::new();
    line(&mut text, columns.iter().map(|column| harmless(column)));
    for record in records {
        line(
            &mut text,
            columns.iter().map(|column| match record {
                Value::Object(members) => members.get(*column).map(cell).unwrap_or_default(),
                other if *column == "value" => cell(other),
                _ => Cow::default(),
            }),
        );
    }
    text
}

fn cell(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::default(),
        Value::String(text) => harmless(text),
        other => other.to_string().into(),
    }
}

/// The text, with an apostrophe in front where a spreadsheet would calculate. Numbers with a sign are left alone.
fn harmless(text: &str) -> Cow<'_, str> {
    let calculates = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if calculates && text.parse::<f64>().is_err() { format!("'{text}").into() } else { text.into() }
}

fn line<'a>(text: &mut String, cells: impl Iterator<Item = Cow<'a, str>>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(&cell);
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_the_union_and_odd_cells_are_quoted() {
        let records = [
            json!({"a": 1, "b": "x,y"}),
            json!({"b": "say \"hi\"\n", "c": [1]}),
            json!(7),
            json!({"a": null}),
        ];
        assert_eq!(
            write(&records, &[]),
            "a,b,c,value\r\n1,\"x,y\",,\r\n,\"say \"\"hi\"\"\n\",[1],\r\n,,,7\r\n,,,\r\n"
        );
        assert_eq!(write(&[], &[]), "\r\n");
    }

    #[test]
    fn known_fields_keep_their_order_and_their_place_where_nothing_was_found() {
        assert_eq!(write(&[json!({"a": 1, "z": 2})], &["z", "m"]), "z,m,a\r\n2,,1\r\n");
        assert_eq!(write(&[], &["title", "price"]), "title,price\r\n");
    }

    #[test]
    fn what_a_spreadsheet_would_calculate_is_text() {
        let records =
            [json!({"=1+1": "=HYPERLINK(\"http://evil\")", "b": "@SUM(A1)", "c": "+49 30", "d": -5})];
        assert_eq!(
            write(&records, &[]),
            "'=1+1,b,c,d\r\n\"'=HYPERLINK(\"\"http://evil\"\")\",'@SUM(A1),'+49 30,-5\r\n"
        );
        for harmless_one in ["-5", "+1.5e3", "a=b", "", "£-5"] {
            assert_eq!(harmless(harmless_one), harmless_one);
        }
        for formula in ["-2+3", "\t=1", "\r=1", "＝1", "-", "=cmd|' /C calc'!A0"] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
    }
}
