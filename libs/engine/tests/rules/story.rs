//! A small story: a workflow, what is fed in, what comes out. Not here: what must hold (the tests).

use nexus_engine::{
    Answer, Call, CallFailure, CallResult, Definition, Effect, Env, Exchange, Input, ModelCall, Outcome,
    Reask, Record, State, Step, ToolRequest, ToolWork, Work, step,
};
use nexus_model::{
    Document, ExecutionId, Money, Timestamp,
    document::Budget,
    execution::{AgentExecution, NodeStatus, Tokens},
    price::{EmbeddingModel, PriceBook},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

pub struct Story {
    pub state: State,
    pub now: Timestamp,
    pub calls: Vec<Call>,
    pub events: Vec<(String, Value)>,
    journal: Vec<String>,
    inputs: Value,
    budget: Option<Budget>,
}

impl Story {
    pub fn new(nodes: Value, edges: Value) -> Self {
        Self::with_inputs(nodes, edges, json!({}))
    }

    pub fn with_inputs(nodes: Value, edges: Value, inputs: Value) -> Self {
        Self::of(json!({"graph": {"nodes": nodes, "edges": edges}}), inputs)
    }

    /// The document's budget holds.
    pub fn of(document: Value, inputs: Value) -> Self {
        let document: Document = serde_json::from_value(document).unwrap();
        let budget = document.budget;
        let embedding = EmbeddingModel {
            model: "fake/embedding".into(),
            per_token: Some(Money::from_picos(1)),
            piece_bytes: 8_000,
        };
        let prices = PriceBook::builtin();
        let definition = Arc::new(Definition::priced(document, &Default::default(), prices, Some(embedding)));
        let state = State::new(definition, ExecutionId::generate(), Arc::new(inputs.clone()), budget);
        let mut story = Self {
            state,
            now: Timestamp::from_micros(0),
            calls: Vec::new(),
            events: Vec::new(),
            journal: Vec::new(),
            inputs,
            budget,
        };
        story.feed(Input::Take);
        story
    }

    pub fn feed(&mut self, input: Input) -> Step {
        self.try_feed(input).unwrap()
    }

    pub fn try_feed(&mut self, input: Input) -> Result<Step, nexus_engine::Error> {
        let out = step(&mut self.state, input, Env { now: self.now, random: 0.0, hold: false })?;
        if !out.records.is_empty() {
            self.journal.push(serde_json::to_string(&out.records).unwrap());
        }
        let told = out.events.iter().map(|event| {
            let node = event.node.as_ref().map(|node| format!(" {node}")).unwrap_or_default();
            (format!("{}{node}", event.kind.as_str()), event.data.clone())
        });
        self.events.extend(told.collect::<Vec<_>>());
        assert!(self.within_budget(), "{:?}", out.records);
        for effect in &out.effects {
            match effect {
                Effect::Call(call) => self.calls.push(call.as_ref().clone()),
                Effect::Wait { node, due } => {
                    self.now = *due;
                    let node = node.clone();
                    self.feed(Input::TimerFired { node, due: *due });
                }
            }
        }
        Ok(out)
    }

    fn within_budget(&self) -> bool {
        let limit = self.state.budget.and_then(|budget| budget.limit_usd);
        limit.is_none_or(|limit| self.state.spent().plus(self.state.reserved()) <= limit)
    }

    /// The process dies; another takes over, with the journal alone.
    pub fn crash(&mut self) {
        self.calls.clear();
        let fresh = State::new(
            self.state.definition.clone(),
            self.state.id,
            Arc::new(self.inputs.clone()),
            self.budget,
        );
        let replayed = fresh.replay(&self.journal).unwrap();
        assert_eq!(replayed.nodes, self.state.nodes, "memory and journal disagree");
        assert_eq!((replayed.spent(), replayed.reserved()), (self.state.spent(), self.state.reserved()));
        self.state = replayed;
        self.feed(Input::Take);
    }

    /// Ends the oldest call in flight.
    pub fn end(&mut self, outcome: Result<&str, (&str, bool)>) {
        let outcome = outcome.map(|text| Outcome::Answer(Answer { text: text.into(), ..Answer::default() }));
        self.end_nth(0, outcome.map_err(failure), Some(Money::from_picos(5)));
    }

    /// Ends the oldest call in flight of this node.
    pub fn end_of(&mut self, node: &str, outcome: Result<&str, (&str, bool)>) {
        let outcome = outcome.map(|text| Outcome::Answer(Answer { text: text.into(), ..Answer::default() }));
        self.end_nth(self.nth(node), outcome.map_err(failure), Some(Money::from_picos(5)));
    }

    /// The same, with what it cost; `None` if nobody knows.
    pub fn end_costing(&mut self, node: &str, text: &str, cost: Option<Money>) {
        let answer = Answer { text: text.into(), ..Answer::default() };
        self.end_nth(self.nth(node), Ok(Outcome::Answer(answer)), cost);
    }

    /// The model of the oldest call of this node wants tools.
    pub fn want(&mut self, node: &str, tools: &[(&str, &str, Value)]) {
        self.want_costing(node, tools, Money::from_picos(5));
    }

    /// The same, with what it cost.
    pub fn want_costing(&mut self, node: &str, tools: &[(&str, &str, Value)], cost: Money) {
        let tool_calls = tools.iter().map(|(id, name, arguments)| ToolRequest {
            id: (*id).into(),
            name: (*name).into(),
            arguments: arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned),
        });
        let answer = Answer { tool_calls: tool_calls.collect(), ..Answer::default() };
        self.end_nth(self.nth(node), Ok(Outcome::Answer(answer)), Some(cost));
    }

    /// Ends the oldest call of this node with a tool's result.
    pub fn returns(&mut self, node: &str, outcome: Result<Value, (&str, bool)>) {
        self.end_nth(
            self.nth(node),
            outcome.map(Outcome::Value).map_err(failure),
            Some(Money::from_picos(5)),
        );
    }

    fn nth(&self, node: &str) -> usize {
        let found = self.calls.iter().position(|call| call.node.as_str() == node);
        found.unwrap_or_else(|| panic!("no call of {node} in flight, but of {:?}", self.in_flight()))
    }

    fn end_nth(&mut self, nth: usize, outcome: Result<Outcome, CallFailure>, cost: Option<Money>) {
        let call = self.calls.remove(nth);
        self.now = self.now.plus(Duration::from_millis(4));
        let result = CallResult {
            outcome,
            tokens: Tokens { prompt: 2, completion: 3 },
            cost,
            latency: Duration::from_millis(4),
            provider: Some("fake".into()),
        };
        let Call { node, revision, attempt, call, .. } = call;
        self.feed(Input::CallFinished { node, revision, attempt, call, result });
    }

    pub fn in_flight(&self) -> Vec<&str> {
        self.calls.iter().map(|call| call.node.as_str()).collect()
    }

    pub fn status(&self, id: &str) -> NodeStatus {
        self.state.nodes[self.state.definition.graph.index(id).unwrap()].status
    }

    pub fn view(&self, id: &str) -> AgentExecution {
        self.state.agent_executions().into_iter().find(|entry| entry.node_id.as_str() == id).unwrap()
    }

    pub fn models(&self, id: &str) -> Vec<String> {
        self.view(id).attempts.into_iter().filter_map(|attempt| attempt.model).collect()
    }

    /// The request to a model of a call in flight.
    pub fn model(&self, nth: usize) -> &ModelCall {
        self.calls[nth].model().unwrap()
    }

    /// The tool of a call in flight.
    pub fn tool(&self, nth: usize) -> &ToolWork {
        match &self.calls[nth].work {
            Work::Tool(tool) => tool,
            Work::Model(model) => panic!("a model is asked: {model:?}"),
        }
    }

    pub fn reask(&self, nth: usize) -> Option<Reask> {
        self.model(nth).said.iter().rev().find_map(|said| match said {
            Exchange::Rejected(reask) => Some(reask.clone()),
            Exchange::Tools(_) => None,
        })
    }

    /// Names of the events so far, e.g. `agent_started a`.
    pub fn told(&self) -> Vec<&str> {
        self.events.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Details of the latest event with this name.
    pub fn last(&self, name: &str) -> &Value {
        let found = self.events.iter().rev().find(|(told, _)| told == name);
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.told())).1
    }

    pub fn facts(&self) -> Vec<Record> {
        self.journal.iter().flat_map(|entry| serde_json::from_str::<Vec<Record>>(entry).unwrap()).collect()
    }
}

fn failure((code, retryable): (&str, bool)) -> CallFailure {
    CallFailure { code: code.into(), message: "scripted".into(), retryable, retry_after: None }
}

pub fn agent(id: &str, extra: Value, policy: Value) -> Value {
    let mut config = json!({"model": "fake/a", "prompt": format!("do {id}")});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({"id": id, "type": "agent", "config": config, "policy": policy})
}

pub fn edge(source: &str, target: &str) -> Value {
    json!({"id": format!("{source}-{target}"), "source": source, "target": target})
}
