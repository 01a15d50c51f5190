//! What `python` tools of workflows see.

use crate::support::{World, ctx};
use nexus_api::{Code, Scraper, scraper::RunPython};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn programs_return_values_and_tell_what_went_wrong() {
    let world = World::new().await;
    let run = async |code: &str| {
        let request = RunPython { code: code.into(), inputs: json!({"n": 20}) };
        world.service.run_python(&ctx(), request).await
    };
    assert_eq!(
        run("def run(inputs): return {'double': inputs['n'] * 2}").await.unwrap(),
        json!({"double": 40})
    );
    let error = run("def run(inputs):\n    return inputs['missing']").await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Invalid, Some("python_exception")));
    assert!(error.message.contains("KeyError") && error.message.contains("line 2"), "{}", error.message);
    let error = run("import requests\ndef run(inputs): return requests.get('http://example.com/').text")
        .await
        .unwrap_err();
    assert!(error.suggestion.as_ref().unwrap().contains("without network"), "{error:?}");
    let error = run("def run(inputs): return bytearray(2 << 30) and 1").await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::TooLarge, Some("python_memory")));
    world.service.shutdown().await;
    let error = run("def run(inputs): return 1").await.unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
}
