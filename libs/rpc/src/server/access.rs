//! Which method needs which scope: the one table, for every service. What does not stand here is not offered to
//! anybody; a test holds it against the compiled definitions. Not here: who calls (`gate`).

use nexus_api::access::Scope::{self, Admin, Edit, Read, Run};

/// Methods by service.
const TABLE: [(&str, &[(&str, Scope)]); 8] = [
    (
        "nexus.planner.v1.PlannerService",
        &[
            ("CreateWorkflow", Edit),
            ("GetWorkflow", Read),
            ("UpdateWorkflow", Edit),
            ("DeleteWorkflow", Edit),
            ("ListWorkflows", Read),
            ("ListWorkflowVersions", Read),
            ("Validate", Read),
            ("Plan", Read),
            ("Estimate", Read),
        ],
    ),
    (
        "nexus.executor.v1.ExecutorService",
        &[
            ("StartExecution", Run),
            ("GetExecution", Read),
            ("ListExecutions", Read),
            ("CancelExecution", Run),
            ("ResumeExecution", Run),
            ("DeleteExecution", Edit),
            ("ListEvents", Read),
            ("WatchExecution", Read),
        ],
    ),
    (
        "nexus.llm.v1.LlmService",
        &[
            ("Complete", Run),
            ("StreamComplete", Run),
            ("Embed", Run),
            ("CountTokens", Read),
            ("ListModels", Read),
        ],
    ),
    (
        "nexus.memory.v1.MemoryService",
        &[
            ("Store", Edit),
            // The query's embedding is paid for.
            ("Recall", Run),
            ("List", Read),
            ("Delete", Edit),
            ("DeleteScope", Edit),
            ("GetEmbeddingModel", Read),
            // Of all workspaces, at once.
            ("Reembed", Admin),
        ],
    ),
    (
        "nexus.scraper.v1.ScraperService",
        &[
            ("CreateJob", Edit),
            ("GetJob", Read),
            ("ListJobs", Read),
            ("DeleteJob", Edit),
            ("WatchJob", Read),
            ("TestJob", Run),
            ("RegenerateJob", Edit),
            ("RunEndpoint", Run),
            // Code of the caller's, in no workflow that anybody has saved.
            ("RunPython", Admin),
            ("GetHealth", Read),
            ("PutSchedule", Edit),
            ("GetSchedule", Read),
            ("DeleteSchedule", Edit),
        ],
    ),
    (
        "nexus.secrets.v1.SecretsService",
        &[("ListSecrets", Admin), ("SetSecret", Admin), ("DeleteSecret", Admin)],
    ),
    // The definitions are public, but who may not call need not know what is offered here.
    ("grpc.reflection.v1.ServerReflection", &[("ServerReflectionInfo", Read)]),
    ("grpc.reflection.v1alpha.ServerReflection", &[("ServerReflectionInfo", Read)]),
];

/// The scope that a method needs, by its path without the first slash; `None` if there is no such method.
pub(super) fn needed(path: &str) -> Option<Scope> {
    let (service, method) = path.split_once('/')?;
    let (_, methods) = TABLE.iter().find(|(known, _)| *known == service)?;
    methods.iter().find(|(known, _)| *known == method).map(|(_, scope)| *scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use std::collections::BTreeSet;

    /// Every method of the compiled definitions.
    fn defined() -> BTreeSet<String> {
        let definitions = prost_types::FileDescriptorSet::decode(crate::DESCRIPTORS).unwrap();
        let services = definitions.file.iter().flat_map(|file| {
            file.service
                .iter()
                .map(move |service| (format!("{}.{}", file.package(), service.name()), service))
        });
        services
            .flat_map(|(name, service)| {
                service
                    .method
                    .iter()
                    .map(move |method| format!("{name}/{}", method.name()))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn every_method_stands_in_the_table_and_nothing_else_does() {
        let listed: BTreeSet<String> = TABLE
            .iter()
            .filter(|(service, _)| service.starts_with("nexus."))
            .flat_map(|(service, methods)| {
                methods.iter().map(move |(method, _)| format!("{service}/{method}"))
            })
            .collect();
        assert_eq!(listed, defined());
        assert!(listed.len() > 30);
    }

    #[test]
    fn whatever_does_not_stand_in_the_table_is_not_offered() {
        for path in
            ["", "nexus.planner.v1.PlannerService", "nexus.planner.v1.PlannerService/Drop", "x/Validate"]
        {
            assert_eq!(needed(path), None, "{path}");
        }
        // Case and spelling are the protocol's.
        assert_eq!(needed("nexus.planner.v1.PlannerService/validate"), None);
        assert_eq!(needed("/nexus.planner.v1.PlannerService/Validate"), None);
    }
}
