//! Patterns of agents. Not here: control flow as such.

use super::{Run, pattern, run, run_document, run_with};
use crate::{Place, blocking, inputs_for, provider_settings, read};
use nexus_testkit::provider::{FakeProvider, Matcher, Reply};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

#[test]
fn prompt_chaining() {
    let run = run("prompt-chaining");
    run.assert_in_a_row(&["outline", "enough", "draft", "polish"]);
    assert_eq!(run.skipped(), ["refusal"]);
    let sections = run.output("outline")["sections"].as_array().unwrap();
    let prompt = run.node("draft")["input"]["prompt"].as_str().unwrap();
    assert!(sections.len() >= 2);
    for section in sections {
        assert!(prompt.contains(section.as_str().unwrap()), "one answer is the next question");
    }
}

#[test]
fn routing() {
    for (message, chosen, others) in [
        ("I was charged twice on my last invoice.", "billing", ["general", "technical"]),
        ("The app shows an error after the crash.", "technical", ["billing", "general"]),
        ("How do I find your library?", "general", ["billing", "technical"]),
    ] {
        let run = run_with(&Place::new(), "routing", json!({ "message": message }));
        run.assert_in_a_row(&["classify", "route", chosen, "reply"]);
        assert_eq!(run.skipped(), others, "{message}");
        let answer = run.output(chosen)["text"].as_str().unwrap();
        assert!(run.outputs["reply"]["text"].as_str().unwrap().ends_with(answer));
    }
}

#[test]
fn sectioning() {
    let run = run("sectioning");
    let parts = ["law", "money", "people"];
    run.assert_at_once(&parts);
    let prompt = run.node("report")["input"]["prompt"].as_str().unwrap();
    for part in parts {
        run.assert_in_a_row(&[part, "report"]);
        assert!(prompt.contains(run.output(part)["text"].as_str().unwrap()));
    }
}

#[test]
fn voting() {
    let judges = ["by_sender", "by_subject", "by_body"];
    let votes = |run: &Run| judges.map(|judge| run.output(judge)["vote"].as_str().unwrap().to_owned());
    let spam = run("voting");
    spam.assert_at_once(&judges);
    assert_eq!(votes(&spam), ["genuine", "spam", "spam"], "outvoted");
    assert_eq!(spam.skipped(), ["deliver"]);
    let letter = json!({"subject": "You are a winner", "body": "Congratulations to the first prize."});
    let genuine = run_with(&Place::new(), "voting", letter);
    assert_eq!(votes(&genuine), ["genuine", "spam", "genuine"]);
    assert_eq!(genuine.outputs, json!({"deliver": {"text": "Delivered: You are a winner"}}));
}

#[test]
fn orchestrator_and_workers() {
    let run = run("orchestrator-workers");
    let parts = run.output("orchestrator")["parts"].as_array().unwrap();
    let workers = ["worker_1", "worker_2", "worker_3", "worker_4"];
    let (busy, idle) = workers.split_at(parts.len());
    assert_eq!((busy.len(), run.skipped()), (3, idle.to_vec()));
    run.assert_at_once(busy);
    let together = run.node("together")["input"]["prompt"].as_str().unwrap();
    for (worker, part) in busy.iter().zip(parts) {
        run.assert_in_a_row(&["orchestrator", worker, "together"]);
        assert!(run.node(worker)["input"]["prompt"].as_str().unwrap().contains(part.as_str().unwrap()));
        assert!(together.contains(run.output(worker)["text"].as_str().unwrap()));
    }
}

#[test]
fn evaluator_and_optimiser() {
    let run = run("evaluator-optimiser");
    run.assert_sent_back("editor", "draft", 1);
    assert_eq!((run.effort("draft"), run.effort("editor")), ((2, 2), (2, 2)));
    assert_eq!(run.effort("audience"), (1, 1), "what did not depend on the draft is kept");
    let (first, second) = (&run.node("draft")["revisions"][0], run.output("draft"));
    assert_ne!(first["output"], *second);
    let editor = run.node("editor");
    assert_eq!(editor["attempts"][0]["output"]["verdict"], "weak");
    assert_eq!(editor["attempts"][0]["error"]["code"], "check_failed");
    assert_eq!(editor["output"]["verdict"], "print");
    let prompt = run.node("draft")["input"]["prompt"].as_str().unwrap();
    for said in [&first["output"]["text"], &editor["attempts"][0]["output"]["advice"]] {
        assert!(
            prompt.contains(said.as_str().unwrap()),
            "the author knows what it wrote and why it will not do"
        );
    }
    assert_eq!(run.outputs["printed"], *second);
}

#[test]
fn plan_and_execute() {
    let run = run("plan-and-execute");
    run.assert_in_a_row(&["plan", "step_1", "step_2", "step_3", "check"]);
    run.assert_sent_back("check", "plan", 1);
    for node in ["plan", "step_1", "step_2", "step_3", "check"] {
        assert_eq!(run.effort(node), (2, 2), "{node} is done again");
    }
    for branch in ["has_2", "has_3"] {
        assert_eq!(run.effort(branch), (1, 1), "{branch} comes to the same");
    }
    let steps = run.output("plan")["steps"].as_array().unwrap();
    assert_ne!(run.node("plan")["revisions"][0]["output"]["steps"], json!(steps), "another plan");
    for (node, step) in ["step_1", "step_2", "step_3"].iter().zip(steps) {
        assert!(run.node(node)["input"]["prompt"].as_str().unwrap().contains(step.as_str().unwrap()));
    }
}

