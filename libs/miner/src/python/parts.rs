//! The pieces of Python that generated scrapers are made of; each does exactly what its counterpart in `extract`,
//! `text`, `json` and `url` does. Not here: which of them a recipe needs (`super`).

use super::literal;
use crate::recipe::Pagination;
use std::fmt::Write;

/// Fetching and reading a page.
pub(super) const BASICS: &str = r#"

def words(value):
    """The text with single spaces."""
    return " ".join(value.split())


def fetch(session, url):
    """The page at url, and where it came from after redirects."""
    response = session.get(url, timeout=20)
    response.raise_for_status()
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if response.content.startswith(mark):
            return response.content[len(mark):].decode(encoding, "replace"), response.url
    try:
        return response.content.decode("utf-8"), response.url
    except UnicodeDecodeError:
        return response.content.decode(ENCODING, "replace"), response.url


def base_url(soup, url):
    """What links on the page are relative to."""
    base = soup.find("base")
    href = base.get("href") if base else None
    return urljoin(url, href.strip()) if href is not None else url


def absolute(base, value):
    """The absolute address of a link or of each link of a list."""
    if value is None:
        return None
    if isinstance(value, list):
        return [absolute(base, item) for item in value]
    try:
        return urljoin(base, value)
    except ValueError:
        return value
"#;

/// Reading elements.
pub(super) const READING: &str = r#"

def text(element):
    """All text of an element."""
    return words(element.get_text(" "))


def select(parts, selector):
    """The elements a selector finds in the parts of a record; the parts themselves count."""
    for part in parts:
        if not selector:
            yield part
            continue
        if part.css.match(selector):
            yield part
        yield from part.select(selector)


def first(parts, selector, read):
    """The first value found, or None."""
    for element in select(parts, selector):
        value = read(element)
        if value:
            return value
    return None
"#;

pub(super) const OWN_TEXT: &str = r#"

def own_text(element):
    """The text directly in an element, not in its children."""
    return words(" ".join(child for child in element.contents if type(child) is NavigableString))
"#;

pub(super) const BETWEEN: &str = r#"

def text_between(parts):
    """The text that stands beside the elements of a record."""
    found = []
    for node in parts[0].next_siblings:
        if isinstance(node, Tag):
            if not any(node is part for part in parts):
                break
        elif type(node) is NavigableString:
            found.append(node)
    return words(" ".join(found))
"#;

pub(super) const ATTRIBUTE: &str = r#"

def attribute(*names):
    """Reads the first of these attributes that is there and not empty."""
    def read(element):
        for name in names:
            value = element.get(name) or ""
            value = words(" ".join(value) if isinstance(value, list) else value)
            if value and not value.startswith("data:"):
                return value
        return ""
    return read
"#;

pub(super) const PATTERN: &str = r#"

def match(read, pattern):
    """What a regular expression finds in what is read: its first group, or all of it."""
    def find(element):
        found = re.search(pattern, read(element))
        if not found:
            return ""
        group = found.group(1) if found.re.groups else None
        return words(found.group(0) if group is None else group)
    return find
"#;

pub(super) const NUMBER: &str = r#"

def number(value):
    """A plain number as one; anything else stays as it is."""
    if isinstance(value, list):
        return [number(item) for item in value]
    if value is None or not re.fullmatch(r"-?(0|[1-9][0-9]*)([.][0-9]+)?", value) or len(value.lstrip("-")) > 15:
        return value
    return float(value) if "." in value else int(value)
"#;

pub(super) const EVERY: &str = r#"

def every(parts, selector, read):
    """All values found as a list, or None."""
    values = [value for value in map(read, select(parts, selector)) if value]
    return values or None
"#;

/// Reading JSON that pages carry.
pub(super) const JSON: &str = r#"

def absolute_text(base, value):
    """A text as an absolute address; anything else stays as it is."""
    return absolute(base, value) if isinstance(value, str) else value


def script_json(script):
    """The JSON in a script: all of it, or what is first assigned to a variable."""
    source = "".join(script.strings).lstrip() if script.contents else ""
    if not source.startswith(("{", "[")):
        found = re.search(r"=\s*(?=[{\[])", source)
        if not found:
            return None
        source = source[found.end():]
    try:
        return json.JSONDecoder().raw_decode(source)[0]
    except ValueError:
        return None


