//! Exact search among vectors read one after the other: likeness to a query, and the closest so far.
//! Not here: where the vectors are read from.

use crate::{Error, Result};
use std::{cmp::Ordering, collections::BinaryHeap};

/// Products that are summed apart, so that the processor can do them at once.
const LANES: usize = 16;

/// A vector as it is stored: its numbers, little-endian.
pub(crate) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The cosine of the angle between a query and a stored vector, both of length 1; below 0 it counts as 0.
pub(crate) fn score(query: &[f32], stored: &[u8]) -> Result<f32> {
    if stored.len() != query.len() * 4 {
        return Err(Error::Internal(format!(
            "a stored vector has {} bytes where {} belong",
            stored.len(),
            query.len() * 4
        )));
    }
    let (numbers, _) = stored.as_chunks::<4>();
    let (queries, query_rest) = query.as_chunks::<LANES>();
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (query, chunk) in queries.iter().zip(chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(query).zip(chunk) {
            *sum += a * f32::from_le_bytes(*b);
        }
    }
    let rest: f32 = query_rest.iter().zip(rest).map(|(a, b)| a * f32::from_le_bytes(*b)).sum();
    // Rounding may lead a little past the ends.
    Ok((sums.iter().sum::<f32>() + rest).clamp(0.0, 1.0))
}

/// A vector that was looked at: how close it is, and by what its entry is found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) score: f32,
    pub(crate) created_at: i64,
    pub(crate) id: String,
}

impl Candidate {
    /// Closer, or as close and newer.
    fn better(&self, other: &Self) -> Ordering {
        let newer = || (self.created_at, &self.id).cmp(&(other.created_at, &other.id));
        self.score.total_cmp(&other.score).then_with(newer)
    }
}

/// Turned round: a heap gives out its greatest, and here that is the worst.
struct Worst(Candidate);

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Worst {}
impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.better(&self.0)
    }
}

/// The best of those offered so far.
pub(crate) struct Closest {
    most: usize,
    heap: BinaryHeap<Worst>,
}

impl Closest {
    /// At most so many.
    pub(crate) fn new(most: u32) -> Self {
        Self { most: most as usize, heap: BinaryHeap::new() }
    }

    /// Whether one with this score has a chance: spares reading the rest of its row.
    pub(crate) fn wants(&self, score: f32) -> bool {
        self.heap.len() < self.most || self.heap.peek().is_some_and(|worst| score >= worst.0.score)
    }

    pub(crate) fn offer(&mut self, candidate: Candidate) {
        self.heap.push(Worst(candidate));
        if self.heap.len() > self.most {
            self.heap.pop();
        }
    }

    /// The best first.
    pub(crate) fn into_sorted(self) -> Vec<Candidate> {
        self.heap.into_sorted_vec().into_iter().map(|worst| worst.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_cosines_of_any_length_and_never_negative() {
        for length in [1, 3, 16, 17, 512] {
            let value = (1.0 / length as f32).sqrt();
            let vector = vec![value; length];
            let opposite: Vec<f32> = vector.iter().map(|value| -value).collect();
            assert!((score(&vector, &to_bytes(&vector)).unwrap() - 1.0).abs() < 1e-5);
            assert_eq!(score(&vector, &to_bytes(&opposite)), Ok(0.0));
            assert!(score(&vector, &to_bytes(&vec![0.0; length + 1])).is_err());
        }
        let (x, y) = ([1.0, 0.0], [0.6, 0.8]);
        assert!((score(&x, &to_bytes(&y)).unwrap() - 0.6).abs() < 1e-6);
    }

    #[test]
    fn the_best_come_first_and_of_equals_the_newest() {
        let mut closest = Closest::new(3);
        for (score, created_at) in [(0.1, 1), (0.9, 1), (0.5, 2), (0.5, 3), (0.5, 1), (0.2, 9)] {
            if closest.wants(score) {
                closest.offer(Candidate { score, created_at, id: String::new() });
            }
        }
        let found: Vec<_> =
            closest.into_sorted().into_iter().map(|found| (found.score, found.created_at)).collect();
        assert_eq!(found, [(0.9, 1), (0.5, 3), (0.5, 2)]);
        assert!(!Closest::new(0).wants(1.0));
    }
}