#[test]
fn review_with_escalation() {
    let escalated = run("review");
    escalated.assert_sent_back("review", "reply", 1);
    assert_eq!(escalated.effort("reply"), (2, 2));
    assert_eq!(escalated.all("agent_failed"), ["review"], "rejected for good");
    assert_eq!(escalated.skipped(), ["send"]);
    assert!(escalated.outputs["person"]["text"].as_str().unwrap().contains("(rejected twice)"));
    let sent = run_with(&Place::new(), "review", json!({"message": "Thank you, it arrived on Friday."}));
    sent.assert_sent_back("review", "reply", 0);
    assert_eq!((sent.effort("reply"), sent.skipped()), ((1, 1), vec!["person"]));
    assert_eq!(sent.outputs["send"], *sent.output("reply"));
}

#[test]
fn memory_and_retrieval() {
    for (question, page) in [
        ("When does the café open?", "hours"),
        ("Is the garden closed in winter?", "garden"),
        ("What does a library card cost for children?", "cards"),
    ] {
        let run = run_with(&Place::new(), "rag", json!({ "question": question }));
        run.assert_at_once(&["hours", "garden", "cards"]);
        let input = &run.node("answer")["input"];
        let found = input["memory"].as_array().unwrap();
        assert_eq!(found.len(), 2, "the two nearest of three");
        assert_eq!(found[0]["metadata"]["page"], page, "{question}: {found:#?}");
        assert!(input["prompt"].as_str().unwrap().starts_with(&format!("[{page}] ")));
        for store in ["hours", "garden", "cards"] {
            run.assert_in_a_row(&[store, "answer"]);
        }
    }
}

/// A shop that knows one order, `A-1111`; whoever asks for another gets 404.
fn shop() -> SocketAddr {
    fn answer(stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(&stream).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        for line in lines {
            if line?.is_empty() {
                break;
            }
        }
        let (status, body) = if request.starts_with("GET /orders/A-1111 ") {
            ("200 OK", r#"{"status": "on its way", "carrier": "bicycle"}"#)
        } else {
            ("404 Not Found", r#"{"error": "no such order"}"#)
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close");
        write!(&stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream);
        }
    });
    address
}

fn with_shop(mut place: Place, shop: SocketAddr) -> (Place, Value) {
    place.settings.push(("NEXUS_EGRESS_ALLOW".into(), shop.to_string()));
    (place, json!({ "shop": format!("http://{shop}") }))
}

#[test]
fn tool_use() {
    let (place, inputs) = with_shop(Place::new(), shop());
    let run = run_with(&place, "tool-use", inputs);
    assert_eq!(run.execution["agent_executions"].as_array().unwrap().len(), 1, "tools are no steps");
    let attempt = &run.node("support")["attempts"][0];
    let calls = attempt["tool_calls"].as_array().unwrap();
    let tools: Vec<_> = calls.iter().map(|call| call["tool"].as_str().unwrap()).collect();
    assert_eq!(tools, ["order_status", "return_policy"], "both in one round");
    assert_eq!(calls[0]["args"], json!({"order_id": "A-1111"}));
    assert_eq!(calls[0]["output"]["status"], 200);
    assert_eq!(calls[0]["output"]["body"]["carrier"], "bicycle");
    assert_eq!(calls[1]["output"]["text"], "Goods can be returned within 30 days.");
    let answer = run.outputs["support"]["text"].as_str().unwrap();
    assert!(answer.contains("bicycle") && answer.contains("within 30 days"), "{answer}");
}

#[test]
fn tool_use_where_the_tool_may_not_go() {
    let shop = json!({ "shop": format!("http://{}", shop()) });
    let run = run_with(&Place::new(), "tool-use", shop);
    let calls = run.node("support")["attempts"][0]["tool_calls"].as_array().unwrap();
    assert!(calls[0]["output"].is_null() && calls[0]["error"].is_string(), "{}", calls[0]);
    let answer = run.outputs["support"]["text"].as_str().unwrap();
    assert!(answer.contains("error: ") && answer.contains("within 30 days"), "the model is told: {answer}");
}

/// As many uses of a tool as the model wants, in as many rounds: what WCP-15 comes to for tools.
#[tokio::test(flavor = "multi_thread")]
async fn tool_use_in_rounds_that_a_model_decides() {
    let provider = FakeProvider::start().await.unwrap();
    let order = |id: &str| json!({ "order_id": id });
    let first = Reply::tool_call("order_status", order("A-1111"))
        .and_tool_call("order_status", order("A-2222"))
        .and_tool_call("order_status", order("B-1"));
    provider.script(Matcher::any(), first);
    provider.script(Matcher::any(), Reply::tool_call("order_status", order("A-1111")));
    provider.script(Matcher::any(), Reply::text("It comes by bicycle."));
    let place = Place { settings: provider_settings(&provider), ..Place::new() };
    let (place, changed) = with_shop(place, shop());
    let mut document = read(&pattern("tool-use"));
    document["graph"]["nodes"][0]["config"]["model"] = json!("openai/gpt-5.6-luna");
    let mut inputs = inputs_for(&document);
    inputs["shop"] = changed["shop"].clone();
    let run = blocking(move || run_document(&place, &document, &inputs)).await;
    assert_eq!(run.outputs["support"]["text"], "It comes by bicycle.");
    let calls = run.node("support")["attempts"][0]["tool_calls"].as_array().unwrap();
    let errors: Vec<_> = calls.iter().map(|call| call["error"].as_str().unwrap_or_default()).collect();
    assert_eq!(errors.len(), 4);
    assert!(errors[0].is_empty() && errors[3].is_empty(), "{errors:?}");
    assert!(errors[1].contains("404"), "{errors:?}");
    assert!(errors[2].contains("schema"), "nobody is asked for an order that cannot be: {errors:?}");
    assert_eq!(provider.count(), 3, "one question for each round, and the answer");
}
