//! Documents of random workflows. Each prompt begins with a mark by which the provider knows whose call it is and
//! how long the answer is to be. Not here: budgets and users (`jobs`).

use super::Places;
use crate::dice::Dice;
use nexus_model::{
    Money,
    price::{DEFAULT_TIER, PriceBook, Usage},
};
use serde_json::{Map, Value, json};

/// Cheap and dear models, all of the one provider there is.
const MODELS: [&str; 4] =
    ["openai/gpt-5.6-luna", "openai/gpt-5.4-nano", "openai/gpt-4.1-mini", "openai/gpt-5.6-terra"];

/// A document in the making.
pub(super) struct Sketch<'a> {
    number: u64,
    places: &'a Places,
    nodes: Vec<Value>,
    edges: Vec<Value>,
    need: Money,
}

/// What an agent is to be beside its usual self.
#[derive(Default)]
struct Extra {
    config: Map<String, Value>,
    policy: Map<String, Value>,
    prompt: String,
}

impl<'a> Sketch<'a> {
    pub(super) fn new(number: u64, places: &'a Places) -> Self {
        Self { number, places, nodes: Vec::new(), edges: Vec::new(), need: Money::ZERO }
    }

    /// What its calls cost if each is made once.
    pub(super) fn need(&self) -> Money {
        self.need.max(Money::from_picos(1_000_000))
    }

    pub(super) fn document(self, budget: Option<Value>) -> Value {
        let mut document = json!({
            "schema_version": 1, "name": format!("job {}", self.number),
            "inputs": {"type": "object", "properties": {"topic": {"type": "string"}, "n": {"type": "integer"}}},
            "graph": {"nodes": self.nodes, "edges": self.edges},
        });
        if let Some(budget) = budget {
            document["budget"] = budget;
        }
        document
    }

    /// One after the other.
    pub(super) fn chain(&mut self, dice: &mut Dice) {
        let mut last = None;
        for nth in 0..dice.between(2, 6) {
            let id = format!("n{nth}");
            self.agent(dice, &id, &last.iter().map(String::as_str).collect::<Vec<_>>(), Extra::default());
            last = Some(id);
        }
    }

    /// One, many beside each other, one.
    pub(super) fn fan_out(&mut self, dice: &mut Dice) {
        self.agent(dice, "first", &[], Extra::default());
        let branches: Vec<String> = (0..dice.between(3, 12)).map(|nth| format!("b{nth}")).collect();
        for branch in &branches {
            self.agent(dice, branch, &["first"], Extra::default());
        }
        let join = if dice.percent(15) { "any" } else { "all" };
        let branches: Vec<&str> = branches.iter().map(String::as_str).collect();
        let extra = Extra { policy: Map::from_iter([("join".to_owned(), json!(join))]), ..Extra::default() };
        self.agent(dice, "last", &branches, extra);
    }

    /// Anything after anything.
    pub(super) fn random(&mut self, dice: &mut Dice) {
        let count = dice.between(3, 12);
        let mut ids: Vec<String> = Vec::new();
        for nth in 0..count {
            let id = format!("n{nth}");
            let mut sources: Vec<String> = Vec::new();
            for _ in 0..dice.between(u64::from(nth > 2), 3) {
                if let Some(source) = dice.pick(&ids).filter(|source| !sources.contains(source)) {
                    sources.push(source.clone());
                }
            }
            let refs: Vec<&str> = sources.iter().map(String::as_str).collect();
            let kind = dice.weighted(&[(62, 0), (10, 1), (14, 2), (8, 3), (6, 4)]);
            match kind {
                Some(1) => self.template(&id, &refs),
                Some(2) if !refs.is_empty() => self.conditional(dice, &id, &refs),
                Some(3) => self.request(dice, &id, &refs),
                Some(4) => self.recall(&id, &refs),
                _ => {
                    let mut extra = Extra::default();
                    if dice.percent(12) {
                        extra.policy.insert("join".into(), json!("any"));
                    }
                    if dice.percent(12) {
                        let recall = json!({"query": format!("{} {{{{ inputs.topic }}}}", self.mark(&id, 0)), "top_k": 2});
                        extra.config.insert("memory".into(), json!({"recall": recall}));
                    }
                    self.agent(dice, &id, &refs, extra);
                }
            }
            ids.push(id);
        }
    }

