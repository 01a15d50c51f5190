//! Every method of every service against every kind of key, and against messages that are none.

use crate::{
    fakes::{Fake, Mood},
    samples,
    serving::{Served, all},
};
use async_trait::async_trait;
use futures::StreamExt;
use nexus_api::{
    CallCtx, Code, Error, Planner, Result, Workspace,
    access::{Authenticator, Identity, Scope, Scopes},
};
use nexus_rpc::{
    DESCRIPTORS,
    client::{self, ClientOptions},
    server::ServerOptions,
};
use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut},
    encoding::{DecodeContext, WireType},
};
use std::sync::Arc;
use tonic::{Request, client::Grpc, transport::Channel};

/// Keys for tests: `right` may do everything, one for each scope has its name, `team-b` is in another workspace, and
/// `mesh` is another process.
pub(crate) struct Keys;

#[async_trait]
impl Authenticator for Keys {
    async fn identify(&self, credential: &str) -> Result<Identity> {
        let restricted = |scopes, workspace: &str| Identity {
            name: credential.to_owned(),
            scopes,
            workspace: Workspace::new(workspace).unwrap(),
            mesh: false,
        };
        match credential {
            "right" => Ok(Identity::unrestricted("ci")),
            "team-b" => Ok(restricted(Scopes::ALL, "team-b")),
            "nothing" => Ok(restricted(Scopes::default(), "default")),
            "mesh" => Ok(Identity { mesh: true, ..Identity::unrestricted(nexus_runtime::keys::MESH) }),
            name => match Scope::parse(name) {
                Some(scope) => Ok(restricted(Scopes::from_iter([scope]), "default")),
                None => Err(Error::new(Code::Unauthenticated, "the API key is not accepted")),
            },
        }
    }
}

/// Bytes in place of a message.
#[derive(Debug, Clone, Default)]
struct Raw(Vec<u8>);

impl Message for Raw {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire_type, tag, buf, ctx)
    }
    fn encoded_len(&self) -> usize {
        self.0.len()
    }
    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Every method of the definitions, as a path.
