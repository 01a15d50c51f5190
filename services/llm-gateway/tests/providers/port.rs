//! The rest of the port: models that are not there, embeddings, lists, the demo provider, a bad configuration.

use crate::*;
use nexus_api::{Code, llm::EmbedRequest};
use nexus_llm_gateway::Error;
use nexus_model::{Money, price::Usage};
use nexus_testkit::provider::{Matcher, Reply};

#[tokio::test]
async fn models_that_cannot_be_called_say_why() {
    let (_provider, gateway) = fixture().await;
    let bare = LlmGateway::new(Config::default()).unwrap();
    for (gateway, model, reason, word) in [
        (&gateway, "gpt-4o-mini", "unknown_model", "provider/model"),
        (&gateway, "mistral/large", "unknown_model", "provider/model"),
        (&gateway, "demo/gigantic", "unknown_model", "provider/model"),
        (&gateway, "openai/", "unknown_model", "provider/model"),
        (&gateway, "openai/o3-pro", "provider_bad_request", ""),
        (&gateway, "openai/text-embedding-3-small", "provider_bad_request", ""),
        (&bare, OPENAI, "provider_not_configured", "OPENAI_API_KEY"),
        (&bare, ANTHROPIC, "provider_not_configured", "ANTHROPIC_API_KEY"),
    ] {
        for streamed in [false, true] {
            let error = call(gateway, streamed, ask(model, "hello")).await.unwrap_err();
            assert_eq!((error.reason.as_deref(), error.retryable), (Some(reason), false), "{model}");
            assert!(error.suggestion.unwrap_or_default().contains(word), "{model}");
        }
    }
}

#[tokio::test]
async fn texts_become_vectors_in_their_order() {
    let (provider, gateway) = fixture().await;
    let request = |model: &str, dimensions| EmbedRequest {
        model: model.to_owned(),
        texts: vec!["red apple".to_owned(), "green pear".to_owned(), "red apple".to_owned()],
        dimensions,
    };
    let ctx = CallCtx::background();
    let embedded = gateway.embed(&ctx, request("openai/text-embedding-3-small", None)).await.unwrap();
    assert_eq!(embedded.vectors.iter().map(Vec::len).collect::<Vec<_>>(), [1536; 3]);
    assert!(embedded.vectors[0] == embedded.vectors[2] && embedded.vectors[0] != embedded.vectors[1]);
    // 3 texts of 3 tokens at 0.02
    assert_eq!((embedded.usage.input, embedded.cost), (9, Money::from_picos(180_000)));
    assert_eq!(provider.spent(), embedded.cost);
    let short = gateway.embed(&ctx, request("openai/text-embedding-3-large", Some(8))).await.unwrap();
    assert_eq!(short.vectors[1].len(), 8);
    let built_in = gateway.embed(&ctx, request("local/hashed-ngrams-512", None)).await.unwrap();
    assert_eq!((built_in.vectors[0].len(), built_in.cost), (512, Money::ZERO));
    assert!(built_in.vectors[0] == built_in.vectors[2] && built_in.vectors[0] != built_in.vectors[1]);
    for refused in [request("local/hashed-ngrams-512", Some(8)), request("local/other", None)] {
        gateway.embed(&ctx, refused).await.unwrap_err();
    }
    let error = gateway.embed(&ctx, request(OPENAI, None)).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("provider_bad_request"));
    let error = gateway.embed(&ctx, request("anthropic/unheard-of", None)).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("provider_bad_request"));
}

#[tokio::test]
async fn the_list_says_what_can_be_called() {
    let gateway = LlmGateway::new(Config::default()).unwrap();
    let models = gateway.list_models(&CallCtx::background()).await.unwrap();
    // Three demo models and the built-in embedding.
    assert_eq!(models.iter().filter(|model| model.configured).count(), 4);
    let mini = models.iter().find(|model| model.id == OPENAI).unwrap();
    assert_eq!(
        (mini.input_usd_per_mtok, mini.cached_input_usd_per_mtok, mini.output_usd_per_mtok),
        (Some(0.15), Some(0.075), Some(0.6))
    );
    let (_provider, gateway) = fixture().await;
    assert!(gateway.list_models(&CallCtx::background()).await.unwrap().iter().all(|model| model.configured));
}

