//! The engine against random workflows, failures and crashes, compared with a naive reading of the rules.

mod world;

use nexus_engine::{Input, State};
use nexus_model::{ExecutionStatus, execution::NodeStatus};
use proptest::prelude::*;
use world::{World, check_single_success, check_story, expected, plot};

fn same(a: &State, b: &State) -> bool {
    a.status == b.status && a.run == b.run && a.nodes == b.nodes && a.failure == b.failure
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_run_ends_as_the_rules_say(plot in plot(), picks in prop::collection::vec(any::<usize>(), 0..200)) {
        let mut world = World::new(&plot);
        world.feed(Input::Take).unwrap();
        for pick in picks {
            if !world.happen(pick) { break }
        }
        world.finish();
        let expected = expected(&plot);
        for (id, status) in &expected {
            prop_assert_eq!(world.status(id), *status, "{}", id);
        }
        let unhandled = plot.document["graph"]["nodes"].as_array().unwrap().iter().any(|node| {
            expected[node["id"].as_str().unwrap()] == NodeStatus::Failed && node["policy"]["on_error"] == "fail"
        });
        let status = if unhandled { ExecutionStatus::Failed } else { ExecutionStatus::Succeeded };
        prop_assert_eq!(world.state.status, status);
        check_story(&world.events);
        check_single_success(&world.journal);
    }

    #[test]
    fn crashes_change_nothing_but_repeat_calls(
        plot in plot(),
        script in prop::collection::vec((any::<usize>(), prop::bool::weighted(0.2)), 0..120),
    ) {
        let mut world = World::new(&plot);
        world.feed(Input::Take).unwrap();
        for (pick, crash) in script {
            if world.state.status.is_terminal() { break }
            if crash { world.crash() } else { world.happen(pick); }
            let replayed = world.replayed();
            prop_assert_eq!(&world.state.nodes, &replayed.nodes);
            prop_assert!(same(&world.state, &replayed), "memory and journal disagree");
        }
        if !world.state.status.is_terminal() { world.finish() }
        for (id, status) in expected(&plot) {
            prop_assert_eq!(world.status(&id), status, "{}", id);
        }
        check_story(&world.events);
        check_single_success(&world.journal);
    }

    #[test]
    fn a_cancelled_run_starts_nothing_and_can_be_resumed(
        plot in plot(),
        before in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let mut world = World::new(&plot);
        world.feed(Input::Take).unwrap();
        for pick in before {
            if !world.happen(pick) { break }
        }
        if !world.state.status.is_terminal() {
            let in_flight = world.in_flight.clone();
            let step = world.feed(Input::Cancel).unwrap();
            prop_assert!(step.effects.is_empty());
            prop_assert_eq!(world.state.status, ExecutionStatus::Cancelled);
            prop_assert!(world.feed(Input::Cancel).is_err(), "cancelled twice");
            // a late result changes nothing
            for call in in_flight {
                let late = nexus_engine::CallResult {
                    outcome: Ok(nexus_engine::Outcome::Value("late".into())),
                    tokens: Default::default(), cost: None, latency: Default::default(), provider: None,
                };
                let nexus_engine::Call { node, revision, attempt, call, .. } = call;
                let late = Input::CallFinished { node, revision, attempt, call, result: late };
                let step = world.feed(late).unwrap();
                prop_assert!(step.is_empty());
            }
            let done: Vec<_> = world.definition.graph.steps()
                .filter(|ix| world.state.nodes[*ix].status == NodeStatus::Succeeded)
                .map(|ix| world.definition.node(ix).id.to_string()).collect();
            let calls = world.calls.clone();
            world.feed(Input::Resume { budget: None, from_node: None }).unwrap();
            world.feed(Input::Take).unwrap();
            world.finish();
            for id in done {
                prop_assert_eq!(world.calls.get(&id), calls.get(&id), "{} was paid again", id);
            }
            for (id, status) in expected(&plot) {
                prop_assert_eq!(world.status(&id), status, "{}", id);
            }
            check_story(&world.events);
            check_single_success(&world.journal);
        }
    }

    #[test]
    fn a_healed_failure_is_resumed_without_paying_twice(plot in plot()) {
        let mut world = World::new(&plot);
        world.feed(Input::Take).unwrap();
        world.finish();
        if world.state.status == ExecutionStatus::Failed {
            let calls = world.calls.clone();
            let succeeded: Vec<_> = world.definition.graph.steps()
                .filter(|ix| world.state.nodes[*ix].status == NodeStatus::Succeeded)
                .map(|ix| world.definition.node(ix).id.to_string()).collect();
            for script in world.scripts.values_mut() {
                script.fatal = false;
                script.transient = vec![0; 3];
            }
            world.feed(Input::Resume { budget: None, from_node: None }).unwrap();
            world.feed(Input::Take).unwrap();
            world.finish();
            for id in succeeded {
                prop_assert_eq!(world.calls.get(&id), calls.get(&id), "{} was paid again", id);
            }
            check_story(&world.events);
            check_single_success(&world.journal);
        }
    }

    #[test]
    fn resuming_from_a_node_runs_it_and_what_is_downstream_again(plot in plot(), from in any::<prop::sample::Index>()) {
        let mut world = World::new(&plot);
        world.feed(Input::Take).unwrap();
        world.finish();
        let from = from.index(world.definition.graph.len());
        let id = world.definition.node(from).id.clone();
        let before = world.state.nodes.clone();
        world.feed(Input::Resume { budget: None, from_node: Some(id) }).unwrap();
        world.feed(Input::Take).unwrap();
        world.finish();
        let below = world.definition.graph.descendants(from);
        for ix in world.definition.graph.steps() {
            let (old, new) = (&before[ix], &world.state.nodes[ix]);
            if ix == from || below.contains(&ix) {
                if old.status == NodeStatus::Succeeded && new.status == NodeStatus::Succeeded {
                    prop_assert_eq!(new.revision, old.revision + 1);
                }
            } else if old.status == NodeStatus::Succeeded {
                prop_assert_eq!(new, old, "a sibling was touched");
            }
        }
        check_story(&world.events);
        check_single_success(&world.journal);
    }
}
