//! The rules of one robots.txt for one robot, and asking them. Pure. Not here: fetching it (`robots`).

/// Steps that one question may take. A file made to be slow to ask is taken for a no.
const STEPS: usize = 4_000_000;

/// What a robots.txt says to one robot; allows everything if it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    allow: bool,
    /// Normalised; `*` stands for anything.
    pattern: Vec<u8>,
    /// Whether the path must end where the pattern does.
    anchored: bool,
}

impl Rules {
    /// Reads a file as far as it concerns the robot with this token: the groups that name it, together, or else the
    /// groups for everybody. Lines that make no sense are passed over, as the standard wants.
    pub fn parse(file: &[u8], token: &str) -> Self {
        let text = String::from_utf8_lossy(file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file));
        let (mut own, mut everybodys) = (None::<Vec<Rule>>, Vec::new());
        // Whom the present group is for, and whether its rules have begun.
        let (mut for_us, mut for_all, mut in_rules) = (false, false, true);
        for line in text.split(['\n', '\r']) {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "user-agent" => {
                    if in_rules {
                        (for_us, for_all, in_rules) = (false, false, false);
                    }
                    let end = value.find(|c: char| !c.is_ascii_alphabetic() && c != '-' && c != '_');
                    if value.starts_with('*') {
                        for_all = true;
                    } else if value[..end.unwrap_or(value.len())].eq_ignore_ascii_case(token) {
                        for_us = true;
                        own.get_or_insert_default();
                    }
                }
                key @ ("allow" | "disallow") => {
                    in_rules = true;
                    let Some(rule) = Rule::parse(key == "allow", value) else { continue };
                    if for_all {
                        everybodys.push(rule.clone());
                    }
                    if let (true, Some(own)) = (for_us, own.as_mut()) {
                        own.push(rule);
                    }
                }
                _ => {}
            }
        }
        Self { rules: own.unwrap_or(everybodys) }
    }

    /// Whether this path with its query may be fetched: the longest pattern that fits decides, a permission before a
    /// prohibition of the same length.
    pub fn allow(&self, path: &str) -> bool {
        let path = normalise(path.as_bytes(), true);
        if path == b"/robots.txt" {
            return true;
        }
        let mut steps = STEPS;
        let mut best: Option<(usize, bool)> = None;
        for rule in &self.rules {
            let length = rule.pattern.len() + usize::from(rule.anchored);
            if best.is_some_and(|best| best >= (length, rule.allow)) {
                continue;
            }
            match rule.fits(&path, &mut steps) {
                Some(true) => best = Some((length, rule.allow)),
                Some(false) => {}
                None => return false,
            }
        }
        best.is_none_or(|(_, allow)| allow)
    }

    /// Whether nothing at all may be fetched.
    pub fn forbid_everything(&self) -> bool {
        let nothing =
            |rule: &Rule| !rule.allow && !rule.anchored && matches!(&rule.pattern[..], b"/" | b"*" | b"/*");
        self.rules.iter().any(nothing) && !self.rules.iter().any(|rule| rule.allow)
    }
}

impl Rule {
    fn parse(allow: bool, value: &str) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        let (value, anchored) = value.strip_suffix('$').map_or((value, false), |value| (value, true));
        let mut pattern = Vec::new();
        for (index, part) in value.as_bytes().split(|byte| *byte == b'*').enumerate() {
            if index > 0 && pattern.last() != Some(&b'*') {
                pattern.push(b'*');
            }
            pattern.extend(normalise(part, false));
        }
        Some(Self { allow, pattern, anchored })
    }

    /// Whether the pattern fits the path from its beginning; `None` if that cannot be said in so many steps.
    fn fits(&self, path: &[u8], steps: &mut usize) -> Option<bool> {
        let (mut at, mut in_pattern) = (0, 0);
        // Where to go on if what follows the last `*` does not fit.
        let mut again: Option<(usize, usize)> = None;
        loop {
            *steps = steps.checked_sub(1)?;
            match self.pattern.get(in_pattern) {
                Some(b'*') => {
                    in_pattern += 1;
                    again = Some((in_pattern, at));
                    continue;
                }
                None if !self.anchored || at == path.len() => return Some(true),
                Some(byte) if path.get(at) == Some(byte) => {
                    (at, in_pattern) = (at + 1, in_pattern + 1);
                    continue;
                }
                _ => {}
            }
            let Some((after, from)) = again.filter(|(_, from)| *from < path.len()) else {
                return Some(false);
            };
            again = Some((after, from + 1));
            (at, in_pattern) = (from + 1, after);
        }
    }
}