    /// A draft, work on it, a reviewer who may send it back.
    pub(super) fn review(&mut self, dice: &mut Dice) {
        let prompt = "{% if feedback %}They said: {{ feedback.message }}{% endif %}".to_owned();
        self.agent(dice, "draft", &[], Extra { prompt, ..Extra::default() });
        let sides: Vec<String> = (0..dice.between(0, 3)).map(|nth| format!("side{nth}")).collect();
        for side in &sides {
            self.agent(dice, side, &["draft"], Extra::default());
        }
        self.agent(dice, "apart", &[], Extra::default());
        let mut sources = vec!["draft"];
        sources.extend(sides.iter().map(String::as_str));
        let schema = json!({"type": "object", "properties": {"approved": {"type": "boolean"}, "note": {"type": "string"}},
            "required": ["approved", "note"], "additionalProperties": false});
        let mut extra = Extra::default();
        extra.config.insert("output_schema".into(), schema);
        extra.config.insert("checks".into(), json!(["output.approved"]));
        extra.policy.insert("backtrack".into(), json!({"to": "draft", "max": dice.between(1, 3)}));
        self.agent(dice, "review", &sources, extra);
        self.agent(dice, "publish", &["review"], Extra::default());
    }

    /// An agent with tools, between others.
    pub(super) fn tools(&mut self, dice: &mut Dice) {
        self.agent(dice, "first", &[], Extra::default());
        let rounds = Map::from_iter([("max_tool_rounds".to_owned(), json!(dice.between(2, 6)))]);
        self.agent(dice, "worker", &["first"], Extra { config: rounds, ..Extra::default() });
        let parameters =
            json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]});
        let tools = [
            (
                "note",
                json!({"tool": "template", "template": "noted: {{ args.q }}", "description": "Notes", "parameters": parameters}),
            ),
            (
                "look",
                json!({"tool": "http_request", "url": format!("{}?q={{{{ args.q | urlencode }}}}", self.places.tool),
                "description": "Looks up", "parameters": parameters}),
            ),
        ];
        for (id, config) in tools.into_iter().take(usize::try_from(dice.between(1, 2)).unwrap_or(1)) {
            self.nodes
                .push(json!({"id": id, "type": "tool", "config": config, "policy": {"timeout_seconds": 3}}));
            self.edge(json!({"source": id, "target": "worker", "target_handle": "tools"}));
        }
        for nth in 0..dice.between(0, 2) {
            self.agent(dice, &format!("beside{nth}"), &["first"], Extra::default());
        }
        self.agent(dice, "last", &["worker"], Extra::default());
    }

    fn agent(&mut self, dice: &mut Dice, id: &str, sources: &[&str], extra: Extra) {
        let max_tokens = dice.between(40, 400);
        // Now and then the answer would be longer than it may be.
        let answer = if dice.percent(8) { max_tokens * 2 } else { dice.between(10, max_tokens) };
        let model = dice.pick(&MODELS).copied().unwrap_or(MODELS[0]);
        let mut prompt =
            format!("{} {} Write about {{{{ inputs.topic }}}}.", self.mark(id, answer), extra.prompt);
        for source in sources {
            prompt.push_str(&format!(" Of {source}: {{{{ nodes.{source}.output }}}}"));
        }
        let usage = Usage {
            input: 40 + 100 * sources.len() as u64,
            output: answer.min(max_tokens),
            ..Usage::default()
        };
        let once = PriceBook::builtin().get(model).and_then(|model| model.cost(DEFAULT_TIER, &usage));
        let once = once.unwrap_or_default();
        self.need = self.need.plus(once);
        let mut config = json!({"model": model, "prompt": prompt, "max_tokens": max_tokens});
        if dice.percent(40) {
            let fallbacks: Vec<_> =
                MODELS.iter().filter(|other| **other != model).take(dice.below(2) + 1).collect();
            config["fallbacks"] = json!(fallbacks);
        }
        let mut policy = json!({
            "timeout_seconds": dice.between(2, 5),
            "retry": {"max_attempts": dice.between(1, 3), "initial_interval_ms": dice.between(20, 300), "max_interval_ms": 1000},
        });
        match dice.weighted(&[(70, 0), (15, 1), (15, 2)]) {
            Some(1) => policy["on_error"] = json!("continue"),
            Some(2) => {
                policy["on_error"] = json!("default");
                policy["default_output"] = json!({"text": "nothing"});
            }
            _ => {}
        }
        if dice.percent(10) {
            policy["budget_usd"] = json!(super::scaled(once, dice.fraction(2.0, 8.0)));
        }
        for (object, more) in [(&mut config, extra.config), (&mut policy, extra.policy)] {
            if let Some(object) = object.as_object_mut() {
                object.extend(more);
            }
        }
        self.nodes.push(json!({"id": id, "type": "agent", "config": config, "policy": policy}));
        self.after(dice, id, sources);
    }

    fn template(&mut self, id: &str, sources: &[&str]) {
        let shown: String =
            sources.iter().map(|source| format!("{{{{ nodes.{source}.output }}}} ")).collect();
        let config = json!({"tool": "template", "template": format!("about {{{{ inputs.topic }}}} {shown}")});
        self.nodes.push(json!({"id": id, "type": "tool", "config": config}));
        self.after(&mut Dice::new(self.number, &[&id]), id, sources);
    }

    fn request(&mut self, dice: &mut Dice, id: &str, sources: &[&str]) {
        let url = format!("{}?q={{{{ inputs.topic | urlencode }}}}", self.places.tool);
        let post = dice.percent(30);
        let config = json!({"tool": "http_request", "method": if post { "POST" } else { "GET" }, "url": url,
            "idempotent": dice.percent(60)});
        let policy = json!({"timeout_seconds": 3, "on_error": "continue",
            "retry": {"max_attempts": 2, "initial_interval_ms": 50}});
        self.nodes.push(json!({"id": id, "type": "tool", "config": config, "policy": policy}));
        self.after(dice, id, sources);
    }

    fn recall(&mut self, id: &str, sources: &[&str]) {
        let query = format!("{} {{{{ inputs.topic }}}}", self.mark(id, 0));
        let config = json!({"tool": "memory_recall", "query": query, "top_k": 2});
        let policy = json!({"timeout_seconds": 3, "on_error": "continue",
            "retry": {"max_attempts": 2, "initial_interval_ms": 50}});
        self.nodes.push(json!({"id": id, "type": "tool", "config": config, "policy": policy}));
        self.after(&mut Dice::new(self.number, &[&id]), id, sources);
    }

    fn conditional(&mut self, dice: &mut Dice, id: &str, sources: &[&str]) {
        let when = format!("inputs.n >= {}", dice.between(0, 10));
        let config = json!({"cases": [{"handle": "yes", "when": when}], "else": "no"});
        self.nodes.push(json!({"id": id, "type": "conditional", "config": config}));
        self.after(dice, id, sources);
    }

    /// Edges from these nodes, out of one of their handles if they are conditionals.
    fn after(&mut self, dice: &mut Dice, id: &str, sources: &[&str]) {
        for source in sources {
            let chooses =
                self.nodes.iter().any(|node| node["id"] == *source && node["type"] == "conditional");
            let mut edge = json!({"source": source, "target": id});
            if chooses {
                edge["source_handle"] = json!(if dice.percent(50) { "yes" } else { "no" });
            }
            self.edge(edge);
        }
    }

    fn edge(&mut self, mut edge: Value) {
        edge["id"] = json!(format!("e{}", self.edges.len()));
        self.edges.push(edge);
    }

    /// The mark of a prompt: whose it is and how many tokens the answer is to have.
    fn mark(&self, node: &str, answer: u64) -> String {
        format!("<<{{{{ execution.id }}}}|{}|{node}|{answer}>>", self.number)
    }
}
