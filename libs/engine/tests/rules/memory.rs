//! Agents that remember. Not here: memory itself (`nexus-memory`).

use crate::story::{Story, agent};
use nexus_engine::ToolWork;
use nexus_model::{ExecutionStatus, Money, document::MemoryScope};
use serde_json::{Value, json};

fn remembering(extra: Value) -> Value {
    let mut config = json!({"memory": {"recall": {"query": "{{ inputs.topic }}", "top_k": 3, "scope": "workflow"}, "store": true}});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    agent("a", config, json!({"retry": {"max_attempts": 2}}))
}

fn story(extra: Value) -> Story {
    Story::with_inputs(json!([remembering(extra)]), json!([]), json!({"topic": "bees"}))
}

fn found() -> Value {
    json!({"entries": [{"id": "1", "text": "Bees dance.", "score": 0.9, "metadata": {}}]})
}

#[test]
fn what_is_found_goes_to_the_end_of_the_system_message() {
    let mut story = story(json!({"system": "You know insects."}));
    assert_eq!(
        story.tool(0),
        &ToolWork::MemoryRecall { query: "bees".into(), top_k: 3, scope: MemoryScope::Workflow }
    );
    assert!(story.calls[0].reserved > Money::ZERO, "looking up is paid for");
    story.returns("a", Ok(found()));
    let system = story.model(0).system.clone().unwrap();
    assert!(system.starts_with("You know insects.\n\n") && system.ends_with("- Bees dance."), "{system}");
    story.end_of("a", Ok("They do."));
    let ToolWork::MemoryStore { text, scope, slot, .. } = story.tool(0).clone() else { panic!() };
    assert_eq!((text.as_str(), scope, slot.as_str()), ("They do.", MemoryScope::Workflow, "answer"));
    story.returns("a", Ok(json!({"id": "2"})));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    assert_eq!(story.state.outputs()["a"], json!({"text": "They do."}));
    assert_eq!(story.state.spent(), Money::from_picos(15));
    assert_eq!(story.view("a").attempts.len(), 1);
}

#[test]
fn a_prompt_that_says_where_memory_goes_gets_it_there() {
    let mut story = story(json!({"prompt": "{% for m in memory %}{{ m.text }}{% endfor %} Go."}));
    story.returns("a", Ok(found()));
    assert_eq!(story.model(0).prompt, "Bees dance. Go.");
    assert_eq!(story.model(0).system, None);
}

#[test]
fn looking_up_is_retried_and_not_done_again_once_it_worked() {
    let mut story = story(json!({"fallbacks": ["fake/b"]}));
    story.returns("a", Err(("unavailable", true)));
    story.returns("a", Ok(found()));
    story.end_of("a", Err(("overloaded", true)));
    assert_eq!(story.model(0).model, "fake/b", "memory's failure counted as one of two attempts");
    story.crash();
    assert!(story.calls[0].model().is_some(), "what was found is in the journal");
}

#[test]
fn another_model_does_not_mend_memory() {
    let mut story = story(json!({"fallbacks": ["fake/b"]}));
    story.returns("a", Err(("unavailable", true)));
    story.returns("a", Err(("unavailable", true)));
    assert_eq!(story.state.failure.as_ref().unwrap().code, "unavailable");
    assert_eq!(story.view("a").attempts.len(), 2);
}

#[test]
fn an_answer_is_kept_without_asking_the_model_again() {
    let mut story = story(json!({}));
    story.returns("a", Ok(found()));
    story.end_of("a", Ok("They do."));
    story.returns("a", Err(("unavailable", true)));
    assert!(matches!(story.tool(0), ToolWork::MemoryStore { .. }));
    story.crash();
    assert!(matches!(story.tool(0), ToolWork::MemoryStore { .. }));
    story.returns("a", Ok(json!({"id": "2"})));
    assert_eq!(story.state.outputs()["a"], json!({"text": "They do."}));
}
