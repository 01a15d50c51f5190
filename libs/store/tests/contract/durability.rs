//! What survives: processes killed in the middle of writing, a database killed under its writers, a database that is
//! away for a while.

use crate::harness::{Db, LONG, assert_whole, open, owned, step};
use nexus_model::{ExecutionId, Timestamp};
use nexus_store::{Error, ExecutionStore, ListFilter, Store, postgres::PostgresStore};
use nexus_testkit::postgres::Server;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const ADDRESS: &str = "NEXUS_STORE_TEST_ADDRESS";
const WRITERS: usize = 8;

/// Writes steps of one execution until it fails, and reports each acknowledged one.
async fn write_on(store: Arc<dyn Store>, id: ExecutionId, acknowledged: impl Fn(ExecutionId, u64)) -> Error {
    let mut length = 0;
    loop {
        match store.commit(step(id, 1, length, 2, 3)).await {
            Ok(_) => length += 2,
            Err(error) => return error,
        }
        acknowledged(id, length);
    }
}

/// Not a case: the process that `what_a_killed_process_acknowledged_is_there` kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs only as the child of another test"]
async fn child_that_writes_until_it_is_killed() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let store = open(&address).await;
    let writers = (0..WRITERS).map(|_| async {
        let id = owned(&*store, "child", LONG).await;
        write_on(store.clone(), id, |id, length| {
            // One write per line: a line that is torn by the kill is not acknowledged.
            std::io::stdout().write_all(format!("ack {id} {length} .\n").as_bytes()).unwrap();
        })
        .await
    });
    futures::future::join_all(writers).await;
}

pub(crate) async fn what_a_killed_process_acknowledged_is_there(db: &Db) {
    let store = db.store();
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "durability::child_that_writes_until_it_is_killed", "--nocapture"])
            .env(ADDRESS, &db.address)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moment = 20 + (Timestamp::now().micros() % 400) as usize;
        let mut acknowledged: HashMap<ExecutionId, u64> = HashMap::new();
        let mut acks = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let Ok(line) = line else { break };
            let Some((_, ack)) = line.split_once("ack ") else { continue };
            let [id, length, "."] = ack.split(' ').collect::<Vec<_>>()[..] else { continue };
            acknowledged.insert(id.parse().unwrap(), length.parse().unwrap());
            acks += 1;
            // What it still says before it dies is read to the end.
            if acks == moment {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acks >= moment, "the child ended by itself after {acks} acknowledgements");
        // Both the store that was open all the time and a new one see everything.
        for store in [store.clone(), db.another().await] {
            for (id, length) in &acknowledged {
                let loaded = assert_whole(&*store, *id).await;
                assert!(loaded.head.journal_len >= *length, "killed after {moment}: {id} lost something");
                assert_eq!(loaded.head.next_seq, loaded.head.journal_len / 2 * 3 + 1);
            }
        }
    }
}

pub(crate) async fn what_was_accepted_before_closing_is_there(db: &Db) {
    let closing = db.another().await;
    let id = owned(&*closing, "w1", LONG).await;
    for n in 0..10 {
        closing.commit(step(id, 1, n, 1, 1)).await.unwrap();
    }
    drop(closing);
    assert_eq!(assert_whole(&*db.another().await, id).await.head.journal_len, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_postgres_acknowledged_is_there() {
    let mut server = Server::start_without_fsync().unwrap();
    let url = server.create_database().unwrap();
    PostgresStore::connect(&url).await.unwrap().migrate().await.unwrap();
    let store = open(&url).await;
    for _ in 0..3 {
        let acknowledged: Arc<Mutex<HashMap<ExecutionId, u64>>> = Arc::default();
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            let id = owned(&*store, "w1", LONG).await;
            let (store, acknowledged) = (store.clone(), acknowledged.clone());
            writers.push(tokio::spawn(async move {
                write_on(store, id, |id, length| {
                    acknowledged.lock().unwrap().insert(id, length);
                })
                .await
            }));
        }
        while acknowledged.lock().unwrap().values().sum::<u64>() < 200 {
            tokio::task::yield_now().await;
        }
        tokio::task::block_in_place(|| server.kill9()).unwrap();
        for writer in writers {
            assert!(matches!(writer.await.unwrap(), Error::Unavailable(_)));
        }
        tokio::task::block_in_place(|| server.restart()).unwrap();
        let acknowledged = acknowledged.lock().unwrap().clone();
        for (id, length) in acknowledged {
            let loaded = assert_whole(&*store, id).await;
            // What was in flight is written or not, and the head tells which.
            assert!([length, length + 2].contains(&loaded.head.journal_len));
            store.commit(step(id, 1, loaded.head.journal_len, 1, 1)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_postgres_is_unavailable_and_comes_back_by_itself() {
    let mut server = Server::start_without_fsync().unwrap();
    let url = server.create_database().unwrap();
    let store = PostgresStore::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let id = owned(&store, "w1", LONG).await;
    store.commit(step(id, 1, 0, 1, 1)).await.unwrap();
    for killed in [false, true] {
        tokio::task::block_in_place(|| if killed { server.kill9() } else { server.stop() }).unwrap();
        let length = if killed { 2 } else { 1 };
        let down = Instant::now();
        let (commit, head, ping, claim, list, connect) = futures::join!(
            store.commit(step(id, 1, length, 1, 1)),
            store.head(id),
            store.ping(),
            store.claim("w2", 1, LONG),
            store.list_executions(ListFilter::default(), None, 1),
            PostgresStore::connect(&url),
        );
        let errors = [commit.err(), head.err(), ping.err(), claim.err(), list.err(), connect.err()];
        assert!(errors.iter().all(|error| matches!(error, Some(Error::Unavailable(_)))), "{errors:?}");
        // It gives up after three seconds; generous, since the machine may be busy.
        assert!(down.elapsed() < Duration::from_secs(30));

        tokio::task::block_in_place(|| server.restart()).unwrap();
        // At once: no connection from before may get in the way.
        assert_eq!(store.ping().await, Ok(()));
        assert_eq!(assert_whole(&store, id).await.head.journal_len, length);
        store.commit(step(id, 1, length, 1, 1)).await.unwrap();
    }
}
