//! What is refused before any provider is asked, because no provider takes it or because it would say something else
//! than meant. Such a refusal costs nothing. Not here: what only one provider refuses (it says so itself).

use nexus_api::{
    Code, Error, Result,
    llm::{CompleteRequest, Role, ToolChoice},
};
use std::collections::HashSet;

/// Longest name of a tool that every provider takes.
const MAX_TOOL_NAME: usize = 64;

/// Whether the request makes sense by itself.
pub(crate) fn request(request: &CompleteRequest) -> Result<()> {
    if request.messages.is_empty() {
        return Err(refused("there are no messages"));
    }
    if request.max_tokens == Some(0) {
        return Err(refused("max_tokens must be at least 1"));
    }
    let mut names = HashSet::new();
    for tool in &request.tools {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if tool.name.is_empty() || tool.name.len() > MAX_TOOL_NAME || !tool.name.chars().all(good) {
            let name = &tool.name;
            return Err(refused(format!(
                "the tool name {name:?} is not 1 to {MAX_TOOL_NAME} letters, digits, `_` and `-`"
            )));
        }
        if !names.insert(tool.name.as_str()) {
            return Err(refused(format!("two tools are called {}", tool.name)));
        }
        if !tool.parameters.is_object() {
            return Err(refused(format!("the parameters of tool {} are no JSON Schema object", tool.name)));
        }
    }
    match &request.tool_choice {
        ToolChoice::Tool(name) if !names.contains(name.as_str()) => {
            return Err(refused(format!("tool_choice names {name}, which is not among the tools")));
        }
        ToolChoice::Required if names.is_empty() => {
            return Err(refused("tool_choice is `required`, but there are no tools"));
        }
        _ => {}
    }
    // Calls that still wait for a result: providers refuse a conversation that goes on without one.
    let mut waiting: HashSet<&str> = HashSet::new();
    for (index, message) in request.messages.iter().enumerate() {
        match (&message.tool_call_id, message.role) {
            (Some(id), Role::Tool) => {
                if !waiting.remove(id.as_str()) {
                    return Err(refused(format!(
                        "message {index} answers the tool call {id}, which nobody made"
                    )));
                }
            }
            (None, Role::Tool) => {
                return Err(refused(format!(
                    "message {index} is a tool's and does not say which call it answers"
                )));
            }
            (Some(_), _) => {
                return Err(refused(format!("message {index} answers a tool call but is not a tool's")));
            }
            (None, Role::User | Role::Assistant) if !waiting.is_empty() => {
                return Err(refused(format!("message {index} comes before all tool calls are answered")));
            }
            (None, _) => {}
        }
        if !message.tool_calls.is_empty() && message.role != Role::Assistant {
            return Err(refused(format!("message {index} calls tools but is not the assistant's")));
        }
        waiting.extend(message.tool_calls.iter().map(|call| call.id.as_str()));
    }
    if waiting.is_empty() { Ok(()) } else { Err(refused("the last tool calls are not answered")) }
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(Code::Invalid, why).reason("provider_bad_request").unspent()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_api::llm::{Message, ToolCall, ToolDefinition};
    use serde_json::json;

    fn tool(name: &str) -> ToolDefinition {
        ToolDefinition {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({"type": "object"}),
        }
    }

    fn calls(ids: &[&str]) -> Message {
        let call =
            |id: &&str| ToolCall { id: (*id).to_owned(), name: "a".to_owned(), arguments: "{}".to_owned() };
        Message { tool_calls: ids.iter().map(call).collect(), ..Message::new(Role::Assistant, "") }
    }

    fn result(id: &str) -> Message {
        Message { tool_call_id: Some(id.to_owned()), ..Message::new(Role::Tool, "r") }
    }

    fn judged(messages: Vec<Message>, tools: Vec<ToolDefinition>, choice: ToolChoice) -> Result<(), String> {
        let mut all = vec![Message::new(Role::User, "q")];
        all.extend(messages);
        let whole = CompleteRequest { tools, tool_choice: choice, ..CompleteRequest::new("m", all) };
        request(&whole).map_err(|error| {
            assert_eq!(error.spent.as_deref(), Some(&nexus_api::Spend::NOTHING));
            error.message
        })
    }

    #[test]
    fn conversations_with_tools_have_to_add_up() {
        let next = || Message::new(Role::User, "and?");
        let fine = |messages| assert_eq!(judged(messages, vec![tool("a")], ToolChoice::Auto), Ok(()));
        fine(vec![calls(&["1", "2"]), result("2"), result("1")]);
        fine(vec![calls(&["1"]), result("1"), next(), calls(&["1"]), result("1")]);
        let wrong = |messages, part: &str| {
            let said = judged(messages, vec![tool("a")], ToolChoice::Auto).unwrap_err();
            assert!(said.contains(part), "{said}");
        };
        wrong(vec![calls(&["1", "2"]), result("1"), next()], "before all tool calls");
        wrong(vec![calls(&["1"])], "last tool calls");
        wrong(vec![result("1")], "nobody made");
        wrong(vec![Message::new(Role::Tool, "r")], "which call");
        wrong(vec![Message { role: Role::User, ..calls(&["1"]) }], "not the assistant's");
        wrong(vec![Message { role: Role::User, ..result("1") }], "not a tool's");
    }

    #[test]
    fn tools_have_names_that_every_provider_takes() {
        for name in ["", "a b", "ä", &"x".repeat(65)] {
            assert!(judged(vec![], vec![tool(name)], ToolChoice::Auto).is_err(), "{name}");
        }
        assert!(judged(vec![], vec![tool("a"), tool("a")], ToolChoice::Auto).is_err());
        assert!(judged(vec![], vec![], ToolChoice::Required).is_err());
        assert!(judged(vec![], vec![tool("a")], ToolChoice::Tool("b".to_owned())).is_err());
        assert_eq!(judged(vec![], vec![tool("a-1_B")], ToolChoice::Tool("a-1_B".to_owned())), Ok(()));
        assert!(request(&CompleteRequest::new("m", vec![])).is_err());
    }
}
