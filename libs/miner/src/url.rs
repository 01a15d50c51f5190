//! Resolving links as Python's `urljoin` does (not as browsers do: nothing is escaped), because the generated
//! Python does it that way. Not here: which hosts may be reached.

struct Parts<'a> {
    scheme: &'a str,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

fn split(url: &str) -> Parts<'_> {
    let (mut rest, mut scheme) = (url, "");
    if let Some((before, after)) = url.split_once(':')
        && before.starts_with(|first: char| first.is_ascii_alphabetic())
        && before.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
    {
        (scheme, rest) = (before, after);
    }
    let (before, fragment) = cut(rest, '#');
    let (before, query) = cut(before, '?');
    let (authority, path) = match before.strip_prefix("//") {
        Some(after) => {
            let at = after.find('/').unwrap_or(after.len());
            (Some(&after[..at]), &after[at..])
        }
        None => (None, before),
    };
    Parts { scheme, authority, path, query, fragment }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn write(parts: &Parts<'_>, path: &str) -> String {
    let mut url = String::new();
    if !parts.scheme.is_empty() {
        url.push_str(&parts.scheme.to_ascii_lowercase());
        url.push(':');
    }
    if let Some(authority) = parts.authority.filter(|authority| !authority.is_empty()) {
        url.push_str("//");
        url.push_str(authority);
        if !path.is_empty() && !path.starts_with('/') {
            url.push('/');
        }
    }
    url.push_str(path);
    for (sign, part) in [('?', parts.query), ('#', parts.fragment)] {
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            url.push(sign);
            url.push_str(part);
        }
    }
    url
}

/// The absolute form of `link` on a page at `base`. Links that are not http(s) come back as they are.
pub fn join(base: &str, link: &str) -> String {
    if base.is_empty() {
        return link.to_owned();
    }
    if link.is_empty() {
        return base.to_owned();
    }
    let from = split(base);
    let mut to = split(link);
    if to.scheme.is_empty() {
        to.scheme = from.scheme;
    }
    if !to.scheme.eq_ignore_ascii_case(from.scheme)
        || !["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(to.scheme))
    {
        return link.to_owned();
    }
    if to.authority.is_some_and(|authority| !authority.is_empty()) {
        return write(&to, to.path);
    }
    to.authority = from.authority;
    if to.path.is_empty() {
        if to.query.is_none_or(str::is_empty) {
            to.query = from.query;
        }
        return write(&to, from.path);
    }
    let merged = if to.path.starts_with('/') {
        to.path.to_owned()
    } else {
        let folder = from.path.rfind('/').map_or("", |at| &from.path[..=at]);
        format!("{}{}", if folder.is_empty() { "/" } else { folder }, to.path)
    };
    write(&to, &without_dots(&merged))
}

fn without_dots(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').collect();
    let mut kept: Vec<&str> = Vec::new();
    for (number, segment) in segments.iter().enumerate() {
        // As Python does it, empty segments in the middle are dropped.
        let inner_gap = segment.is_empty() && number > 0 && number + 1 < segments.len();
        match *segment {
            _ if inner_gap => {}
            "." => {}
            ".." => {
                if kept.len() > 1 {
                    kept.pop();
                }
            }
            segment => kept.push(segment),
        }
    }
    if matches!(segments.last(), Some(&"." | &"..")) {
        kept.push("");
    }
    let joined = kept.join("/");
    if joined.is_empty() { "/".to_owned() } else { joined }
}

/// The part of a URL that names its server, in lower case.
pub fn host(url: &str) -> String {
    let parts = split(url);
    let authority = parts.authority.unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase()
}

/// The path of a URL.
pub fn path(url: &str) -> &str {
    split(url).path
}
