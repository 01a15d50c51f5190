//! Records as CSV (RFC 4180). Not here: where the records come from.

use serde_json::Value;
use std::collections::BTreeSet;

/// One line per record under a line of column names, the union of the records' members. Nested values are written
/// as JSON; records that are no objects go into a column `value`.
pub(crate) fn write(records: &[Value]) -> String {
    let mut columns = BTreeSet::new();
    for record in records {
        match record {
            Value::Object(members) => columns.extend(members.keys().map(String::as_str)),
            _ => {
                columns.insert("value");
            }
        }
    }
    let mut text = String::new();
    line(&mut text, columns.iter().map(|column| (*column).to_owned()));
    for record in records {
        line(
            &mut text,
            columns.iter().map(|column| match record {
                Value::Object(members) => members.get(*column).map(cell).unwrap_or_default(),
                other if *column == "value" => cell(other),
                _ => String::new(),
            }),
        );
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
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
            write(&records),
            "a,b,c,value\r\n1,\"x,y\",,\r\n,\"say \"\"hi\"\"\n\",[1],\r\n,,,7\r\n,,,\r\n"
        );
        assert_eq!(write(&[]), "\r\n");
    }
}
