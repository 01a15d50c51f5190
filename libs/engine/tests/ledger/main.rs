//! Money against random workflows: budgets of executions and nodes, models that cost more or less than thought,
//! failures, rejections, tools, memory, crashes at any point, resumes with more. What must hold is worked out from
//! the journal by a reading that shares nothing with the engine.
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

mod naive;
mod plot;
mod world;

use naive::Books;
use nexus_engine::Input;
use nexus_model::{ExecutionStatus, Money, document::BudgetOverride};
use plot::plot;
use proptest::prelude::*;
use world::World;

/// Cases of each property, the dearest ones fewest; together more than twenty thousand in a run.
const LIMIT: u32 = 8_300;
const CRASHES: u32 = 8_000;
const RESUMES: u32 = 3_800;
const _: () = assert!(LIMIT + CRASHES + RESUMES >= 20_000);

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// What happens: which of the possible things, and how it turns out.
fn script() -> impl Strategy<Value = Vec<(u16, u16)>> {
    prop::collection::vec(any::<(u16, u16)>(), 0..80)
}

proptest! {
    #![proptest_config(cases(LIMIT))]

    #[test]
    fn the_limit_holds_at_every_moment_and_every_run_ends(plot in plot(), script in script()) {
        let mut world = World::new(&plot);
        world.play(&script);
        let books = Books::read(&world.journal, &plot);
        prop_assert_eq!(books.spent, world.state.spent());
        prop_assert_eq!(books.reserved, Money::ZERO, "held after the end");
        prop_assert!(world.truly_spent <= world.state.spent(), "recorded {}, truly {}", world.state.spent(), world.truly_spent);
        prop_assert!(world.state.status.is_terminal());
        if world.state.status == ExecutionStatus::BudgetExceeded {
            prop_assert!(books.has_any_limit, "nothing was limited");
        }
        books.check_story();
        world.check_view();
    }
}

proptest! {
    #![proptest_config(cases(CRASHES))]

    #[test]
    fn a_crash_at_any_point_changes_nothing_that_is_known(plot in plot(), script in script(), crashes in prop::collection::vec(0..80usize, 1..6)) {
        let mut world = World::new(&plot);
        for (moment, (pick, turn)) in script.iter().enumerate() {
            if world.state.status.is_terminal() { break }
            if crashes.contains(&moment) {
                world.crash();
            }
            world.happen(*pick, *turn);
        }
        world.play(&[]);
        let books = Books::read(&world.journal, &plot);
        prop_assert_eq!(books.spent, world.state.spent());
        prop_assert!(world.truly_spent <= world.state.spent());
        books.check_story();
        world.check_view();
    }
}

proptest! {
    #![proptest_config(cases(RESUMES))]

    #[test]
    fn whoever_resumes_with_more_gets_on(plot in plot(), script in script(), more in 1..200u32, from in prop::option::weighted(0.3, any::<u16>())) {
        let mut world = World::new(&plot);
        world.play(&script);
        for _ in 0..3 {
            let status = world.state.status;
            if status == ExecutionStatus::Succeeded && from.is_none() { break }
            let settled = world.succeeded();
            let limit = world.state.spent().plus(Money::from_picos(plot.unit).times(u64::from(more) * 50));
            let budget = BudgetOverride { limit_usd: Some(limit), ..BudgetOverride::default() };
            let from_node = from.map(|pick| world.any_step(pick));
            world.feed(Input::Resume { budget: Some(budget), from_node: from_node.clone() }).unwrap();
            world.feed(Input::Take).unwrap();
            world.play(&script);
            for (node, revision) in settled {
                let now = world.revision(&node);
                // a rejection may send a settled node back to work, and whoever asks for it; nothing else may
                let asked = from_node.as_ref().is_some_and(|from| world.is_from(&node, from));
                prop_assert!(now == revision || asked || world.state.backtracks > 0, "{} was paid again", node);
            }
        }
        let books = Books::read(&world.journal, &plot);
        prop_assert_eq!(books.spent, world.state.spent());
        prop_assert!(world.truly_spent <= world.state.spent());
        books.check_story();
        world.check_view();
    }
}