/// One way to write what can be written in several: escapes of unreserved characters are undone, all others are in
/// capitals, and what is not ASCII is escaped. In paths, `*` and `$` are no more than characters.
fn normalise(text: &[u8], path: bool) -> Vec<u8> {
    let mut normal = Vec::with_capacity(text.len());
    let escape = |normal: &mut Vec<u8>, byte: u8| normal.extend(format!("%{byte:02X}").bytes());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        let digits = text.get(at..at + 2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = digits.filter(|two| byte == b'%' && two.bytes().all(|b| b.is_ascii_hexdigit()));
        match escaped.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(inside) => {
                at += 2;
                if inside.is_ascii_alphanumeric() || b"-._~".contains(&inside) {
                    normal.push(inside);
                } else {
                    escape(&mut normal, inside);
                }
            }
            None if !byte.is_ascii_graphic() || byte == b'$' || (path && byte == b'*') => {
                escape(&mut normal, byte)
            }
            None => normal.push(byte),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(file: &str, path: &str) -> bool {
        Rules::parse(file.as_bytes(), "nexus-scraper").allow(path)
    }

    /// The table of the standard's section 2.2.2 and 5.1, and what the large crawlers agree on.
    #[test]
    fn the_longest_rule_decides() {
        for (rules, path, expected) in [
            ("", "/", true),
            ("Disallow:", "/", true),
            ("Disallow: /", "/", false),
            ("Disallow: /", "/robots.txt", true),
            ("Disallow: /a", "/a", false),
            ("Disallow: /a", "/ab/c?d", false),
            ("Disallow: /a", "/b/a", true),
            ("Disallow: /A", "/a", true),
            ("Disallow: /\nAllow: /public", "/public/x", true),
            ("Disallow: /\nAllow: /public", "/private", false),
            ("Allow: /p\nDisallow: /", "/page", true),
            ("Allow: /folder\nDisallow: /folder", "/folder/page", true),
            ("Allow: /page\nDisallow: /*.htm", "/page.htm", false),
            ("Allow: /page\nDisallow: /*.ph", "/page.php5", true),
            ("Allow: /$\nDisallow: /", "/", true),
            ("Allow: /$\nDisallow: /", "/page.htm", false),
            (
                "Allow: /example/page/\nDisallow: /example/page/disallowed.gif",
                "/example/page/disallowed.gif",
                false,
            ),
            ("Disallow: *.gif$", "/a/b.gif", false),
            ("Disallow: *.gif$", "/a/b.gif?x", true),
            ("Disallow: /*?", "/a?b", false),
            ("Disallow: /*?", "/a", true),
            ("Disallow: /a*b*c", "/aXXbXbYc", false),
            ("Disallow: /a*b*c", "/aXXcXb", true),
            ("Disallow: /a**b$", "/aXb", false),
            ("Disallow: /path/file-with-a-%2A.html", "/path/file-with-a-*.html", false),
            ("Disallow: /path/foo-%24", "/path/foo-$", false),
            ("Disallow: /$5", "/$5", false),
            ("Disallow: /foo/bar?baz=http://foo.bar", "/foo/bar?baz=http://foo.bar", false),
            ("Disallow: /foo/bar/\u{30c4}", "/foo/bar/%E3%83%84", false),
            ("Disallow: /foo/bar/%e3%83%84", "/foo/bar/%E3%83%84", false),
            ("Disallow: /foo/bar/%62%61%7A", "/foo/bar/baz", false),
            ("Disallow: /foo/bar/baz", "/foo/bar/%62%61%7A", false),
            ("Disallow: /a%2Fb", "/a/b", true),
            ("Disallow: no-slash", "/no-slash", true),
        ] {
            for file in [
                format!("User-agent: *\n{rules}\n"),
                format!("\u{feff}USER-AGENT:nexus-Scraper/2\r\n{rules}"),
            ] {
                assert_eq!(allowed(&file, path), expected, "{rules:?} {path}");
            }
        }
    }

    #[test]
    fn groups_are_for_those_they_name() {
        let file = "Disallow: /early\n\
            User-agent: other\nDisallow: /\n\n\
            User-agent: *\nDisallow: /everybody\n\n\
            User-agent: friend\nUser-Agent : Nexus-Scraper # us\nSitemap: x\nDisallow : /ours # why\n\
            User-agent: *\nDisallow: /everybody-too\n\
            user-agent: nexus-scraper\nnonsense\nDisallow: /also-ours\n";
        for (path, ours) in [
            ("/early", true),
            ("/everybody", true),
            ("/everybody-too", true),
            ("/ours", false),
            ("/also-ours", false),
            ("/", true),
        ] {
            assert_eq!(allowed(file, path), ours, "{path}");
        }
        let everybody = Rules::parse(file.as_bytes(), "somebody");
        assert!(!everybody.allow("/everybody-too") && everybody.allow("/ours") && everybody.allow("/early"));
        // A group that names us but has no rules allows everything.
        assert!(allowed("User-agent: *\nDisallow: /\nUser-agent: nexus-scraper\n", "/"));
        // A longer or shorter token is another robot's.
        assert!(allowed("User-agent: nexus\nDisallow: /\nUser-agent: nexus-scraper-two\nDisallow: /", "/"));
        assert!(
            allowed("", "/") && allowed("\0\u{1}garbage", "/") && allowed("<html>User-agent</html>", "/")
        );
    }

    #[test]
    fn whole_sites_can_be_closed() {
        let closed =
            |rules: &str| Rules::parse(format!("User-agent: *\n{rules}").as_bytes(), "x").forbid_everything();
        assert!(closed("Disallow: /") && closed("Disallow: *") && closed("Disallow: /*\nDisallow: /a"));
        assert!(
            !closed("")
                && !closed("Disallow: /a")
                && !closed("Disallow: /\nAllow: /a")
                && !closed("Disallow: /$")
        );
    }

    #[test]
    fn files_made_to_be_slow_are_a_no() {
        let file = format!("User-agent: *\nDisallow: /*{}b\n", "a".repeat(2000));
        assert!(!allowed(&file, &format!("/{}", "a".repeat(8000))));
        assert!(allowed(&file, &format!("/{}", "a".repeat(100))));
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read_and_asked(file: Vec<u8>, rule: String, path: String) {
            Rules::parse(&file, "x").allow(&path);
            Rules::parse(format!("user-agent: x\ndisallow: {rule}").as_bytes(), "x").allow(&path);
        }

        /// Without wildcards a rule is a prefix.
        #[test]
        fn plain_rules_are_prefixes(rule in "/[a-c/]{0,4}", path in "/[a-c/]{0,6}") {
            let rules = Rules::parse(format!("user-agent: *\ndisallow: {rule}").as_bytes(), "x");
            proptest::prop_assert_eq!(rules.allow(&path), !path.starts_with(&rule));
        }
    }
}
