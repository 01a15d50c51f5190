//! Lists and their pages.

use crate::harness::{World, code, ctx, execution, keep};
use nexus_api::{Code, Memory, Workspace, memory::Entry, memory::Scope, planner::PageRequest};
use nexus_model::{MemoryId, Timestamp};
use nexus_store::{Kept, Shelf, Space};
use serde_json::Map;
use std::cmp::Reverse;

/// All entries, page by page.
async fn pages(memory: &dyn Memory, scope: Scope, limit: u32) -> Vec<Entry> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = memory.list(&ctx(), scope, PageRequest { limit: Some(limit), cursor }).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        assert!(!page.items.is_empty() || all.is_empty());
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

pub(crate) async fn pages_run_from_the_newest_to_the_oldest(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let mut texts = Vec::new();
    for nr in 0..7 {
        texts.insert(0, format!("entry {nr}"));
        keep(&*memory, scope, &format!("entry {nr}")).await;
    }
    for limit in [1, 2, 3, 7, 200] {
        let listed: Vec<_> =
            pages(&*memory, scope, limit).await.into_iter().map(|entry| entry.text).collect();
        assert_eq!(listed, texts, "{limit} a page");
    }
    assert!(pages(&*memory, execution(), 3).await.is_empty());
}

pub(crate) async fn entries_of_one_moment_are_neither_lost_nor_doubled(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let space = Space { model: "test/model".to_owned(), dimensions: 2 };
    let other = Space { model: "test/former".to_owned(), dimensions: 3 };
    let mut expected = Vec::new();
    for (moment, count) in [(10, 1), (20, 6), (30, 2), (40, 5)] {
        for nr in 0..count {
            let (id, created_at) =
                (MemoryId::generate(), Timestamp::from_micros(1_800_000_000_000_000 + moment));
            let entry =
                Entry { id, text: format!("{moment} {nr}"), metadata: Map::new(), score: None, created_at };
            let (space, vector) = if nr % 2 == 0 { (&space, vec![0.6, 0.8]) } else { (&other, vec![0.0; 3]) };
            world
                .store
                .put(space, Kept { shelf: Shelf { workspace: Workspace::default(), scope }, entry, vector })
                .await
                .unwrap();
            expected.push((created_at, id));
        }
    }
    expected.sort_by_key(|place| Reverse(*place));
    for limit in [1, 2, 3, 4, 5, 13, 14, 15] {
        let listed = pages(&*memory, scope, limit).await;
        let places: Vec<_> = listed.into_iter().map(|entry| (entry.created_at, entry.id)).collect();
        assert_eq!(places, expected, "{limit} a page");
    }
}

pub(crate) async fn foreign_cursors_and_numbers_are_refused(world: World) {
    let memory = world.memory(None).await;
    for cursor in ["", "x", "1.", "1.x", ".01890a5d-ac96-774b-bcce-b302099a8057"] {
        let page = PageRequest { limit: None, cursor: Some(cursor.to_owned()) };
        assert_eq!(code(memory.list(&ctx(), Scope::Global, page).await), Code::Malformed, "{cursor}");
    }
    for limit in [0, 201] {
        let page = PageRequest { limit: Some(limit), cursor: None };
        assert_eq!(code(memory.list(&ctx(), Scope::Global, page).await), Code::Malformed, "{limit}");
    }
}
