//! What clients that are not ours get to see: the wire itself, with messages written down here a second time, as
//! somebody with nothing but `proto/` would. Over TCP.

use crate::{
    fakes::{Fake, Mood},
    samples,
    serving::{Served, all},
};
use futures::StreamExt;
use nexus_api::{
    Code, Error,
    memory::{RecallRequest as Recall, Scope},
};
use nexus_rpc::server::ServerOptions;
use prost::Message as _;
use std::{error::Error as _, sync::Arc, time::Duration};
use tonic::{Request, Status, client::Grpc, transport::Channel};
use tonic_types::StatusExt;

/// A message with one text in it, which goes for many requests here.
#[derive(Clone, PartialEq, prost::Message)]
struct One {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PlanRequest {
    #[prost(message, optional, tag = "1")]
    document: Option<prost_types::Struct>,
    #[prost(string, optional, tag = "2")]
    workflow_id: Option<String>,
    #[prost(uint32, optional, tag = "3")]
    version: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CompleteRequest {
    #[prost(string, tag = "1")]
    model: String,
    #[prost(message, repeated, tag = "2")]
    messages: Vec<Message>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(string, tag = "1")]
    role: String,
    #[prost(string, tag = "2")]
    content: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RecallRequest {
    #[prost(string, tag = "1")]
    scope: String,
    #[prost(string, optional, tag = "2")]
    execution_id: Option<String>,
    #[prost(string, optional, tag = "3")]
    workflow_id: Option<String>,
    #[prost(string, tag = "4")]
    query: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Watched {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(string, tag = "3")]
    kind: String,
    /// A `google.protobuf.Struct`, left alone: prost's own stops at 33 levels, and the sample is deeper.
    #[prost(bytes, tag = "5")]
    data: Vec<u8>,
}

struct Foreign {
    fake: Arc<Fake>,
    channel: Channel,
    _server: Served,
}

impl Foreign {
    async fn new(mood: Mood) -> Self {
        let fake = Fake::new(mood);
        let server = Served::new(all(&fake), ServerOptions::default()).await;
        Self { fake, channel: server.channel().await, _server: server }
    }

    async fn ask<A: prost::Message + Default + 'static>(
        &self,
        method: &'static str,
        request: Request<impl prost::Message + 'static>,
    ) -> Result<A, Status> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::default();
        client
            .unary(request, http::uri::PathAndQuery::from_static(method), codec)
            .await
            .map(|it| it.into_inner())
    }

    async fn refused(&self, method: &'static str, message: impl prost::Message + 'static) -> Status {
        self.ask::<()>(method, Request::new(message)).await.unwrap_err()
    }
}

/// Code of the status, name of our code, first place that is wrong.
fn reasons(status: &Status) -> (tonic::Code, String, String) {
    let details = status.check_error_details().unwrap();
    let info = details.error_info().unwrap();
    assert_eq!(info.domain, "nexus");
    assert!(details.request_info().is_some());
    let field =
        details.bad_request().and_then(|bad| bad.field_violations.first().map(|first| first.field.clone()));
    (status.code(), info.reason.clone(), field.unwrap_or_default())
}

const GET_WORKFLOW: &str = "/nexus.planner.v1.PlannerService/GetWorkflow";
const UPDATE_WORKFLOW: &str = "/nexus.planner.v1.PlannerService/UpdateWorkflow";
const PLAN: &str = "/nexus.planner.v1.PlannerService/Plan";
const COMPLETE: &str = "/nexus.llm.v1.LlmService/Complete";
const RECALL: &str = "/nexus.memory.v1.MemoryService/Recall";
const WATCH: &str = "/nexus.executor.v1.ExecutorService/WatchExecution";

