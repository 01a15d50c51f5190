//! The methods of a place for memory entries, on Qdrant. Whatever writes waits until it is applied.
//! Not here: names of collections, forms of points.

use super::{
    QdrantStore,
    collections::CREATED_AT,
    failed, is_missing,
    points::{entry, found, of_shelf, point, point_id},
};
use async_trait::async_trait;
use nexus_api::{Error, Result, memory::Entry};
use nexus_model::MemoryId;
use nexus_store::{Found, Kept, MemoryStore, Place, Shelf, Space};
use qdrant_client::qdrant::{
    Condition, DeletePointsBuilder, Direction, Filter, GetPointsBuilder, OrderByBuilder, PointStruct,
    PointsIdsList, Query, QueryPointsBuilder, Range, RetrievedPoint, ScrollPoints, ScrollPointsBuilder,
    UpsertPointsBuilder, points_selector::PointsSelectorOneOf,
};
use std::cmp::Reverse;

/// Most entries that may share one microsecond of a scope before a list leaves some out.
const TIES: u32 = 10_000;

impl QdrantStore {
    async fn upsert(&self, space: &Space, point: PointStruct) -> Result<()> {
        let name = self.collection(space).await?;
        let upsert = |name: &str| UpsertPointsBuilder::new(name, vec![point.clone()]).wait(true);
        match self.client.upsert_points(upsert(&name)).await {
            Ok(_) => Ok(()),
            // It was deleted since it was last seen.
            Err(error) if is_missing(&error) => {
                self.forget(&name);
                let name = self.collection(space).await?;
                self.client.upsert_points(upsert(&name)).await.map(drop).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn point(&self, name: &str, id: MemoryId) -> Result<Option<RetrievedPoint>> {
        let get = GetPointsBuilder::new(name, vec![point_id(id)]).with_payload(true);
        match self.client.get_points(get).await {
            Ok(points) => Ok(points.result.into_iter().next()),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn remove(&self, name: &str, which: impl Into<PointsSelectorOneOf>) -> Result<()> {
        let delete = DeletePointsBuilder::new(name).points(which).wait(true);
        match self.client.delete_points(delete).await {
            Err(error) if !is_missing(&error) => Err(failed(error)),
            _ => Ok(()),
        }
    }

    async fn scroll(&self, scroll: impl Into<ScrollPoints>) -> Result<Vec<RetrievedPoint>> {
        match self.client.scroll(scroll).await {
            Ok(page) => Ok(page.result),
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn entries(&self, scroll: impl Into<ScrollPoints>) -> Result<Vec<Entry>> {
        let points = self.scroll(scroll).await?;
        points.into_iter().map(|point| entry(point.id, &point.payload)).collect()
    }

    /// Entries of one moment, which Qdrant hands out in an order of its own.
    async fn of_moment(&self, name: &str, shelf: &Shelf, micros: i64) -> Result<Vec<Entry>> {
        let mut filter = of_shelf(shelf);
        filter.must.push(Condition::matches(CREATED_AT, micros));
        self.entries(ScrollPointsBuilder::new(name).filter(filter).limit(TIES).with_payload(true)).await
    }

    /// At least the first `limit` entries of one collection in a list.
    async fn list_in(
        &self,
        name: &str,
        shelf: &Shelf,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Vec<Entry>> {
        let mut filter = of_shelf(shelf);
        let mut listed = Vec::new();
        if let Some((at, id)) = after {
            let same = self.of_moment(name, shelf, at.micros()).await?;
            listed.extend(same.into_iter().filter(|entry| entry.id < id));
            let earlier = Range { lt: Some(at.micros() as f64), ..Range::default() };
            filter.must.push(Condition::range(CREATED_AT, earlier));
        }
        let newest = OrderByBuilder::new(CREATED_AT).direction(Direction::Desc as i32);
        let scroll =
            ScrollPointsBuilder::new(name).filter(filter).order_by(newest).limit(limit).with_payload(true);
        let mut page = self.entries(scroll).await?;
        // The last moment of a full page may have more entries, and others than belong before the cut.
        if page.len() >= limit as usize
            && let Some(last) = page.iter().map(|entry| entry.created_at).min()
        {
            page.retain(|entry| entry.created_at != last);
            page.extend(self.of_moment(name, shelf, last.micros()).await?);
        }
        listed.extend(page);
        Ok(listed)
    }
}

#[async_trait]
impl MemoryStore for QdrantStore {
    async fn check(&self) -> Result<()> {
        // Unlike a health check, this needs the key.
        self.collections().await.map(drop)
    }

    async fn put(&self, space: &Space, kept: Kept) -> Result<()> {
        if kept.vector.len() != space.dimensions as usize {
            return Err(Error::internal("a vector for another space"));
        }
        let (id, other) = (kept.entry.id, self.name(space));
        let _no_move = self.moving.read().await;
        self.upsert(space, point(kept)?).await?;
        // Its former vector may be in another collection.
        for (name, _) in self.collections().await? {
            if name != other && self.point(&name, id).await?.is_some() {
                self.remove(&name, PointsIdsList { ids: vec![point_id(id)] }).await?;
            }
        }
        Ok(())
    }

    async fn find(&self, id: MemoryId) -> Result<Option<Found>> {
        for (name, space) in self.collections().await? {
            if let Some(point) = self.point(&name, id).await? {
                return found(point.id, &point.payload, &space).map(Some);
            }
        }
        Ok(None)
    }

    async fn nearest(&self, space: &Space, shelf: &Shelf, vector: &[f32], limit: u32) -> Result<Vec<Entry>> {
        let query = QueryPointsBuilder::new(self.name(space))
            .query(Query::new_nearest(vector.to_vec()))
            .filter(of_shelf(shelf))
            .limit(u64::from(limit))
            .with_payload(true);
        let points = match self.client.query(query).await {
            Ok(answer) => answer.result,
            Err(error) if is_missing(&error) => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let scored = points.into_iter().map(|point| {
            let score = Some(point.score.clamp(0.0, 1.0));
            Ok(Entry { score, ..entry(point.id, &point.payload)? })
        });
        let mut entries = scored.collect::<Result<Vec<_>>>()?;
        let score = |entry: &Entry| entry.score.unwrap_or_default();
        entries.sort_by(|a, b| {
            score(b).total_cmp(&score(a)).then_with(|| (b.created_at, b.id).cmp(&(a.created_at, a.id)))
        });
        Ok(entries)
    }

    async fn list(&self, shelf: &Shelf, after: Option<Place>, limit: u32) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for (name, _) in self.collections().await? {
            entries.extend(self.list_in(&name, shelf, after, limit).await?);
        }
        entries.sort_by_key(|entry| Reverse((entry.created_at, entry.id)));
        // One that is just being moved is in two collections.
        entries.dedup_by_key(|entry| entry.id);
        entries.truncate(limit as usize);
        Ok(entries)
    }

    async fn delete(&self, id: MemoryId) -> Result<bool> {
        let _no_move = self.moving.read().await;
        let mut deleted = false;
        for (name, _) in self.collections().await? {
            if self.point(&name, id).await?.is_some() {
                self.remove(&name, PointsIdsList { ids: vec![point_id(id)] }).await?;
                deleted = true;
            }
        }
        Ok(deleted)
    }

    async fn delete_shelf(&self, shelf: &Shelf) -> Result<u64> {
        let _no_move = self.moving.read().await;
        let mut deleted = 0;
        for (name, _) in self.collections().await? {
            let here = self.count(&name, Some(of_shelf(shelf))).await?;
            if here > 0 {
                self.remove(&name, of_shelf(shelf)).await?;
                deleted += here;
            }
        }
        Ok(deleted)
    }

    async fn spaces(&self) -> Result<Vec<(Space, u64)>> {
        let mut spaces = Vec::new();
        for (name, space) in self.collections().await? {
            let count = self.count(&name, None).await?;
            if count > 0 {
                spaces.push((space, count));
            }
        }
        spaces.sort();
        Ok(spaces)
    }

    async fn oldest(&self, space: &Space, limit: u32) -> Result<Vec<Found>> {
        let scroll = ScrollPointsBuilder::new(self.name(space))
            .filter(Filter::default())
            .order_by(OrderByBuilder::new(CREATED_AT).direction(Direction::Asc as i32))
            .limit(limit)
            .with_payload(true);
        let points = self.scroll(scroll).await?;
        points.into_iter().map(|point| found(point.id, &point.payload, space)).collect()
    }

    async fn move_to(&self, space: &Space, was: Found, vector: Vec<f32>) -> Result<bool> {
        let (old, id) = (self.name(&was.space), was.entry.id);
        let alone = self.moving.write().await;
        let Some(now) = self.point(&old, id).await? else { return Ok(false) };
        if found(now.id, &now.payload, &was.space)? != was {
            return Ok(false);
        }
        self.upsert(space, point(Kept { shelf: was.shelf, entry: was.entry, vector })?).await?;
        self.remove(&old, PointsIdsList { ids: vec![point_id(id)] }).await?;
        drop(alone);
        Ok(true)
    }
}
