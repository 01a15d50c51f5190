//! The file of API keys: keys with scopes, a workspace and budgets. Not here: what they mean (`nexus_api::access`).

use super::{ApiKeys, Budgets, from_hex, is_name};
use crate::config::{Error, parse_budget};
use nexus_api::access::{Scope, Scopes, Workspace};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    scopes: Vec<String>,
    #[serde(default)]
    workspace: Option<String>,
    #[serde(default)]
    budget: Vec<String>,
}

pub(super) fn parse(text: &str) -> Result<ApiKeys, Error> {
    let file: File = toml::from_str(text).map_err(|error| {
        // Its message alone: with the place it would repeat the line, which may hold a key that nobody has hashed.
        let line =
            error.span().map_or(0, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        Error::new(format!("NEXUS_API_KEYS_FILE cannot be read at line {line}: {}", error.message()))
    })?;
    let mut keys = ApiKeys::default();
    for (n, entry) in file.keys.iter().enumerate() {
        let wrong = |problem: String| Error::new(format!("key {} of NEXUS_API_KEYS_FILE {problem}", n + 1));
        if !is_name(&entry.name) {
            return Err(wrong(
                "has no usable name: 1 to 64 letters, digits, `.`, `_`, `@` and `-`".to_owned(),
            ));
        }
        if keys.has(&entry.name) {
            return Err(wrong(format!("repeats the name `{}`", entry.name)));
        }
        let sha256 = from_hex(&entry.sha256).ok_or_else(|| {
            wrong("has no SHA-256 in hexadecimal; make one with `printf %s KEY | sha256sum`".to_owned())
        })?;
        let scopes = scopes(&entry.scopes).map_err(wrong)?;
        let workspace = match &entry.workspace {
            None => Workspace::default(),
            Some(name) => name.parse().map_err(|error| wrong(format!("is in no workspace: {error}")))?,
        };
        let mut budgets = Budgets::new();
        for amount in &entry.budget {
            let (period, limit) = parse_budget(amount).map_err(|problem| {
                wrong(format!("has the budget `{amount}`, {problem}; write e.g. 5.50/day"))
            })?;
            if budgets.iter().any(|(known, _)| *known == period) {
                return Err(wrong(format!("has two budgets for the same period; remove `{amount}`")));
            }
            budgets.push((period, limit));
        }
        keys.add(&entry.name, sha256, scopes, workspace, budgets);
    }
    Ok(keys)
}

fn scopes(names: &[String]) -> Result<Scopes, String> {
    let known = || Scope::ALL.map(Scope::as_str).join(", ");
    let scopes = names
        .iter()
        .map(|name| {
            Scope::parse(name).ok_or_else(|| format!("has the scope `{name}`, which is none of {}", known()))
        })
        .collect::<Result<Scopes, String>>()?;
    if scopes.is_empty() { Err(format!("may do nothing; give it scopes: {}", known())) } else { Ok(scopes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BudgetPeriod;

    const HASH: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

    fn read(entry: &str) -> Result<ApiKeys, Error> {
        parse(&entry.replace("HASH", HASH))
    }

    #[test]
    fn whatever_is_wrong_is_refused_without_repeating_what_may_be_a_key() {
        for (text, part) in [
            ("[[keys]]\nname = 'a'\nsha256 = 'hunter2'\nscopes = ['read']", "SHA-256"),
            ("[[keys]]\nname = 'a'\nsha256 = 'HASH'\nscopes = []", "may do nothing"),
            ("[[keys]]\nname = 'a'\nsha256 = 'HASH'\nscopes = ['write']", "none of read, run, edit, admin"),
            ("[[keys]]\nname = 'a'\nsha256 = 'HASH'", "scopes"),
            ("[[keys]]\nname = 'nexus-mesh'\nsha256 = 'HASH'\nscopes = ['read']", "no usable name"),
            ("[[keys]]\nname = 'a'\nsha256 = 'HASH'\nscopes = ['read']\nkey = 'hunter2'", "line 5"),
            ("[[keys]]\nname = 'a'\nsha256 = hunter2", "line 3"),
            ("[[keys]]\nname = 'a'\nsha256 = 'HASH'\nscopes = ['read']\nworkspace = 'A B'", "no workspace"),
            ("[[keys]]\nname = 'a'\nsha256 = 'HASH'\nscopes = ['run']\nbudget = ['5']", "no period"),
            (
                "[[keys]]\nname = 'a'\nsha256 = 'HASH'\nscopes = ['run']\nbudget = ['5/day', '6/day']",
                "two budgets",
            ),
            (
                "[[keys]]\nname = 'a'\nsha256 = 'HASH'\nscopes = ['run']\n\
                 [[keys]]\nname = 'a'\nsha256 = 'HASH'\nscopes = ['run']",
                "key 2 of NEXUS_API_KEYS_FILE repeats",
            ),
        ] {
            let sentence = read(text).unwrap_err().to_string();
            assert!(
                sentence.contains(part) && sentence.contains("NEXUS_API_KEYS_FILE"),
                "{text}: {sentence}"
            );
            assert!(!sentence.contains("hunter2") && !sentence.contains('\n'), "{sentence}");
        }
    }

    #[test]
    fn keys_have_scopes_a_workspace_and_budgets() {
        let keys = read(
            "[[keys]]\nname = 'ci'\nsha256 = 'HASH'\nscopes = ['run']\nworkspace = 'team-a'\nbudget = ['5.5/day', '9/total']",
        )
        .unwrap();
        let ci = keys.identify("foo").unwrap();
        assert!(ci.scopes.allow(Scope::Run) && ci.scopes.allow(Scope::Read) && !ci.scopes.allow(Scope::Edit));
        assert_eq!(ci.workspace.as_str(), "team-a");
        let (name, budgets) = keys.budgets().next().unwrap();
        assert_eq!((name, budgets.len(), budgets[0].0), ("ci", 2, BudgetPeriod::Day));
        assert!(read("").unwrap().is_empty());
    }
}
