//! A server as outsiders see it: health, reflection, keys, its end, and what it does with requests that other
//! clients than ours would send.

use crate::{
    authorisation::Keys,
    fakes::{Fake, Mood},
    samples,
};
use futures::StreamExt;
use nexus_api::{
    CallCtx, Code, Executor, Llm, Memory, Planner, Scraper, executor::StartExecution, planner::Target,
};
use nexus_rpc::{
    client::{self, ClientOptions},
    server::{Health, ServerOptions, Services, serve},
};
use serde_json::json;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// A server on a port of its own.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) url: String,
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn new(services: Services, options: ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, services, options)
    }

    pub(crate) fn on(listener: TcpListener, services: Services, options: ServerOptions) -> Self {
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(serve(listener, services, options, async {
            let _ = stopped.await;
        }));
        Self { addr, url: format!("http://{addr}"), stop: Some(stop), done }
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub(crate) async fn stopped(self) {
        self.done.await.unwrap().unwrap();
    }

    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(self.url.clone()).unwrap().connect().await.unwrap()
    }
}

pub(crate) fn all(fake: &Arc<Fake>) -> Services {
    let planner: Arc<dyn Planner> = fake.clone();
    let executor: Arc<dyn Executor> = fake.clone();
    let llm: Arc<dyn Llm> = fake.clone();
    let memory: Arc<dyn Memory> = fake.clone();
    let scraper: Arc<dyn Scraper> = fake.clone();
    Services::new().planner(planner).executor(executor).llm(llm).memory(memory).scraper(scraper)
}

async fn health(channel: &Channel, service: &str) -> Result<ServingStatus, tonic::Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let response = HealthClient::new(channel.clone()).check(request).await.map_err(|status| status.code())?;
    Ok(response.into_inner().status())
}

#[tokio::test]
async fn health_is_told_per_service_and_for_the_whole() {
    let health_handle = Health::new();
    health_handle.set("nexus.llm.v1.LlmService", false).await;
    let options = ServerOptions { health: health_handle.clone(), ..ServerOptions::default() };
    let server = Served::new(all(&Fake::new(Mood::Good)), options).await;
    let channel = server.channel().await;
    assert_eq!(health(&channel, "").await, Ok(ServingStatus::Serving));
    assert_eq!(health(&channel, "nexus.planner.v1.PlannerService").await, Ok(ServingStatus::Serving));
    assert_eq!(health(&channel, "nexus.llm.v1.LlmService").await, Ok(ServingStatus::NotServing));
    assert_eq!(health(&channel, "nobody").await, Err(tonic::Code::NotFound));
    health_handle.set("", false).await;
    assert_eq!(health(&channel, "").await, Ok(ServingStatus::NotServing));
}

macro_rules! reflected {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let ask = async |what: MessageRequest| {
            let request = ServerReflectionRequest { host: String::new(), message_request: Some(what) };
            let mut client = ServerReflectionClient::new($channel);
            let mut answers =
                client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
            answers.next().await.unwrap().unwrap().message_response.unwrap()
        };
        let MessageResponse::FileDescriptorResponse(files) =
            ask(MessageRequest::FileContainingSymbol("nexus.executor.v1.ExecutorService".into())).await
        else {
            panic!("no file")
        };
        assert!(!files.file_descriptor_proto.is_empty());
        let MessageResponse::ListServicesResponse(list) =
            ask(MessageRequest::ListServices(String::new())).await
        else {
            panic!("no list")
        };
        let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
        names.sort();
        names
    }};
}

#[tokio::test]
async fn reflection_lists_what_is_offered_in_both_versions() {
    let fake = Fake::new(Mood::Good);
    let server = Served::new(all(&fake), ServerOptions::default()).await;
    let besides = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ];
    let mut expected = besides.map(str::to_owned).to_vec();
    expected
        .extend(["executor.v1.Executor", "llm.v1.Llm", "memory.v1.Memory", "planner.v1.Planner"].map(full));
    expected.push(full("scraper.v1.Scraper"));
    assert_eq!(reflected!(v1, server.channel().await), expected);
    assert_eq!(reflected!(v1alpha, server.channel().await), expected);

    let planner: Arc<dyn Planner> = fake;
    let alone = Served::new(Services::new().planner(planner), ServerOptions::default()).await;
    let mut expected = besides.map(str::to_owned).to_vec();
    expected.push(full("planner.v1.Planner"));
    assert_eq!(reflected!(v1, alone.channel().await), expected);
}

fn full(name: &str) -> String {
    format!("nexus.{name}Service")
}

#[tokio::test]
async fn keys_are_asked_for_everywhere_but_at_health() {
    let fake = Fake::new(Mood::Good);
    let options = ServerOptions { authenticate: Some(Arc::new(Keys)), ..ServerOptions::default() };
    let server = Served::new(all(&fake), options).await;
    let channel = server.channel().await;
    assert_eq!(health(&channel, "").await, Ok(ServingStatus::Serving));

    let claimed = CallCtx { principal: Some("alice".into()), ..CallCtx::background() };
    let with = |key: Option<&str>| {
        let options = ClientOptions { api_key: key.map(Into::into), ..ClientOptions::default() };
        client::planner(&server.url, &options).unwrap()
    };
    for key in [None, Some("wrong"), Some("")] {
        let error = with(key).get_workflow(&claimed, samples::workflow_id(), None).await.unwrap_err();
        assert_eq!(error.code, Code::Unauthenticated, "{key:?}");
    }
    assert!(fake.asked().is_empty());
    with(Some("right")).get_workflow(&claimed, samples::workflow_id(), None).await.unwrap();
    assert_eq!(fake.context().principal.as_deref(), Some("ci"));
    with(Some("mesh")).get_workflow(&claimed, samples::workflow_id(), None).await.unwrap();
    assert_eq!(fake.context().principal.as_deref(), Some("alice"));
}

