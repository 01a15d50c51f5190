//! Secrets as the engine knows them: by name only. Where a template prints a secret, a placeholder is printed that
//! nobody else can write, since it holds a number that never leaves the process. Whoever makes the call puts the value
//! in its place right before; whatever is recorded shows `[secret NAME]`.
//! Not here: the values (`nexus-executor`).

use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// What tells placeholders from all other text. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Mark(Arc<str>);

/// How a template wrote a secret, and so how its value has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// By `urlencode`.
    Url,
    /// By `tojson`.
    Json,
}

/// What begins and ends a placeholder in each form.
const FORMS: [(Form, &str, &str); 3] =
    [(Form::Plain, "\u{1}", "\u{2}"), (Form::Url, "%01", "%02"), (Form::Json, "\\u0001", "\\u0002")];

/// A placeholder in a text was changed by a filter, so that the secret's value cannot take its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret can be used as it is, through `urlencode` or through `tojson`; no other filter may change it"
)]
pub struct Changed;

/// A piece of a text.
enum Piece<'a> {
    Text(&'a str),
    Secret(Form, String),
}

impl Mark {
    /// `nonce`: lower case letters and digits that nobody outside of this process can guess.
    pub fn new(nonce: &str) -> Self {
        // a letter in front, so that whatever changes the case of a text changes this
        Self(format!("n{nonce}").into())
    }

    /// What templates print for the secret of this name.
    pub(crate) fn placeholder(&self, name: &str) -> String {
        // in digits, so that no filter makes another name of it
        let name: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("\u{1}{}.{name}\u{2}", self.0)
    }

    fn pieces<'a>(&self, text: &'a str) -> Result<Vec<Piece<'a>>, Changed> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.find(&*self.0) {
            let (before, after) = (&rest[..at], &rest[at + self.0.len()..]);
            let found = FORMS.iter().find_map(|(form, open, close)| {
                let before = before.strip_suffix(open)?;
                let (name, after) = after.strip_prefix('.')?.split_once(close)?;
                Some((before, Piece::Secret(*form, of_digits(name)?), after))
            });
            let (before, secret, after) = found.ok_or(Changed)?;
            pieces.extend([Piece::Text(before), secret]);
            rest = after;
        }
        pieces.push(Piece::Text(rest));
        let changed = |piece: &Piece<'_>| match piece {
            Piece::Text(text) => text.to_ascii_lowercase().contains(&*self.0),
            Piece::Secret(..) => false,
        };
        if pieces.iter().any(changed) { Err(Changed) } else { Ok(pieces) }
    }

    /// The text with something else in the place of each placeholder.
    ///
    /// # Errors
    /// If a placeholder is there, but was changed.
    pub fn replace(&self, text: &str, mut with: impl FnMut(Form, &str) -> String) -> Result<String, Changed> {
        let pieces = self.pieces(text)?.into_iter().map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Secret(form, name) => with(form, &name),
        });
        Ok(pieces.collect())
    }

    /// The names of the secrets in a text.
    ///
    /// # Errors
    /// If a placeholder is there, but was changed.
    pub fn names(&self, text: &str, found: &mut BTreeSet<String>) -> Result<(), Changed> {
        for piece in self.pieces(text)? {
            if let Piece::Secret(_, name) = piece {
                found.insert(name);
            }
        }
        Ok(())
    }

    /// Whether a text of the value holds the placeholder of a secret that is none of these: somebody else wrote it.
    pub(crate) fn is_forged(&self, value: &Value, named: &[String]) -> bool {
        match value {
            Value::String(text) => {
                let mut names = BTreeSet::new();
                // one that was changed is refused where values are put in
                self.names(text, &mut names).is_ok() && names.iter().any(|name| !named.contains(name))
            }
            Value::Array(items) => items.iter().any(|item| self.is_forged(item, named)),
            Value::Object(members) => members.values().any(|member| self.is_forged(member, named)),
            _ => false,
        }
    }

    /// The text as it may be shown.
    pub(crate) fn shown(&self, text: &str) -> String {
        self.replace(text, |_, name| format!("[secret {name}]"))
            .unwrap_or_else(|Changed| "[a secret, changed]".to_owned())
    }

    /// The value as it may be shown.
    pub(crate) fn shown_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.shown(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.shown_value(item)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, member)| (self.shown(&name), self.shown_value(member)))
                .collect(),
            other => other,
        }
    }
}

/// A name that was written in digits.
fn of_digits(digits: &str) -> Option<String> {
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    String::from_utf8(bytes.collect::<Option<_>>()?).ok()
}

impl Default for Mark {
    /// For whoever has no secrets: nothing can be put in the place of what it marks.
    fn default() -> Self {
        Self::new("00000000000000000000000000000000")
    }
}

/// Says nothing: whoever knows it can write placeholders.
impl std::fmt::Debug for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mark")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_expr::{Context, Template};
    use serde_json::json;

    fn mark() -> Mark {
        Mark::new("0123456789abcdef")
    }

    fn rendered(template: &str) -> String {
        let secrets = json!({ "key": mark().placeholder("key") });
        let mut context = Context::new();
        context.set("secrets", &secrets);
        Template::compile(template).unwrap().render(&context).unwrap()
    }

    #[test]
    fn each_form_is_told_apart() {
        let text = rendered(
            "{{ secrets.key }}|{{ secrets.key | urlencode }}|{{ secrets.key | tojson }}|{{ 'a' ~ secrets.key }}",
        );
        let shown = mark().replace(&text, |form, name| format!("<{form:?} {name}>")).unwrap();
        assert_eq!(shown, "<Plain key>|<Url key>|\"<Json key>\"|a<Plain key>");
        assert_eq!(mark().shown(&text).matches("[secret key]").count(), 4);
    }

    #[test]
    fn what_a_filter_changed_is_no_secret_any_more() {
        assert_eq!(
            mark().shown(&rendered("{{ secrets.key | title }}")),
            "[secret key]",
            "it changes nothing"
        );
        for filter in ["upper", "urlencode | urlencode", "tojson | tojson"] {
            let text = rendered(&format!("{{{{ secrets.key | {filter} }}}}"));
            assert_eq!(mark().replace(&text, |_, _| String::new()), Err(Changed), "{filter}");
            assert_eq!(mark().shown(&text), "[a secret, changed]");
        }
    }

    #[test]
    fn placeholders_of_others_are_text() {
        let forged = Mark::new("fedcba9876543210").placeholder("key");
        let mut names = BTreeSet::new();
        mark().names(&forged, &mut names).unwrap();
        assert!(names.is_empty());
        assert_eq!(mark().shown(&forged), forged);
        assert_eq!(format!("{:?}", mark()), "Mark");
    }
}