#[tokio::test]
async fn wrong_requests_are_told_what_is_wrong_and_where() {
    use tonic::Code::{FailedPrecondition, InvalidArgument};
    let it = Foreign::new(Mood::Good).await;
    let expect = |status: Status, code, name: &str, field: &str| {
        assert_eq!(reasons(&status), (code, name.to_owned(), field.to_owned()), "{status:?}");
    };
    let malformed = |status, field| expect(status, InvalidArgument, "MALFORMED", field);
    let invalid = |status, field| expect(status, InvalidArgument, "INVALID", field);
    let id = samples::workflow_id().to_string();

    malformed(it.refused(GET_WORKFLOW, One { text: String::new() }).await, "/workflow_id");
    malformed(it.refused(GET_WORKFLOW, One { text: "42".into() }).await, "/workflow_id");
    let status = it.refused(UPDATE_WORKFLOW, One { text: id.clone() }).await;
    expect(status, FailedPrecondition, "PRECONDITION_REQUIRED", "/expected_version");

    let document = Some(prost_types::Struct::default());
    malformed(it.refused(PLAN, PlanRequest::default()).await, "/document");
    let both = PlanRequest { document: document.clone(), workflow_id: Some(id.clone()), version: None };
    invalid(it.refused(PLAN, both).await, "/workflow_id");
    invalid(
        it.refused(PLAN, PlanRequest { document, workflow_id: None, version: Some(1) }).await,
        "/version",
    );
    let infinite = prost_types::Value::from(f64::INFINITY);
    let fields = [("a".to_owned(), prost_types::Value::from(vec![infinite]))].into();
    let document = Some(prost_types::Struct { fields });
    malformed(it.refused(PLAN, PlanRequest { document, ..Default::default() }).await, "/document/a/0");

    let message = |role: &str| Message { role: role.into(), content: "hi".into() };
    let request = |model: &str, messages| CompleteRequest { model: model.into(), messages };
    malformed(it.refused(COMPLETE, request("", vec![message("user")])).await, "/model");
    malformed(it.refused(COMPLETE, request("demo/small", vec![])).await, "/messages");
    let status = it.refused(COMPLETE, request("demo/small", vec![message("user"), message("wizard")])).await;
    assert!(status.message().contains("assistant"), "{status:?}");
    invalid(status, "/messages/1/role");

    let recall = |scope: &str, execution: Option<&str>, workflow: Option<&str>| RecallRequest {
        scope: scope.into(),
        execution_id: execution.map(Into::into),
        workflow_id: workflow.map(Into::into),
        query: "q".into(),
    };
    invalid(it.refused(RECALL, recall("galaxy", None, None)).await, "/scope");
    invalid(it.refused(RECALL, recall("", Some(&id), Some(&id))).await, "/scope");
    malformed(it.refused(RECALL, recall("workflow", Some(&id), None)).await, "/workflow_id");
    assert!(it.fake.asked().is_empty(), "{:?}", it.fake.asked());

    // What may be left out may be left out.
    it.ask::<()>(RECALL, Request::new(recall("", None, Some(&id)))).await.unwrap();
    it.ask::<()>(RECALL, Request::new(recall("", None, None))).await.unwrap();
    let expected =
        [Scope::Workflow(samples::workflow_id()), Scope::Global].map(|scope| Recall::new(scope, "q"));
    assert_eq!(it.fake.asked(), expected.map(|request| format!("recall ({request:?},)")));
}

#[tokio::test]
async fn what_is_not_offered_is_unimplemented() {
    let it = Foreign::new(Mood::Good).await;
    for method in ["/nexus.planner.v1.PlannerService/Nonsense", "/nexus.nobody.v1.NobodyService/Plan"] {
        assert_eq!(it.refused(method, One::default()).await.code(), tonic::Code::Unimplemented, "{method}");
    }
}

#[tokio::test]
async fn errors_fit_into_the_headers_of_any_client() {
    let mut error = Error::new(Code::Invalid, "the document has problems");
    for ix in 0..500 {
        error = error.detail(format!("/graph/nodes/{ix}/config/prompt"), "a template that does not end");
    }
    let it = Foreign::new(Mood::Failing(error)).await;
    let status = it.refused(GET_WORKFLOW, One { text: samples::workflow_id().to_string() }).await;
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert!(violations.len() > 20, "{}", violations.len());
    assert!(violations.last().unwrap().description.starts_with("and "), "{violations:?}");
    assert!(status.details().len() * 4 / 3 < 6 << 10);
}

#[tokio::test]
async fn events_are_structs_and_pieces_have_no_number() {
    let it = Foreign::new(Mood::Good).await;
    let mut client = Grpc::new(it.channel.clone());
    client.ready().await.unwrap();
    let request = Request::new(One { text: samples::execution_id().to_string() });
    let codec = tonic_prost::ProstCodec::<One, Watched>::default();
    let path = http::uri::PathAndQuery::from_static(WATCH);
    let items = client.server_streaming(request, path, codec).await.unwrap().into_inner();
    let items: Vec<Watched> = items.map(Result::unwrap).collect().await;
    let seen: Vec<_> = items.iter().map(|item| (item.seq, item.kind.as_str())).collect();
    assert_eq!(seen, [(1, "agent_completed"), (0, "agent_output_delta"), (2, "execution_completed")]);
    let data = prost_types::Struct::decode(items[1].data.as_slice()).unwrap();
    assert_eq!(data.fields["text"], prost_types::Value::from("piece ".to_owned()));
}

#[tokio::test]
async fn grpc_timeout_ends_calls_and_streams() {
    let it = Foreign::new(Mood::Hanging).await;
    let mut request = Request::new(One { text: samples::workflow_id().to_string() });
    request.set_timeout(Duration::from_millis(80));
    let status = it.ask::<()>(GET_WORKFLOW, request).await.unwrap_err();
    // The client at hand may be quicker with an answer of its own, which then has a source.
    assert!(status.code() == tonic::Code::DeadlineExceeded || status.source().is_some(), "{status:?}");
    it.fake.alive(0).await;

    it.fake.set(Mood::Stuck);
    let mut client = Grpc::new(it.channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(One { text: samples::execution_id().to_string() });
    request.set_timeout(Duration::from_millis(200));
    let codec = tonic_prost::ProstCodec::<One, Watched>::default();
    let path = http::uri::PathAndQuery::from_static(WATCH);
    let mut items = client.server_streaming(request, path, codec).await.unwrap().into_inner();
    assert_eq!(items.next().await.unwrap().unwrap().seq, 1);
    assert_eq!(items.next().await.unwrap().unwrap_err().code(), tonic::Code::DeadlineExceeded);
    it.fake.alive(0).await;
}