#[tokio::test]
async fn an_ending_server_tells_watchers_and_finishes_what_is_paid_for() {
    let fake = Fake::new(Mood::Stuck);
    let mut server = Served::new(all(&fake), ServerOptions::default()).await;
    let options = ClientOptions { resume_for: Duration::ZERO, ..ClientOptions::default() };
    let ctx = CallCtx::background();
    let executor = client::executor(&server.url, &options).unwrap();
    let mut watched = executor.watch_execution(&ctx, samples::execution_id(), 0).await.unwrap();
    watched.next().await.unwrap().unwrap();
    let llm = client::llm(&server.url, &options).unwrap();
    let mut answer = llm.stream_complete(&ctx, samples::complete_request()).await.unwrap();
    answer.next().await.unwrap().unwrap();
    // Whoever watches the health must not hold up the end either.
    let request = HealthCheckRequest { service: String::new() };
    let mut probe = HealthClient::new(server.channel().await).watch(request).await.unwrap().into_inner();
    assert_eq!(probe.next().await.unwrap().unwrap().status(), ServingStatus::Serving);

    server.stop();
    let error = watched.next().await.unwrap().unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Unavailable, Some("stopping")));
    assert_eq!(probe.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(probe.next().await.is_none());
    fake.alive(1).await;
    drop(answer);
    server.stopped().await;
}

#[tokio::test]
async fn patience_with_calls_in_flight_ends() {
    let fake = Fake::new(Mood::Hanging);
    let options = ServerOptions { drain: Duration::from_millis(50), ..ServerOptions::default() };
    let mut server = Served::new(all(&fake), options).await;
    let llm = client::llm(&server.url, &ClientOptions::default()).unwrap();
    let call = tokio::spawn(async move { llm.list_models(&CallCtx::background()).await });
    fake.alive(1).await;
    server.stop();
    server.stopped().await;
    call.abort();
}

#[tokio::test]
async fn more_calls_than_allowed_are_refused() {
    let fake = Fake::new(Mood::Hanging);
    let options = ServerOptions { max_concurrent_calls: 1, ..ServerOptions::default() };
    let server = Served::new(all(&fake), options).await;
    let llm = client::llm(&server.url, &ClientOptions::default()).unwrap();
    let ctx = CallCtx::background();
    let error = tokio::select! {
        biased;
        _ = llm.list_models(&ctx) => unreachable!("it hangs"),
        error = async {
            fake.alive(1).await;
            llm.list_models(&ctx).await.unwrap_err()
        } => error,
    };
    assert_eq!(error.code, Code::RateLimited);
    assert!(error.retry_after.is_some());
    fake.alive(0).await;
    fake.set(Mood::Good);
    llm.list_models(&ctx).await.unwrap();
}

#[tokio::test]
async fn documents_and_inputs_have_a_largest_size_for_outsiders() {
    let fake = Fake::new(Mood::Good);
    let keyed = ServerOptions { authenticate: Some(Arc::new(Keys)), ..ServerOptions::default() };
    let keyed = Served::new(all(&fake), keyed).await;
    let open = Served::new(all(&fake), ServerOptions::default()).await;
    let ctx = CallCtx::background();
    // Together with the names and quotes around it, a text of this length makes exactly 1 MiB.
    let fits = (1 << 20) - r#"{"a":""}"#.len();
    let json = |length| json!({"a": "x".repeat(length)});
    let start = |inputs| StartExecution {
        workflow_id: samples::workflow_id(),
        version: None,
        inputs,
        budget: None,
        idempotency_key: None,
    };
    for (server, key, limited) in [(&keyed, "right", true), (&keyed, "mesh", false), (&open, "", true)] {
        let options = ClientOptions { api_key: Some(key.into()), ..ClientOptions::default() };
        let planner = client::planner(&server.url, &options).unwrap();
        let executor = client::executor(&server.url, &options).unwrap();
        for length in [fits, fits + 1, 8 << 20] {
            let (id, document) = (samples::workflow_id(), || Target::Document(json(length)));
            let stored = Target::Workflow { id, version: None };
            let answers = [
                planner.create_workflow(&ctx, json(length), false).await.err(),
                planner.update_workflow(&ctx, id, 1, json(length), false).await.err(),
                planner.validate(&ctx, json(length)).await.err(),
                planner.plan(&ctx, document()).await.err(),
                planner.estimate(&ctx, document(), json!({}), None).await.err(),
                planner.estimate(&ctx, stored, json(length), None).await.err(),
                executor.start_execution(&ctx, start(json(length))).await.err(),
            ];
            for (ix, answer) in answers.into_iter().enumerate() {
                if limited && length > fits {
                    let error = answer.unwrap();
                    assert_eq!((error.code, error.details.len()), (Code::TooLarge, 1), "{key} {length} {ix}");
                    assert!(error.message.contains("1048576"), "{error}");
                } else {
                    assert!(answer.is_none(), "{key} {length} {ix}: {answer:?}");
                }
            }
        }
    }
}
