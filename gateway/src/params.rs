//! What stands in the address: ids, versions, query parameters, checked with errors that name the parameter.
//! Not here: bodies (`body`), conditional headers (`etag`).

use crate::{
    app::App,
    error::{Answer, Failure},
};
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use nexus_api::{Code, planner::PageRequest};
use nexus_model::id::InvalidId;
use serde::de::DeserializeOwned;
use std::{collections::HashMap, str::FromStr};

/// An id, the only parameter in the path of most routes.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr<Err = InvalidId>> FromRequestParts<App> for Id<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let Path(text) = path::<String>(parts, app).await?;
        Ok(Self(text.parse().map_err(Failure::from)?))
    }
}

/// An id and a version.
#[derive(Debug)]
pub(crate) struct IdAndVersion<T>(pub(crate) T, pub(crate) u32);

impl<T: FromStr<Err = InvalidId>> FromRequestParts<App> for IdAndVersion<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let Path((id, version)) = path::<(String, String)>(parts, app).await?;
        let id = id.parse().map_err(Failure::from)?;
        match version.parse::<u32>() {
            Ok(version) if version > 0 => Ok(Self(id, version)),
            _ => Err(Failure::malformed("version", "must be a whole number from 1")),
        }
    }
}

async fn path<T: DeserializeOwned + Send>(parts: &mut Parts, app: &App) -> Answer<Path<T>> {
    let read = Path::from_request_parts(parts, app).await;
    read.map_err(|_| Failure::new(Code::Malformed, "the address is not valid UTF-8 text"))
}

/// The query string. An empty parameter (`?q=`) is the same as none; of repeated ones the last counts; unknown
/// ones are ignored, as proxies and browsers add their own.
#[derive(Debug, Default)]
pub(crate) struct Query(HashMap<String, String>);

impl FromRequestParts<App> for Query {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Answer<Self> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name), decode(value));
            (!value.is_empty()).then_some((name, value))
        });
        Self(pairs.collect())
    }

    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A whole number of at least `least` and at most `most`.
    pub(crate) fn number<T>(&self, name: &str, least: T, most: T) -> Answer<Option<T>>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<T>() {
            Ok(number) if number >= least && number <= most => Ok(Some(number)),
            _ => Err(Failure::malformed(name, format!("must be a whole number from {least} to {most}"))),
        }
    }

    /// A yes or no.
    pub(crate) fn flag(&self, name: &str) -> Answer<bool> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(Failure::malformed(name, "must be true or false")),
        }
    }

    /// `limit` and `cursor` of a list.
    pub(crate) fn page(&self) -> Answer<PageRequest> {
        Ok(PageRequest {
            limit: self.number("limit", 1, 200)?,
            cursor: self.text("cursor").map(str::to_owned),
        })
    }

    /// `after`: the sequence number that the client has already. Larger ones than any event can have are cut, so
    /// that they stay positive in a database.
    pub(crate) fn after(&self) -> Answer<u64> {
        Ok(self.number("after", 0, u64::MAX)?.unwrap_or(0).min(i64::MAX.unsigned_abs()))
    }
}

/// Undoes `application/x-www-form-urlencoded`.
fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parameters_are_absent_and_numbers_are_bounded() {
        let query = Query::parse("limit=&cursor=a%2Bb&q=x+y&after=7&bad=-1&flag=1");
        assert_eq!(query.page().unwrap(), PageRequest { limit: None, cursor: Some("a+b".to_owned()) });
        assert_eq!(query.text("q"), Some("x y"));
        assert_eq!(query.after().unwrap(), 7);
        assert!(
            query.number("bad", 0, 9).is_err() && query.flag("flag").unwrap() && query.flag("q").is_err()
        );
        for limit in ["0", "201", "x", "1.5", "99999999999999999999"] {
            assert!(Query::parse(&format!("limit={limit}")).page().is_err(), "{limit}");
        }
        assert_eq!(Query::parse("after=18446744073709551615").after().unwrap(), i64::MAX as u64);
        assert!(Query::parse("after=-1").after().is_err());
    }
}
