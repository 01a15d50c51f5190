//! Who waits for funds, longest first; found again without looking at everybody who waits. Not here: what they get
//! (`ledger`).

use nexus_model::{Money, Timestamp, graph::NodeIx};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes whose next call waits for a part of the budget. Entering, leaving and looking for the next to be asked cost
/// the logarithm of how many wait, not their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    next: u64,
    order: BTreeMap<u64, Waiter>,
    places: BTreeMap<NodeIx, u64>,
    needs: BTreeSet<(Money, u64)>,
    ends: BTreeSet<(Timestamp, u64)>,
}

/// One that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiter {
    node: NodeIx,
    needed: Money,
    ends: Option<Timestamp>,
}

/// A place in the queue; later ones are greater.
pub(crate) type Place = u64;

impl Queue {
    /// Those who wait, longest first.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIx> + '_ {
        self.order.values().map(|waiter| waiter.node)
    }

    /// Goes to the end; whoever waits already keeps the place. `needed`: what the call may cost (zero: nobody knows).
    /// `ends`: when it is too late for it.
    pub(crate) fn enter(&mut self, node: NodeIx, needed: Money, ends: Option<Timestamp>) {
        let place = match self.places.get(&node).copied() {
            Some(place) => {
                self.leave(node);
                place
            }
            None => self.next,
        };
        self.next = self.next.max(place + 1);
        self.places.insert(node, place);
        self.order.insert(place, Waiter { node, needed, ends });
        self.needs.insert((needed, place));
        self.ends.extend(ends.map(|ends| (ends, place)));
    }

    pub(crate) fn leave(&mut self, node: NodeIx) {
        let Some(place) = self.places.remove(&node) else { return };
        let Some(waiter) = self.order.remove(&place) else { return };
        self.needs.remove(&(waiter.needed, place));
        if let Some(ends) = waiter.ends {
            self.ends.remove(&(ends, place));
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }

    /// The first behind `after` that needs no more than `left`.
    pub(crate) fn next_within(&self, after: Option<Place>, left: Money) -> Option<(Place, NodeIx)> {
        // Without this, everybody would be asked although nobody can be served.
        if self.needs.first().is_none_or(|(least, _)| *least > left) {
            return None;
        }
        let behind = after.map_or(0, |place| place.saturating_add(1));
        let mut waiting = self.order.range(behind..);
        waiting.find(|(_, waiter)| waiter.needed <= left).map(|(place, waiter)| (*place, waiter.node))
    }

    /// The first behind `after`, whatever it needs.
    pub(crate) fn next(&self, after: Option<Place>) -> Option<(Place, NodeIx)> {
        let behind = after.map_or(0, |place| place.saturating_add(1));
        self.order.range(behind..).next().map(|(place, waiter)| (*place, waiter.node))
    }

    /// What it waits for, as far as known; `None` if it does not wait.
    pub(crate) fn need(&self, node: NodeIx) -> Option<Money> {
        self.places.get(&node).and_then(|place| self.order.get(place)).map(|waiter| waiter.needed)
    }

    /// Those for whom it is too late.
    pub(crate) fn too_late(&self, now: Timestamp) -> Vec<NodeIx> {
        let late = self.ends.iter().take_while(|(ends, _)| *ends <= now);
        late.filter_map(|(_, place)| self.order.get(place)).map(|waiter| waiter.node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(picos: i64) -> Money {
        Money::from_picos(picos)
    }

    #[test]
    fn the_first_whose_need_fits_is_next() {
        let mut queue = Queue::default();
        for (node, needed) in [(7, 50), (3, 10), (5, 20)] {
            queue.enter(node, money(needed), None);
        }
        assert_eq!(queue.nodes().collect::<Vec<_>>(), [7, 3, 5]);
        assert_eq!(queue.next_within(None, money(9)), None);
        let (place, node) = queue.next_within(None, money(20)).unwrap();
        assert_eq!(node, 3);
        assert_eq!(queue.next_within(Some(place), money(20)).unwrap().1, 5);
        assert_eq!(queue.next(None).unwrap().1, 7);
    }

    #[test]
    fn whoever_asks_again_keeps_the_place_and_whoever_left_goes_to_the_end() {
        let mut queue = Queue::default();
        queue.enter(1, money(1), None);
        queue.enter(2, money(1), None);
        queue.enter(1, money(5), Some(Timestamp::from_micros(9)));
        assert_eq!(queue.nodes().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(queue.next_within(None, money(4)).unwrap().1, 2);
        assert!(queue.too_late(Timestamp::from_micros(8)).is_empty());
        assert_eq!(queue.too_late(Timestamp::from_micros(9)), [1]);
        queue.leave(1);
        assert!(queue.too_late(Timestamp::from_micros(9)).is_empty());
        queue.enter(1, money(1), None);
        assert_eq!(queue.nodes().collect::<Vec<_>>(), [2, 1]);
    }
}
