//! The contract of memory, tried on every place that entries can be kept in: SQLite, Postgres, Qdrant's protocol, and a
//! real Qdrant server if `QDRANT_URL` is set; and, on one of them, over gRPC in process and over TCP. Each case is
//! written once.

#![expect(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod entries;
mod harness;
mod lists;
mod models;
mod money;
mod searching;
mod trouble;

/// Makes a test per place and wire of every case.
macro_rules! on_all {
    ($places:ident; $($module:ident { $($case:ident),+ $(,)? })+) => {
        mod $places {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(world) = crate::harness::World::$places().await {
                        crate::$module::$case(world).await;
                    }
                })+
            })+
        }
    };
}

/// Every case, everywhere.
macro_rules! everywhere {
    ($($places:ident)+) => {
        $(on_all! {
            $places;
            entries {
                what_is_kept_comes_back,
                scopes_do_not_mix,
                workspaces_do_not_mix,
                repeating_changes_and_costs_nothing,
                an_id_replaces_in_its_scope_and_is_refused_in_another,
                what_is_deleted_is_gone,
                a_scope_is_deleted_as_a_whole,
                many_at_once_are_all_kept,
            }
            lists {
                pages_run_from_the_newest_to_the_oldest,
                entries_of_one_moment_are_neither_lost_nor_doubled,
                foreign_cursors_and_numbers_are_refused,
            }
            searching {
                the_closest_come_first_with_scores,
                an_empty_scope_has_nothing,
                what_cannot_be_kept_or_looked_for_is_refused,
                long_texts_are_embedded_in_pieces,
                other_scripts_are_found,
            }
            money {
                answers_tell_what_they_cost,
                nobody_is_called_beyond_the_limit,
                without_a_price_no_limit_is_kept,
                failures_tell_what_was_spent,
            }
            models {
                a_changed_model_finds_its_entries_after_a_reembedding,
                a_reembedding_stops_at_its_limit,
                a_changed_length_is_refused_until_a_reembedding,
                the_best_configured_model_is_taken,
                a_model_without_a_key_is_refused,
                the_built_in_model_calls_nobody,
                nonsense_of_a_provider_is_not_kept,
            }
        })+
    };
}

everywhere! { sqlite postgres qdrant real_qdrant in_process tcp }
