//! Rejections: an upstream node works again with the reason in hand; what depends on it is decided anew. Not here:
//! which documents may ask for it (`nexus-plan`).

use crate::story::{Story, agent, edge};
use nexus_engine::{Input, MAX_BACKTRACKS, Record};
use nexus_model::{ExecutionStatus, execution::NodeStatus};
use serde_json::{Value, json};

/// A writer, a reviewer that wants long texts, and the reviewer's policy.
fn review(max: u32, extra: Value) -> Value {
    let mut policy = json!({"backtrack": {"to": "draft", "max": max}});
    policy.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    agent(
        "review",
        json!({"prompt": "Review {{ nodes.draft.output.text }}", "checks": ["output.text == 'yes'"]}),
        policy,
    )
}

fn pair(max: u32) -> Story {
    let draft = agent(
        "draft",
        json!({"prompt": "Write{% if feedback %} (mind: {{ feedback.message }}){% endif %}"}),
        json!({}),
    );
    Story::new(json!([draft, review(max, json!({}))]), json!([edge("draft", "review")]))
}

#[test]
fn a_rejection_sends_the_writer_back_with_the_reason() {
    let mut story = pair(2);
    story.end_of("draft", Ok("first"));
    story.end_of("review", Ok("too dull"));
    assert_eq!(story.in_flight(), ["draft"], "the reviewer is not asked again");
    assert_eq!(story.calls[0].revision, 2);
    assert_eq!(story.model(0).prompt, "Write (mind: the check `output.text == 'yes'` does not hold)");
    let draft = story.view("draft");
    let feedback = draft.feedback.unwrap();
    assert_eq!(feedback["rejected_output"], json!({"text": "first"}));
    assert_eq!(feedback["from_node"], "review");
    assert_eq!(feedback["from_output"], json!({"text": "too dull"}));

    story.end_of("draft", Ok("second"));
    assert_eq!(story.model(0).prompt, "Review second");
    story.end_of("review", Ok("yes"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    assert_eq!(
        story.told(),
        [
            "execution_started",
            "agent_started draft",
            "agent_completed draft",
            "agent_started review",
            "agent_backtracked review",
            "agent_started draft",
            "agent_completed draft",
            "agent_started review",
            "agent_completed review",
            "execution_completed",
        ]
    );
    let (draft, review) = (story.view("draft"), story.view("review"));
    assert_eq!((draft.revision, review.revision), (2, 2));
    assert_eq!(draft.revisions[0].output, Some(json!({"text": "first"})));
    assert_eq!(review.revisions[0].status, NodeStatus::Failed);
    assert_eq!(review.attempts[0].output, Some(json!({"text": "too dull"})));
    assert_eq!(draft.attempts.iter().map(|a| (a.revision, a.attempt)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
}

#[test]
fn feedback_reaches_a_writer_whose_prompt_does_not_ask_for_it() {
    let draft = agent("draft", json!({"prompt": "Write"}), json!({}));
    let mut story = Story::new(json!([draft, review(2, json!({}))]), json!([edge("draft", "review")]));
    assert_eq!(story.model(0).prompt, "Write");
    story.end_of("draft", Ok("first"));
    story.end_of("review", Ok("too dull"));
    let prompt = &story.model(0).prompt;
    assert!(prompt.starts_with("Write\n\n"), "{prompt}");
    for part in ["first", "does not hold", "too dull"] {
        assert!(prompt.contains(part), "{part} is missing in {prompt}");
    }
}

#[test]
fn after_so_many_rejections_on_error_decides() {
    let mut story = pair(2);
    for _ in 0..3 {
        story.end_of("draft", Ok("dull"));
        story.end_of("review", Ok("no"));
    }
    assert!(story.calls.is_empty());
    assert_eq!(story.state.status, ExecutionStatus::Failed);
    assert_eq!(story.state.failure.as_ref().unwrap().code, "check_failed");
    assert_eq!(story.view("draft").revision, 3);
    // whoever resumes gives it another chance
    story.feed(Input::Resume { budget: None, from_node: None });
    story.feed(Input::Take);
    story.end_of("review", Ok("no"));
    assert_eq!(story.in_flight(), ["draft"]);
}

#[test]
fn an_execution_has_a_limit_of_rejections_too() {
    let mut story = pair(100);
    for _ in 0..MAX_BACKTRACKS {
        story.end_of("draft", Ok("dull"));
        story.end_of("review", Ok("no"));
    }
    story.end_of("draft", Ok("dull"));
    story.end_of("review", Ok("no"));
    assert_eq!(story.state.status, ExecutionStatus::Failed);
}

#[test]
fn siblings_keep_their_results_and_unchanged_inputs_their_outputs() {
    // draft -> title (reads nothing of draft that changes) -> review; draft -> review; facts stands apart
    let nodes = json!([
        agent("draft", json!({"output_schema": {"type": "object"}}), json!({})),
        agent("facts", json!({}), json!({})),
        agent("title", json!({"prompt": "Title for {{ nodes.draft.output.topic }}"}), json!({})),
        agent(
            "review",
            json!({
                "prompt": "{{ nodes.draft.output.body }} {{ nodes.title.output.text }} {{ nodes.facts.output.text }}",
                "checks": ["output.text == 'yes'"],
            }),
            json!({"backtrack": {"to": "draft"}})
        ),
    ]);
    let edges = json!([
        edge("draft", "title"),
        edge("title", "review"),
        edge("draft", "review"),
        edge("facts", "review")
    ]);
    let mut story = Story::new(nodes, edges);
    story.end_of("facts", Ok("facts"));
    story.end_of("draft", Ok(r#"{"topic": "bees", "body": "one"}"#));
    story.end_of("title", Ok("On bees"));
    story.end_of("review", Ok("no"));
    assert_eq!(story.status("title"), NodeStatus::Pending);
    story.end_of("draft", Ok(r#"{"topic": "bees", "body": "two"}"#));
    assert_eq!(story.in_flight(), ["review"], "the title's input is what it was");
    assert_eq!(story.model(0).prompt, "two On bees facts");
    assert!(
        story
            .facts()
            .iter()
            .any(|fact| matches!(fact, Record::NodeKept { node } if node.as_str() == "title"))
    );
    story.end_of("review", Ok("no"));
    story.end_of("draft", Ok(r#"{"topic": "wasps", "body": "three"}"#));
    assert_eq!(story.in_flight(), ["title"], "now it is another");
    story.end_of("title", Ok("On wasps"));
    story.end_of("review", Ok("yes"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    let revisions: Vec<u32> =
        ["draft", "facts", "title", "review"].iter().map(|id| story.view(id).revision).collect();
    assert_eq!(revisions, [3, 1, 2, 3]);
}

#[test]
fn branches_are_decided_anew() {
    let nodes = json!([
        agent("draft", json!({}), json!({})),
        {"id": "long", "type": "conditional", "config": {"cases": [{"handle": "yes", "when": "size(nodes.draft.output.text) > 5"}], "else": "no"}},
        agent("shorten", json!({"prompt": "Shorten {{ nodes.draft.output.text }}"}), json!({})),
        agent("extend", json!({"prompt": "Extend {{ nodes.draft.output.text }}"}), json!({})),
        agent("review", json!({"checks": ["output.text == 'yes'"]}), json!({"backtrack": {"to": "draft"}})),
    ]);
    let mut yes = edge("long", "shorten");
    yes["source_handle"] = "yes".into();
    let mut no = edge("long", "extend");
    no["source_handle"] = "no".into();
    let edges = json!([edge("draft", "long"), yes, no, edge("shorten", "review"), edge("extend", "review")]);
    let mut story = Story::new(nodes, edges);
    story.end_of("draft", Ok("a long text"));
    assert_eq!((story.in_flight(), story.status("extend")), (vec!["shorten"], NodeStatus::Skipped));
    story.end_of("shorten", Ok("short"));
    story.end_of("review", Ok("no"));
    story.end_of("draft", Ok("tiny"));
    assert_eq!((story.in_flight(), story.status("shorten")), (vec!["extend"], NodeStatus::Skipped));
    story.end_of("extend", Ok("longer"));
    story.end_of("review", Ok("yes"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    assert_eq!(story.view("shorten").status, NodeStatus::Skipped);
}

#[test]
fn work_in_flight_that_nobody_wants_any_more_is_paid_and_dropped() {
    let nodes = json!([
        agent("draft", json!({}), json!({})),
        agent("slow", json!({"prompt": "{{ nodes.draft.output.text }}"}), json!({})),
        review(2, json!({})),
    ]);
    let mut story = Story::new(nodes, json!([edge("draft", "slow"), edge("draft", "review")]));
    story.end_of("draft", Ok("one"));
    story.end_of("review", Ok("no"));
    assert_eq!(story.in_flight(), ["slow", "draft"]);
    let spent = story.state.spent();
    story.end_of("slow", Ok("about one"));
    assert!(story.state.spent() > spent, "it is paid");
    assert_eq!(story.status("slow"), NodeStatus::Pending);
    story.end_of("draft", Ok("two"));
    story.end_of("slow", Ok("about two"));
    story.end_of("review", Ok("yes"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    assert_eq!(story.state.outputs()["slow"], json!({"text": "about two"}));
}

#[test]
fn an_unwanted_call_that_ends_last_still_ends_the_run() {
    let nodes = json!([
        agent("draft", json!({}), json!({})),
        agent("slow", json!({"prompt": "{{ nodes.draft.output.text }}"}), json!({})),
        review(1, json!({})),
    ]);
    let mut story = Story::new(nodes, json!([edge("draft", "slow"), edge("draft", "review")]));
    story.end_of("draft", Ok("one"));
    story.end_of("review", Ok("no"));
    story.end_of("draft", Ok("two"));
    story.end_of("review", Ok("yes"));
    assert_eq!(story.in_flight(), ["slow", "slow"]);
    let second = story.calls.pop().unwrap();
    story.calls.insert(0, second);
    story.end_of("slow", Ok("about two"));
    assert_eq!(story.state.status, ExecutionStatus::Running, "the first call is still to be paid");
    story.end_of("slow", Ok("about one"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    assert_eq!(story.state.outputs()["slow"], json!({"text": "about two"}));
}

#[test]
fn a_crash_in_the_middle_replays_to_the_same_revisions() {
    let mut story = pair(2);
    story.end_of("draft", Ok("one"));
    story.end_of("review", Ok("no"));
    story.crash();
    assert_eq!((story.in_flight(), story.calls[0].revision), (vec!["draft"], 2));
    assert!(story.model(0).prompt.contains("mind"), "the reason is still known");
    story.end_of("draft", Ok("two"));
    story.crash();
    story.end_of("review", Ok("yes"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    assert_eq!(story.view("draft").revision, 2);
}

#[test]
fn a_tool_that_fails_sends_back_too() {
    let nodes = json!([
        agent("code", json!({}), json!({})),
        {"id": "run", "type": "tool", "config": {"tool": "python", "code": "def run(inputs): ...", "inputs": {"code": "{{ nodes.code.output.text }}"}},
         "policy": {"backtrack": {"to": "code", "max": 1}}},
    ]);
    let mut story = Story::new(nodes, json!([edge("code", "run")]));
    story.end_of("code", Ok("1 / 0"));
    story.returns("run", Err(("python_error", false)));
    assert!(story.model(0).prompt.contains("scripted"), "{}", story.model(0).prompt);
    story.end_of("code", Ok("1 / 1"));
    story.returns("run", Ok(json!(1)));
    assert_eq!(story.state.outputs()["run"], json!(1));
}

#[test]
fn a_broken_schema_is_mended_by_the_node_itself_first() {
    let draft = agent("draft", json!({}), json!({}));
    let schema = json!({"type": "object", "required": ["ok"]});
    let judge = agent(
        "judge",
        json!({"output_schema": schema, "checks": ["output.ok"]}),
        json!({"backtrack": {"to": "draft"}}),
    );
    let mut story = Story::new(json!([draft, judge]), json!([edge("draft", "judge")]));
    story.end_of("draft", Ok("one"));
    story.end_of("judge", Ok("no JSON"));
    assert_eq!(story.in_flight(), ["judge"]);
    story.end_of("judge", Ok(r#"{"ok": false}"#));
    assert_eq!(story.in_flight(), ["draft"]);
}
