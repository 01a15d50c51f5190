//! Every route, by area. Not here: the layers around them (`app`), files of the web application (`static_files`).

mod compatible;
mod documents;
mod endpoints;
mod events;
mod executions;
mod memory;
mod models;
mod scraping;
mod secrets;
mod system;
mod workflows;

use crate::{app::App, openapi};
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes and their description.
pub(crate) fn all() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(workflows::list, workflows::create))
        .routes(routes!(workflows::get, workflows::update, workflows::delete))
        .routes(routes!(workflows::versions))
        .routes(routes!(workflows::version))
        .routes(routes!(documents::validate))
        .routes(routes!(documents::plan))
        .routes(routes!(documents::plan_stored))
        .routes(routes!(documents::estimate))
        .routes(routes!(documents::estimate_stored))
        .routes(routes!(executions::execute))
        .routes(routes!(executions::list_of_workflow))
        .routes(routes!(executions::list))
        .routes(routes!(executions::get, executions::delete))
        .routes(routes!(executions::cancel))
        .routes(routes!(executions::resume))
        .routes(routes!(executions::memory))
        .routes(routes!(memory::list, memory::store, memory::delete_scope))
        .routes(routes!(memory::recall))
        .routes(routes!(memory::reembed))
        .routes(routes!(memory::model))
        .routes(routes!(memory::delete))
        .routes(routes!(events::list))
        .routes(routes!(events::watch))
        .routes(routes!(models::list))
        .routes(routes!(compatible::chat_completions))
        .routes(routes!(compatible::embeddings))
        .routes(routes!(compatible::models))
        .routes(routes!(scraping::create))
        .routes(routes!(scraping::list))
        .routes(routes!(scraping::get, scraping::delete))
        .routes(routes!(scraping::status))
        .routes(routes!(scraping::test))
        .routes(routes!(scraping::regenerate))
        .routes(routes!(scraping::watch))
        .routes(routes!(scraping::generated))
        .routes(routes!(endpoints::describe))
        .routes(routes!(endpoints::health))
        .routes(routes!(endpoints::schedule, endpoints::put_schedule, endpoints::delete_schedule))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::set, secrets::delete))
        .routes(routes!(system::healthz))
        .routes(routes!(system::readyz))
        .routes(routes!(system::metrics))
        .routes(routes!(system::openapi))
        .routes(routes!(system::docs))
}
