//! The contract suite: what `WorkflowStore` and `ExecutionStore` promise, tried on both backends. Each case is
//! written once; `on_both!` makes two tests of it. Postgres is a private server that the test starts by itself.

#![expect(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod durability;
mod endpoints;
mod events;
mod executions;
mod harness;
mod history;
mod jobs;
mod queue;
mod retention;
mod schema;
mod secrets;
mod spending;
mod workflows;
mod workspaces;

/// Makes a test per backend of every case.
macro_rules! on_both {
    ($($module:ident { $($case:ident),+ $(,)? })+) => {
        mod sqlite {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(&crate::harness::Db::sqlite().await).await;
                })+
            })+
        }
        mod postgres {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(&crate::harness::Db::postgres().await).await;
                })+
            })+
        }
    };
}

on_both! {
    workspaces {
        a_workflow_of_another_workspace_is_not_there,
        an_execution_of_another_workspace_is_not_there,
        idempotency_keys_count_within_a_workspace,
    }
    workflows {
        a_document_comes_back_as_it_was_given,
        a_draft_keeps_its_problems,
        of_two_updates_of_one_version_one_wins,
        an_update_needs_the_latest_version,
        history_is_paged_newest_first,
        lists_are_paged_newest_first,
        lists_are_searched_by_name,
        a_deleted_workflow_is_found_only_by_version,
    }
    executions {
        what_is_accepted_comes_back,
        one_of_many_creations_with_the_same_key_wins,
        a_key_with_other_content_is_a_conflict,
        a_repeated_creation_is_recognised_by_its_id,
        any_text_is_a_key,
        a_step_changes_everything_it_says,
        a_step_under_an_old_fence_writes_nothing,
        a_step_on_an_older_journal_writes_nothing,
        a_step_that_hands_over_locks_its_owner_out,
        a_step_of_an_unknown_execution_is_refused,
        lists_are_filtered_and_paged,
        the_database_answers,
    }
    events {
        events_are_numbered_without_gaps_across_runs,
        events_are_paged,
        many_executions_share_commits_without_mixing_up,
        a_refused_step_does_not_spoil_its_neighbours,
        large_and_strange_content_comes_back,
    }
    queue {
        each_of_a_thousand_is_claimed_once,
        the_oldest_is_claimed_first_and_the_abandoned_before_it,
        an_expired_lease_counts_as_a_recovery_until_there_is_progress,
        a_released_execution_is_claimed_at_once_without_recovery,
        leases_are_renewed_only_by_their_holder,
        a_creator_may_own_at_once,
        what_has_ended_is_claimed_only_after_a_resume,
    }
    retention {
        what_has_ended_long_ago_is_found_oldest_first,
        only_what_has_ended_is_deleted,
        whose_it_was_is_told,
        a_deleted_execution_frees_its_key,
        two_that_delete_the_same_delete_each_once_and_nothing_else,
    }
    spending {
        of_many_at_once_no_more_fit_than_fit,
        repeating_changes_nothing,
        keys_and_periods_do_not_mix,
        answers_are_kept_as_long_as_was_said,
    }
    secrets {
        a_secret_is_replaced_in_place,
        secrets_are_listed_by_name_and_workspace,
    }
    history {
        what_nodes_took_is_found_latest_run_first,
        events_that_lack_details_do_not_spoil_the_rest,
    }
    endpoints {
        a_result_comes_back_as_it_was_and_older_ones_never_replace_it,
        only_the_last_runs_are_kept,
        a_due_schedule_is_claimed_by_one_of_many,
        whoever_lost_a_schedule_writes_nothing,
        changes_are_told_against_what_was_there_when_the_schedule_began,
        a_report_is_tried_until_it_is_delivered,
        old_reports_and_deleted_jobs_leave_nothing,
    }
    jobs {
        a_job_comes_back_as_it_was_written,
        each_job_is_claimed_once,
        a_job_without_its_worker_is_taken_over,
        a_named_job_is_claimed_alone,
        a_restarted_job_keeps_its_version_until_there_is_a_better_one,
        code_is_replaced_only_if_it_is_still_in_use,
        a_deleted_job_leaves_nothing,
        jobs_are_listed_newest_first_and_found,
        failed_jobs_make_room,
    }
    durability {
        what_a_killed_process_acknowledged_is_there,
        what_was_accepted_before_closing_is_there,
    }
}