def objects_of(soup, types):
    """All JSON-LD objects of these types."""
    found = []

    def collect(value, depth):
        if isinstance(value, dict):
            own = value.get("@type")
            if any(name in types for name in (own if isinstance(own, list) else [own])):
                found.append(value)
            elif depth < 24:
                for key in sorted(value):
                    collect(value[key], depth + 1)
        elif isinstance(value, list) and depth < 24:
            for item in value:
                collect(item, depth + 1)

    for script in soup.find_all("script", type="application/ld+json"):
        collect(script_json(script), 0)
    return found


def objects_at(soup, selector, path):
    """The list of objects at a path in the JSON of a script."""
    for script in soup.select(selector):
        value = script_json(script)
        for key in path:
            try:
                value = value[int(key)] if isinstance(value, list) else value[key]
            except (KeyError, IndexError, TypeError, ValueError):
                value = None
                break
        if isinstance(value, list):
            return [item for item in value if isinstance(item, dict)]
    return []


def follow(value, keys):
    """The value at a path of keys; lists are gone through."""
    for key in keys:
        if isinstance(value, list):
            value = [item[key] for item in value if isinstance(item, dict) and key in item]
            if not value:
                return None
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def plain(value, depth=0):
    """A scalar, or a list of them; an object is what names it."""
    if isinstance(value, str):
        return words(value) or None
    if isinstance(value, dict):
        if depth < 4:
            for key in ("name", "text", "title", "value", "url", "@value", "@id"):
                found = plain(value.get(key), depth + 1)
                if found is not None:
                    return found
        return None
    if isinstance(value, list):
        found = [plain(item, depth + 1) for item in value] if depth < 4 else []
        found = [item for item in found if item is not None]
        return found if len(found) > 1 else (found[0] if found else None)
    return value
"#;

/// `next_page`.
pub(super) fn next_page(code: &mut String, pagination: &Pagination) {
    code.push_str(
        r##"

def next_page(soup, base, page):
    """The address of the page after this one, or None."""
    def link(element):
        href = (element.get("href") or "").strip()
        if not href or href.startswith("#") or href[:11].lower() == "javascript:":
            return None
        return absolute(base, href)

"##,
    );
    if let Some(next) = &pagination.next {
        let _ = writeln!(
            code,
            "    found = soup.select_one({})\n    if found is not None and link(found):\n        return link(found)",
            literal(next)
        );
    }
    if let Some(numbered) = &pagination.numbered {
        let _ = writeln!(
            code,
            "    for element in soup.select({}):\n        if words(element.get_text(\" \")) == str(page + 1) and link(element):\n            return link(element)",
            literal(numbered)
        );
    }
    code.push_str("    return None\n");
}

pub(super) const SCRAPE_PAGE: &str = r#"

def scrape_data(url):
    """The records of the page at url."""
    with requests.Session() as session:
        html, address = fetch(session, url)
    _, records = parse_page(html, address)
    return {"data": records, "metadata": {"url": address, "pages": 1, "count": len(records)}}
"#;

pub(super) const SCRAPE_PAGES: &str = r#"

def scrape_data(url):
    """The records of the page at url and of those that follow it."""
    records, seen, problems, pages, first_address = [], set(), [], 0, url
    with requests.Session() as session:
        while url and url not in seen and len(seen) < MAX_PAGES:
            seen.add(url)
            try:
                html, address = fetch(session, url)
            except requests.RequestException as error:
                if len(seen) == 1:
                    raise
                problems.append(f"page {len(seen)}: {error}")
                break
            pages += 1
            if pages == 1:
                first_address = address
            soup, found = parse_page(html, address)
            new = [record for record in found if record not in records]
            if not new:
                break
            records.extend(new if len(seen) > 1 else found)
            url = next_page(soup, base_url(soup, address), len(seen))
    return {"data": records, "metadata": {"url": first_address, "pages": pages, "count": len(records), "problems": problems}}
"#;
