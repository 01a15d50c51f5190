//! Every template, condition and JSON Schema of a document: whether it can be compiled, and whether what it refers
//! to will be there when it is evaluated. Not here: the languages themselves (`nexus-expr`).

use crate::{
    check::Subject,
    outputs::{self, Declared},
    problems::{Problems, With, child, problem},
    shape::shorten,
    similar,
};
use nexus_expr::{Condition, Error, Kind, ROOTS, Reference, Template, schema};
use nexus_model::{
    NodeId, Problem,
    document::{AgentConfig, NodeKind, Tool, ToolConfig},
    graph::NodeIx,
    limits::Limits,
};
use serde_json::Value;
use std::collections::HashMap;

/// What every expression may refer to.
const COMMON: [&str; 4] = ["inputs", "nodes", "execution", "feedback"];

pub(crate) fn check(subject: &Subject, limits: &Limits, problems: &mut Problems) {
    let mut scan = Scan { subject, limits, problems, upstream: HashMap::new() };
    if let Some(schema) = &subject.document().inputs {
        scan.object_schema(problem("schema_invalid", "/inputs", ""), schema);
    }
    for (ix, node) in subject.nodes().filter(|(ix, _)| subject.is_known(*ix)) {
        match &node.kind {
            NodeKind::Agent(agent) => scan.agent(ix, agent),
            NodeKind::Tool(tool) => scan.tool(ix, tool),
            NodeKind::Conditional(config) => {
                for (case, path) in config.cases.iter().zip(0..) {
                    scan.condition(ix, &format!("/config/cases/{path}/when"), &case.when, &COMMON);
                }
            }
        }
    }
}

struct Scan<'a> {
    subject: &'a Subject,
    limits: &'a Limits,
    problems: &'a mut Problems,
    /// The nodes upstream of a node, by index; found when first asked for.
    upstream: HashMap<NodeIx, Vec<bool>>,
}

