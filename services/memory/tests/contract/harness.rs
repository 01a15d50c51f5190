//! Places for entries, an llm gateway that makes vectors without a provider, and memory over both. Not here: cases.

use async_trait::async_trait;
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Llm, Memory, Result,
    llm::{CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem},
    memory::{RecallRequest, Scope, StoreRequest},
    planner::PageRequest,
};
use nexus_memory::{Deps, MemoryService, QdrantStore};
use nexus_model::{
    ExecutionId, Money,
    price::{Mode, PriceBook, Usage},
};
use nexus_store::{MemoryStore, postgres::PostgresStore, sqlite::SqliteStore};
use nexus_testkit::{postgres, qdrant};
use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// An embedding model that has a price: 20,000 pico-dollars a token.
pub(crate) const PRICED: &str = "openai/text-embedding-3-small";
/// Its price.
pub(crate) const RATE: Money = Money::from_picos(20_000);

/// Makes vectors out of the built-in ones, of whatever length it is told, one token a byte.
#[derive(Debug)]
pub(crate) struct FakeLlm {
    pub(crate) configured: AtomicBool,
    pub(crate) dimensions: AtomicUsize,
    pub(crate) failing: Mutex<Option<Error>>,
    /// The texts of every call.
    pub(crate) asked: Mutex<Vec<Vec<String>>>,
}

impl FakeLlm {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            configured: AtomicBool::new(true),
            dimensions: AtomicUsize::new(64),
            failing: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    pub(crate) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn check(&self) -> Result<()> {
        self.failing.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Llm for FakeLlm {
    async fn complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<Completion> {
        Err(Error::unimplemented("completion"))
    }
    async fn stream_complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<BoxStream<StreamItem>> {
        Err(Error::unimplemented("completion"))
    }
    async fn embed(&self, _: &CallCtx, request: EmbedRequest) -> Result<Embedded> {
        self.asked.lock().unwrap().push(request.texts.clone());
        self.check()?;
        let length = self.dimensions.load(Ordering::SeqCst);
        // Of a length that is not 1: memory must not rely on it.
        let fold = |text: &String| {
            let mut vector = vec![0.0; length];
            for (ix, value) in nexus_embed::embed(text).into_iter().enumerate() {
                if length > 0 {
                    vector[ix % length] += value * 3.0;
                }
            }
            vector
        };
        let tokens = request.texts.iter().map(|text| text.len() as u64).sum();
        Ok(Embedded {
            vectors: request.texts.iter().map(fold).collect(),
            usage: Usage { input: tokens, ..Usage::default() },
            cost: if request.model == PRICED { RATE.times(tokens) } else { Money::ZERO },
        })
    }
    async fn count_tokens(&self, _: &CallCtx, _: String, _: Vec<Message>) -> Result<u64> {
        Err(Error::unimplemented("counting"))
    }
    async fn list_models(&self, _: &CallCtx) -> Result<Vec<ModelInfo>> {
        self.check()?;
        Ok(vec![ModelInfo {
            id: PRICED.to_owned(),
            provider: "openai".to_owned(),
            mode: Mode::Embedding,
            configured: self.configured.load(Ordering::SeqCst),
            input_usd_per_mtok: Some(0.02),
            cached_input_usd_per_mtok: None,
            output_usd_per_mtok: None,
            context_window: Some(8_191),
            max_output_tokens: None,
            capabilities: Vec::new(),
            deprecation_date: None,
        }])
    }
}

/// What a place needs to live on.
enum Holding {
    Folder(tempfile::TempDir),
    Double(qdrant::Server),
    Nothing,
}

/// A place for entries, empty, of a case's own; and an llm gateway.
pub(crate) struct World {
    pub(crate) store: Arc<dyn MemoryStore>,
    pub(crate) llm: Arc<FakeLlm>,
    wire: Wire,
    holding: Holding,
}

/// How memory is reached.
#[derive(Clone, Copy)]
enum Wire {
    Direct,
    InProcess,
    Tcp,
}

/// The database server that all tests of this process share. It ends with the process.
fn server() -> &'static postgres::Server {
    static SERVER: OnceLock<postgres::Server> = OnceLock::new();
    SERVER.get_or_init(|| postgres::Server::start_without_fsync().unwrap())
}

impl World {
    fn over(store: Arc<dyn MemoryStore>, holding: Holding) -> Self {
        Self { store, llm: FakeLlm::new(), wire: Wire::Direct, holding }
    }