#[tokio::test]
async fn the_demo_provider_needs_nothing_and_is_priced() {
    let gateway = LlmGateway::new(Config { demo: DemoPace::NONE, ..Config::default() }).unwrap();
    for model in ["demo/small", "demo/large", "demo/slow"] {
        let whole = call(&gateway, false, ask(model, "Tell me about rivers")).await.unwrap();
        let streamed = call(&gateway, true, ask(model, "Tell me about rivers")).await.unwrap();
        assert_eq!(whole, streamed);
        assert!(whole.text.contains("rivers") && whole.cost > Money::ZERO);
    }
    // 4 for the frame, 5 for the text
    let messages = vec![Message::new(Role::User, "Tell me about rivers")];
    let count = gateway.count_tokens(&CallCtx::background(), "demo/small".to_owned(), messages).await;
    assert_eq!(count.unwrap(), 9);
}

#[tokio::test(start_paused = true)]
async fn the_slow_demo_takes_its_time_but_not_more_than_the_caller() {
    let gateway = LlmGateway::new(Config::default()).unwrap();
    let start = tokio::time::Instant::now();
    stream(&gateway, &CallCtx::background(), ask("demo/slow", "Tell me about rivers")).await.unwrap();
    assert!((2.0..3.5).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    let ctx = CallCtx::background().with_timeout(std::time::Duration::from_millis(500));
    for error in [
        stream(&gateway, &ctx, ask("demo/slow", "Tell me about rivers")).await.unwrap_err(),
        gateway.complete(&ctx, ask("demo/slow", "Tell me about rivers")).await.unwrap_err(),
    ] {
        assert_eq!((error.code, error.reason.as_deref()), (Code::DeadlineExceeded, Some("provider_timeout")));
    }
}

#[tokio::test]
async fn calls_are_counted_by_provider_and_model() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let (provider, gateway) = fixture().await;
    let _guard = metrics::set_default_local_recorder(&recorder);
    let usage = Usage { input: 1000, output: 500, ..Usage::default() };
    for streamed in [false, true] {
        provider.script(Matcher::any(), Reply::text("x").usage(usage));
        call(&gateway, streamed, ask(OPENAI, "hello")).await.unwrap();
    }
    provider.script(Matcher::any(), Reply::error(429, "rate_limit_error", "no"));
    call(&gateway, true, ask(OPENAI, "hello")).await.unwrap_err();
    call(&gateway, true, ask("openai/never-heard-of", "hello")).await.unwrap();
    // Nobody listens to the end; it is counted all the same.
    drop(gateway.stream_complete(&CallCtx::background(), ask(ANTHROPIC, "hello")).await.unwrap());
    let line = r#"nexus_llm_calls_total{provider="anthropic",model="claude-haiku-4-5",operation="chat",outcome="ok"} 1"#;
    while !recorder.handle().render().contains(line) {
        tokio::task::yield_now().await;
    }
    let text = recorder.handle().render();
    for line in [
        r#"nexus_llm_calls_total{provider="openai",model="gpt-4o-mini",operation="chat",outcome="ok"} 2"#,
        r#"nexus_llm_calls_total{provider="openai",model="gpt-4o-mini",operation="chat",outcome="provider_rate_limited"} 1"#,
        r#"nexus_llm_calls_total{provider="openai",model="other",operation="chat",outcome="ok"} 1"#,
        r#"nexus_llm_tokens_total{provider="openai",model="gpt-4o-mini",kind="output"} 1000"#,
        r#"nexus_llm_cost_picodollars_total{provider="openai",model="gpt-4o-mini"} 900000000"#,
        r#"nexus_llm_call_seconds_count{provider="openai",model="gpt-4o-mini"} 3"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_at_start() {
    let with = |base_url: &str, key: &str| {
        let endpoint = Endpoint { base_url: Some(base_url.to_owned()), api_key: key.into() };
        LlmGateway::new(Config { anthropic: Some(endpoint), ..Config::default() }).map(drop)
    };
    for url in ["localhost:1234", "ftp://x", "not a url", "http://x/?a=b"] {
        let error = with(url, "k").unwrap_err();
        assert_eq!(error.to_string(), "ANTHROPIC_BASE_URL must be a URL like https://api.anthropic.com");
    }
    assert_eq!(with("http://x", "a\nb"), Err(Error::ApiKey { variable: "ANTHROPIC_API_KEY".to_owned() }));
    assert_eq!(with("http://x/", " k \n"), Ok(()));
    assert_eq!(with("", "k"), Ok(()));
}