impl Scan<'_> {
    fn agent(&mut self, ix: NodeIx, agent: &AgentConfig) {
        let recall = agent.memory.as_ref().and_then(|memory| memory.recall.as_ref());
        let with_memory = [COMMON.as_slice(), &["memory"]].concat();
        let roots = if recall.is_some() { with_memory.as_slice() } else { &COMMON };
        if let Some(system) = &agent.system {
            self.template(ix, "/config/system", system, roots);
        }
        self.template(ix, "/config/prompt", &agent.prompt, roots);
        if let Some(recall) = recall {
            self.template(ix, "/config/memory/recall/query", &recall.query, &COMMON);
        }
        let with_output = [COMMON.as_slice(), &["output"]].concat();
        for (check, path) in agent.checks.iter().zip(0..) {
            self.condition(ix, &format!("/config/checks/{path}"), check, &with_output);
        }
        if let Some(output_schema) = &agent.output_schema
            && let Err(error) = schema::check(output_schema)
        {
            let found =
                self.subject.problem("schema_invalid", ix, "/config/output_schema", error.to_string());
            self.problems.error(found);
        }
    }

    fn tool(&mut self, ix: NodeIx, config: &ToolConfig) {
        if let Some(parameters) = &config.parameters {
            let found = self.subject.problem("schema_invalid", ix, "/config/parameters", "");
            self.object_schema(found, parameters);
        }
        let with_args = [COMMON.as_slice(), &["args"]].concat();
        let roots = if self.subject.graph.is_attached(ix) { with_args.as_slice() } else { &COMMON };
        let with_secrets = [roots, &["secrets"]].concat();
        match &config.tool {
            Tool::HttpRequest { url, headers, body, .. } => {
                let roots = with_secrets.as_slice();
                self.template(ix, "/config/url", url, roots);
                self.url(ix, url);
                for (name, value) in headers {
                    let path = child("/config/headers", name);
                    self.template(ix, &path, value, roots);
                    if name.is_empty()
                        || !name
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
                    {
                        let message = format!("`{}` cannot be the name of a header", shorten(name));
                        self.problems.error(self.subject.problem("header_invalid", ix, &path, message));
                    }
                }
                if let Some(body) = body {
                    self.texts(ix, "/config/body", body, roots);
                }
            }
            Tool::Scraper { .. } => {}
            Tool::MemoryStore { text, metadata, .. } => {
                self.template(ix, "/config/text", text, roots);
                for (name, value) in metadata {
                    self.texts(ix, &child("/config/metadata", name), value, roots);
                }
            }
            Tool::MemoryRecall { query, .. } => self.template(ix, "/config/query", query, roots),
            Tool::Python { code, inputs } => {
                let roots = with_secrets.as_slice();
                for (name, value) in inputs {
                    self.texts(ix, &child("/config/inputs", name), value, roots);
                }
                let defines_run = code.lines().any(|line| {
                    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ");
                    rest.and_then(|rest| rest.trim_start().strip_prefix("run"))
                        .is_some_and(|rest| rest.trim_start().starts_with('('))
                });
                if !defines_run {
                    let found = self.subject.problem(
                        "python_without_run",
                        ix,
                        "/config/code",
                        "the code must define `def run(inputs):`",
                    );
                    self.problems.error(found);
                }
            }
            Tool::Template { template } => self.template(ix, "/config/template", template, roots),
        }
    }

    /// An address that starts with fixed text must start like one.
    fn url(&mut self, ix: NodeIx, url: &str) {
        let fixed =
            url.split("{{").next().unwrap_or_default().split("{%").next().unwrap_or_default().trim_start();
        let lower = fixed.to_ascii_lowercase();
        let possible = ["http://", "https://"].iter().any(|scheme| {
            if fixed.len() < url.trim_start().len() {
                scheme.starts_with(&lower) || lower.starts_with(scheme)
            } else {
                lower.starts_with(scheme) && lower.len() > scheme.len()
            }
        });
        if !possible {
            let message = format!("`{}` is no address of the web", shorten(url));
            let found = self.subject.problem("url_invalid", ix, "/config/url", message);
            self.problems.error(found.suggest("start it with `https://`".to_owned()));
        }
    }

    /// Every text inside a JSON value.
    fn texts(&mut self, ix: NodeIx, path: &str, value: &Value, roots: &[&str]) {
        match value {
            Value::String(text) => self.template(ix, path, text, roots),
            Value::Array(items) => {
                for (item, item_ix) in items.iter().zip(0..) {
                    self.texts(ix, &format!("{path}/{item_ix}"), item, roots);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.texts(ix, &child(path, name), member, roots);
                }
            }
            _ => {}
        }
    }

    fn template(&mut self, ix: NodeIx, path: &str, source: &str, roots: &[&str]) {
        if source.len() > self.limits.template_bytes {
            let message = format!(
                "this has {} bytes; at most {} are allowed",
                source.len(),
                self.limits.template_bytes
            );
            // Already said if the shape knew it for a template.
            self.problems.error(self.subject.problem("template_too_long", ix, path, message));
            return;
        }
        match Template::compile(source) {
            Ok(template) => self.references(ix, path, template.references(), roots),
            Err(error) => self.uncompiled(ix, path, "template_syntax", &error),
        }
    }

    fn condition(&mut self, ix: NodeIx, path: &str, source: &str, roots: &[&str]) {
        match Condition::compile(source) {
            Ok(condition) => self.references(ix, path, condition.references(), roots),
            Err(error) => self.uncompiled(ix, path, "expression_syntax", &error),
        }
    }

    fn uncompiled(&mut self, ix: NodeIx, path: &str, syntax: &str, error: &Error) {
        let code = if error.kind == Kind::Limit { "expression_too_complex" } else { syntax };
        self.problems.error(self.subject.problem(code, ix, path, error.to_string()));
    }

    fn object_schema(&mut self, place: Problem, schema: &Value) {
        let found = match schema::check(schema) {
            Err(error) => error.to_string(),
            Ok(()) => match schema.get("type") {
                None => return,
                Some(Value::String(kind)) if kind == "object" => return,
                Some(_) => "this must be the schema of an object: `\"type\": \"object\"`".to_owned(),
            },
        };
        self.problems.error(Problem { message: found, ..place });
    }

    fn references(&mut self, ix: NodeIx, path: &str, references: &[Reference], roots: &[&str]) {
        for reference in references {
            let root = reference.root();
            let members = reference.members();
            let first = members.first().map(String::as_str);
            let found = if roots.contains(&root) {
                match (root, first) {
                    ("nodes", Some(id)) => self.node_reference(ix, path, id, members),
                    // Which node that would be shows only at run time; by then it is too late to say so.
                    ("nodes", None) => Some(
                        self.subject
                            .problem(
                                "reference_computed",
                                ix,
                                path,
                                "`nodes` must be followed by the id of a node, written out",
                            )
                            .suggest(
                                "write `nodes.<id>.output`, and a condition where the node varies".to_owned(),
                            ),
                    ),
                    ("inputs", Some(input)) => self.input(ix, path, input),
                    ("args", Some(argument)) => self.argument(ix, path, argument),
                    ("secrets", _) => self.secret(ix, path, members),
                    ("execution", Some(member)) => {
                        self.closed(ix, path, "execution", member, outputs::EXECUTION)
                    }
                    ("feedback", Some(member)) => {
                        self.closed(ix, path, "feedback", member, outputs::FEEDBACK)
                    }
                    ("output", Some(member)) => self.output_member(ix, ix, path, member),
                    _ => None,
                }
            } else {
                Some(self.unknown_root(ix, path, root, roots))
            };
            if let Some(found) = found {
                self.problems.error(found);
            }
        }
    }

    fn unknown_root(&self, ix: NodeIx, path: &str, root: &str, roots: &[&str]) -> Problem {
        let advice = match root {
            "output" => "a node's own output is seen by an agent's `checks` only",
            "args" => "arguments are seen by tools attached to an agent only",
            "memory" => "memory is seen by agents with `memory.recall` only",
            "secrets" => return self.misplaced_secret(ix, path),
            _ => {
                let message = format!("`{}` is not known; there are {}", shorten(root), roots.join(", "));
                let suggestion = match self.subject.graph.index(root) {
                    Some(_) => Some(format!("did you mean `nodes.{root}.output`?")),
                    None if outputs::inputs(self.subject.document()).any(|input| input == root) => {
                        Some(format!("did you mean `inputs.{root}`?"))
                    }
                    None => similar::did_you_mean(root, roots.iter().copied()),
                };
                return self.subject.problem("reference_unknown_root", ix, path, message).suggest(suggestion);
            }
        };
        debug_assert!(ROOTS.contains(&root));
        self.subject
            .problem("reference_not_allowed", ix, path, format!("`{root}` has no value here"))
            .suggest(advice.to_owned())
    }

    fn node_reference(&mut self, ix: NodeIx, path: &str, id: &str, members: &[String]) -> Option<Problem> {
        let subject = self.subject;
        let Some(other) = subject.graph.index(id) else {
            let message = format!("there is no node `{}`", shorten(id));
            let suggestion = similar::did_you_mean(id, subject.ids());
            return Some(subject.problem("reference_unknown_node", ix, path, message).suggest(suggestion));
        };
        if other != ix && subject.graph.is_attached(other) {
            let message = format!("`{id}` is attached to an agent as a tool and has no output of its own");
            return Some(subject.problem("reference_not_ancestor", ix, path, message));
        }
        // No edge can name a node that has no id, so nothing is known of what comes before it.
        if subject.id(ix).is_some() && !self.is_upstream(other, ix) {
            let message = match other == ix {
                true => format!("`{id}` cannot refer to its own output"),
                false => format!(
                    "`{id}` does not come before `{}`: its output may not be there yet",
                    subject.node(ix).id
                ),
            };
            let suggestion = match other == ix {
                true => "an agent's `checks` see its own output as `output`".to_owned(),
                false => format!("draw an edge from `{id}`, or from a node after it"),
            };
            return Some(subject.problem("reference_not_ancestor", ix, path, message).suggest(suggestion));
        }
        match members.get(1).map(String::as_str) {
            None => None,
            Some("output") => {
                let member = members.get(2)?;
                self.output_member(ix, other, path, member)
            }
            Some(member) => {
                let message = format!("a node has no `{}`, only `output`", shorten(member));
                let suggestion = match members.len() {
                    2 => format!("did you mean `nodes.{id}.output.{}`?", shorten(member)),
                    _ => format!("did you mean `nodes.{id}.output`?"),
                };
                Some(subject.problem("reference_unknown_property", ix, path, message).suggest(suggestion))
            }
        }
    }

    /// A secret where it may be used.
    fn secret(&self, ix: NodeIx, path: &str, members: &[String]) -> Option<Problem> {
        let (code, message) = match members {
            [] => (
                "reference_computed",
                "`secrets` must be followed by the name of a secret, written out".to_owned(),
            ),
            [name] if NodeId::new(name).is_ok() => return None,
            [name] => ("secret_name_invalid", format!("`{}` cannot be the name of a secret", shorten(name))),
            [name, ..] => (
                "reference_unknown_property",
                format!("a secret is a text: `secrets.{}` has no members", shorten(name)),
            ),
        };
        Some(self.subject.problem(code, ix, path, message).suggest("write `{{ secrets.NAME }}`".to_owned()))
    }

    /// A secret where it may not be used.
    fn misplaced_secret(&self, ix: NodeIx, path: &str) -> Problem {
        let to_model = matches!(self.subject.node(ix).kind, NodeKind::Agent(_));
        let (code, message) = match to_model {
            true => (
                "secret_in_prompt",
                "a model must not see secrets: what it sees, it can be talked into telling",
            ),
            false => ("secret_not_allowed", "secrets have no value here"),
        };
        self.subject.problem(code, ix, path, message).suggest(
            "use it in the url, headers or body of an `http_request` or in the inputs of `python`; as a tool attached to an agent, too"
                .to_owned(),
        )
    }

    /// Whether `other` has settled before `ix` starts; for an attached tool, before each of its agents does.
    fn is_upstream(&mut self, other: NodeIx, ix: NodeIx) -> bool {
        let graph = &self.subject.graph;
        if !graph.is_attached(ix) {
            return self.upstream_of(ix)[other];
        }
        let agents: Vec<_> =
            (0..graph.len()).filter(|agent| graph.attached_tools(*agent).contains(&ix)).collect();
        agents.into_iter().all(|agent| self.upstream_of(agent)[other])
    }

    fn upstream_of(&mut self, ix: NodeIx) -> &[bool] {
        let graph = &self.subject.graph;
        self.upstream.entry(ix).or_insert_with(|| {
            let mut upstream = vec![false; graph.len()];
            graph.ancestors(ix).into_iter().for_each(|other| upstream[other] = true);
            upstream
        })
    }

    /// A member that the output will not have: worth a warning only, since failures may bring other outputs.
    fn output_member(&mut self, ix: NodeIx, other: NodeIx, path: &str, member: &str) -> Option<Problem> {
        let known =
            self.subject.is_known(other).then(|| outputs::members(self.subject.node(other))).flatten()?;
        if !known.contains(&member) {
            let message = format!(
                "the output of `{}` has no `{}`, only {}",
                self.subject.node(other).id,
                shorten(member),
                known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            );
            let found = self.subject.problem("output_unknown_property", ix, path, message);
            self.problems.warning(found.suggest(similar::did_you_mean(member, known)));
        }
        None
    }

    fn input(&mut self, ix: NodeIx, path: &str, input: &str) -> Option<Problem> {
        let document = self.subject.document();
        let message = format!("the workflow declares no input `{}`", shorten(input));
        let suggestion = similar::did_you_mean(input, outputs::inputs(document))
            .unwrap_or_else(|| "add it to `inputs.properties`".to_owned());
        let found = self.subject.problem("input_undeclared", ix, path, message).suggest(suggestion);
        match outputs::declared(document.inputs.as_ref(), input) {
            Declared::Yes => {}
            Declared::No => self.problems.warning(found),
            Declared::Never => return Some(found),
        }
        None
    }

    fn argument(&mut self, ix: NodeIx, path: &str, argument: &str) -> Option<Problem> {
        let NodeKind::Tool(tool) = &self.subject.node(ix).kind else { return None };
        let message = format!("the tool's `parameters` declare no `{}`", shorten(argument));
        let found = self.subject.problem("argument_undeclared", ix, path, message);
        match (&tool.parameters, outputs::declared(tool.parameters.as_ref(), argument)) {
            (Some(_), Declared::Never) => return Some(found),
            (Some(_), Declared::Yes) => {}
            _ => self
                .problems
                .warning(found.suggest("declare it, or the model will not know of it".to_owned())),
        }
        None
    }

    fn closed(
        &mut self,
        ix: NodeIx,
        path: &str,
        root: &str,
        member: &str,
        known: &[&str],
    ) -> Option<Problem> {
        if known.contains(&member) {
            return None;
        }
        let message = format!("`{root}` has no `{}`, only {}", shorten(member), known.join(", "));
        let suggestion = similar::did_you_mean(member, known.iter().copied());
        Some(self.subject.problem("reference_unknown_property", ix, path, message).suggest(suggestion))
    }
}