    pub(crate) async fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("nexus.db")).unwrap();
        Some(Self::over(Arc::new(store), Holding::Folder(folder)))
    }

    pub(crate) async fn in_process() -> Option<Self> {
        Some(Self { wire: Wire::InProcess, ..Self::sqlite().await? })
    }

    pub(crate) async fn tcp() -> Option<Self> {
        Some(Self { wire: Wire::Tcp, ..Self::sqlite().await? })
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let store = PostgresStore::connect(&server().create_database().unwrap()).await.unwrap();
        store.migrate().await.unwrap();
        Some(Self::over(Arc::new(store), Holding::Nothing))
    }

    pub(crate) async fn qdrant() -> Option<Self> {
        let double = qdrant::Server::start().unwrap();
        let store = QdrantStore::new(&double.url(), None).unwrap();
        Some(Self::over(Arc::new(store), Holding::Double(double)))
    }

    /// A real server, if `QDRANT_URL` says where one is; with collections of the case's own, which are left behind.
    pub(crate) async fn real_qdrant() -> Option<Self> {
        let url = std::env::var("QDRANT_URL").ok().filter(|url| !url.is_empty())?;
        let key = std::env::var("QDRANT_API_KEY").ok().map(Into::into);
        let prefix = format!("nexus-test-{}", ExecutionId::generate());
        let store = QdrantStore::new(&url, key.as_ref()).unwrap().named(prefix);
        Some(Self::over(Arc::new(store), Holding::Nothing))
    }

    /// The double, where there is one.
    pub(crate) fn double(&mut self) -> &mut qdrant::Server {
        match &mut self.holding {
            Holding::Double(double) => double,
            Holding::Folder(folder) => panic!("{} is no server", folder.path().display()),
            Holding::Nothing => panic!("no server of ours"),
        }
    }

    /// Memory that uses this model, or whatever is configured.
    pub(crate) fn service(&self, model: Option<&str>) -> MemoryService {
        MemoryService::new(Deps {
            store: self.store.clone(),
            llm: self.llm.clone(),
            prices: PriceBook::builtin(),
            model: model.map(str::to_owned),
        })
    }

    /// The same, the way the case is to reach it.
    pub(crate) async fn memory(&self, model: Option<&str>) -> Arc<dyn Memory> {
        let service = Arc::new(self.service(model));
        match self.wire {
            Wire::Direct => service,
            Wire::InProcess => nexus_rpc::in_process::memory(service).unwrap(),
            Wire::Tcp => {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let url = format!("http://{}", listener.local_addr().unwrap());
                let services = nexus_rpc::server::Services::new().memory(service);
                // Ends with the test's runtime.
                tokio::spawn(nexus_rpc::server::serve(
                    listener,
                    services,
                    Default::default(),
                    std::future::pending(),
                ));
                nexus_rpc::client::memory(&url, &Default::default()).unwrap()
            }
        }
    }
}

pub(crate) fn ctx() -> CallCtx {
    CallCtx::background()
}

pub(crate) fn execution() -> Scope {
    Scope::Execution(ExecutionId::generate())
}

/// Keeps a text without more.
pub(crate) async fn keep(memory: &dyn Memory, scope: Scope, text: &str) -> nexus_model::MemoryId {
    memory.store(&ctx(), StoreRequest::new(scope, text)).await.unwrap().id
}

/// The texts that are found, best first.
pub(crate) async fn recall(memory: &dyn Memory, scope: Scope, query: &str) -> Vec<String> {
    let found = memory.recall(&ctx(), RecallRequest::new(scope, query)).await.unwrap();
    found.entries.into_iter().map(|entry| entry.text).collect()
}

/// All texts of a scope, newest first.
pub(crate) async fn list(memory: &dyn Memory, scope: Scope) -> Vec<String> {
    let page = PageRequest { limit: Some(200), cursor: None };
    memory.list(&ctx(), scope, page).await.unwrap().items.into_iter().map(|entry| entry.text).collect()
}

pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T>) -> Code {
    answer.unwrap_err().code
}