fn methods() -> Vec<String> {
    let definitions = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    for file in &definitions.file {
        for service in &file.service {
            let paths = service
                .method
                .iter()
                .map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            methods.extend(paths);
        }
    }
    assert!(methods.len() > 30, "{methods:?}");
    for version in ["v1", "v1alpha"] {
        methods.push(format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"));
    }
    methods
}

/// What needs more than reading, written down a second time, on purpose.
fn needed(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap() {
        "CreateWorkflow" | "UpdateWorkflow" | "DeleteWorkflow" | "Store" | "Delete" | "DeleteScope"
        | "CreateJob" | "DeleteExecution" | "DeleteJob" | "RegenerateJob" | "PutSchedule"
        | "DeleteSchedule" => "edit",
        "StartExecution" | "CancelExecution" | "ResumeExecution" | "Complete" | "StreamComplete"
        | "Embed" | "Recall" | "TestJob" | "RunEndpoint" => "run",
        "Reembed" | "RunPython" | "ListSecrets" | "SetSecret" | "DeleteSecret" => "admin",
        name => {
            let harmless =
                ["Get", "List", "Watch", "Validate", "Plan", "Estimate", "CountTokens", "ServerReflection"];
            assert!(
                harmless.iter().any(|start| name.starts_with(start)),
                "{name} changes or spends something"
            );
            "read"
        }
    }
}

async fn call(channel: &Channel, path: &str, authorization: &str, message: Vec<u8>) -> tonic::Code {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let mut request = Request::new(Raw(message));
    if !authorization.is_empty() {
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    }
    let codec = tonic_prost::ProstCodec::<Raw, Raw>::default();
    let answer = grpc.server_streaming(request, path.parse().unwrap(), codec).await;
    match answer {
        Err(status) => status.code(),
        Ok(answer) => match answer.into_inner().next().await {
            Some(Err(status)) => status.code(),
            _ => tonic::Code::Ok,
        },
    }
}

async fn keyed(mood: Mood) -> (Arc<Fake>, Served, Channel) {
    let fake = Fake::new(mood);
    let options = ServerOptions { authenticate: Some(Arc::new(Keys)), ..ServerOptions::default() };
    let server = Served::new(all(&fake), options).await;
    let channel = server.channel().await;
    (fake, server, channel)
}

#[tokio::test]
async fn every_method_is_refused_without_a_key_and_with_a_weaker_one() {
    let (fake, _server, channel) = keyed(Mood::Good).await;
    for path in methods() {
        for wrong in ["", "Bearer wrong", "Basic right", "right", "Bearer"] {
            let code = call(&channel, &path, wrong, Vec::new()).await;
            assert_eq!(code, tonic::Code::Unauthenticated, "{path} with {wrong:?}");
        }
        let needed = needed(&path);
        let enough: &[&str] = match needed {
            "read" => &["read", "run", "edit", "admin"],
            "run" => &["run", "admin"],
            "edit" => &["edit", "admin"],
            _ => &["admin"],
        };
        let asked = fake.asked().len();
        for key in ["nothing", "read", "run", "edit", "admin"].into_iter().filter(|key| !enough.contains(key))
        {
            let code = call(&channel, &path, &format!("Bearer {key}"), Vec::new()).await;
            assert_eq!(code, tonic::Code::PermissionDenied, "{path} with {key}");
        }
        assert_eq!(fake.asked().len(), asked, "{path} was done although it was refused");
        for key in enough.iter().chain(&["right", "mesh"]) {
            let code = call(&channel, &path, &format!("Bearer {key}"), Vec::new()).await;
            let refused = [tonic::Code::PermissionDenied, tonic::Code::Unauthenticated].contains(&code);
            assert!(!refused, "{path} with {key}: {code:?}");
        }
    }
}

#[tokio::test]
async fn methods_that_are_not_there_are_told_to_those_only_who_have_a_key() {
    let (_fake, _server, channel) = keyed(Mood::Good).await;
    for path in ["/nexus.planner.v1.PlannerService/DropEverything", "/nexus.x.v1.X/Y"] {
        assert_eq!(call(&channel, path, "", Vec::new()).await, tonic::Code::Unauthenticated);
        assert_eq!(call(&channel, path, "Bearer right", Vec::new()).await, tonic::Code::Unimplemented);
    }
}

#[tokio::test]
async fn the_workspace_is_the_keys_and_only_the_mesh_says_another() {
    let (fake, server, _channel) = keyed(Mood::Good).await;
    let claimed = CallCtx::background().on_behalf(Some("alice".to_owned()), "team-a".parse().unwrap());
    for (key, principal, workspace) in
        [("right", "ci", "default"), ("team-b", "team-b", "team-b"), ("mesh", "alice", "team-a")]
    {
        let options = ClientOptions { api_key: Some(key.into()), ..ClientOptions::default() };
        let planner: Arc<dyn Planner> = client::planner(&server.url, &options).unwrap();
        planner.get_workflow(&claimed, samples::workflow_id(), None).await.unwrap();
        let arrived = fake.context();
        assert_eq!((arrived.principal.as_deref(), arrived.workspace.as_str()), (Some(principal), workspace));
    }
}

/// Bytes from a seed: the same ones each time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn messages_that_are_none_are_the_callers_fault_and_do_no_harm() {
    let (_fake, _server, channel) = keyed(Mood::Good).await;
    // What reflection makes of noise is its library's business.
    for path in methods().into_iter().filter(|path| path.starts_with("/nexus.")) {
        for seed in 0..40_u64 {
            // Noise alone is seldom even a field: half of it gets a plausible beginning, some ends too early.
            let mut message = noise(seed + 1, (seed as usize * 7) % 60);
            if seed % 2 == 0 {
                let field = 1 + (seed as u8 / 2) % 12;
                message.splice(0..0, [field << 3 | 2, (seed % 50) as u8]);
            }
            let code = call(&channel, &path, "Bearer right", message.clone()).await;
            let ours = [
                tonic::Code::Internal,
                tonic::Code::Unknown,
                tonic::Code::Unavailable,
                tonic::Code::DataLoss,
            ];
            assert!(!ours.contains(&code), "{path} with {message:?}: {code:?}");
        }
        assert_ne!(
            call(&channel, &path, "Bearer right", Vec::new()).await,
            tonic::Code::Unavailable,
            "{path}"
        );
    }
}
