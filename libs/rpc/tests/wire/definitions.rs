//! Rules that the definitions in `proto/` keep, held over what they were compiled to: names, packages, and a
//! comment on everything. Not here: what the messages mean.

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use std::collections::{BTreeSet, HashSet};

/// Field numbers of `google/protobuf/descriptor.proto`, of which the paths of comments consist.
mod tag {
    pub(super) const FILE_MESSAGE: i32 = 4;
    pub(super) const FILE_ENUM: i32 = 5;
    pub(super) const FILE_SERVICE: i32 = 6;
    pub(super) const SERVICE_METHOD: i32 = 2;
    pub(super) const MESSAGE_FIELD: i32 = 2;
    pub(super) const MESSAGE_NESTED: i32 = 3;
    pub(super) const MESSAGE_ONEOF: i32 = 8;
}

fn ours() -> Vec<FileDescriptorProto> {
    let set = FileDescriptorSet::decode(nexus_rpc::DESCRIPTORS).unwrap();
    set.file.into_iter().filter(|file| file.package().starts_with("nexus.")).collect()
}

struct Lint {
    commented: HashSet<Vec<i32>>,
    package: String,
    findings: Vec<String>,
}

impl Lint {
    fn check(&mut self, good: bool, what: impl FnOnce() -> String) {
        if !good {
            self.findings.push(format!("{}: {}", self.package, what()));
        }
    }

    fn comment(&mut self, path: &[i32], name: &str) {
        let good = self.commented.contains(path);
        self.check(good, || format!("{name} has no comment"));
    }

    fn message(&mut self, path: &[i32], message: &DescriptorProto) {
        let name = message.name();
        self.comment(path, name);
        self.check(is_upper_camel(name), || format!("{name} is not UpperCamelCase"));
        let mut numbers: Vec<i32> = message.field.iter().map(|field| field.number()).collect();
        numbers.sort_unstable();
        let gapless = numbers.iter().copied().eq(1..=numbers.len() as i32);
        self.check(gapless || !message.reserved_range.is_empty(), || {
            format!("{name} has gaps in its numbers")
        });
        for (ix, field) in message.field.iter().enumerate() {
            let full = format!("{name}.{}", field.name());
            self.comment(&[path, &[tag::MESSAGE_FIELD, ix as i32]].concat(), &full);
            self.check(is_lower_snake(field.name()), || format!("{full} is not lower_snake_case"));
        }
        for (ix, oneof) in message.oneof_decl.iter().enumerate() {
            // `optional` makes a oneof of its own, with an underscore before its name.
            if !oneof.name().starts_with('_') {
                self.comment(&[path, &[tag::MESSAGE_ONEOF, ix as i32]].concat(), oneof.name());
            }
        }
        for (ix, nested) in message.nested_type.iter().enumerate() {
            self.message(&[path, &[tag::MESSAGE_NESTED, ix as i32]].concat(), nested);
        }
    }

    fn file(&mut self, file: &FileDescriptorProto) {
        let folder = self.package.replace('.', "/");
        let versioned = self.package.ends_with(".v1");
        self.check(file.name().starts_with(&format!("{folder}/")), || format!("is not in {folder}/"));
        self.check(versioned, || "has no version".into());
        self.check(file.syntax() == "proto3", || "is not proto3".into());
        self.check(file.enum_type.is_empty(), || format!("{} enums: kinds are strings here", tag::FILE_ENUM));
        for (ix, message) in file.message_type.iter().enumerate() {
            self.message(&[tag::FILE_MESSAGE, ix as i32], message);
        }
        for (ix, service) in file.service.iter().enumerate() {
            let name = service.name();
            self.comment(&[tag::FILE_SERVICE, ix as i32], name);
            self.check(name.ends_with("Service") && is_upper_camel(name), || {
                format!("{name} is no …Service")
            });
            for (nr, method) in service.method.iter().enumerate() {
                let full = format!("{name}.{}", method.name());
                self.comment(&[tag::FILE_SERVICE, ix as i32, tag::SERVICE_METHOD, nr as i32], &full);
                self.check(is_upper_camel(method.name()), || format!("{full} is not UpperCamelCase"));
                for (kind, actual) in [("Request", method.input_type()), ("Response", method.output_type())] {
                    let expected = format!(".{}.{}{kind}", self.package, method.name());
                    self.check(actual == expected, || format!("{full} has {actual} for {expected}"));
                }
            }
        }
    }
}

fn is_upper_camel(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric())
}

fn is_lower_snake(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_')
}

#[test]
fn definitions_are_documented_and_named_by_the_rules() {
    let files = ours();
    assert_eq!(files.len(), 7);
    let mut findings = Vec::new();
    for file in &files {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let commented = locations
            .filter(|location| !location.leading_comments().trim().is_empty())
            .map(|location| location.path.clone())
            .collect();
        let mut lint = Lint { commented, package: file.package().to_owned(), findings: Vec::new() };
        lint.file(file);
        findings.extend(lint.findings);
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_promised_method_is_there() {
    let promised = [
        (
            "planner",
            "CreateWorkflow GetWorkflow UpdateWorkflow DeleteWorkflow ListWorkflows ListWorkflowVersions",
        ),
        ("planner", "Validate Plan Estimate"),
        ("executor", "StartExecution GetExecution ListExecutions CancelExecution ResumeExecution ListEvents"),
        ("executor", "WatchExecution DeleteExecution"),
        ("llm", "Complete StreamComplete Embed CountTokens ListModels"),
        ("memory", "Store Recall List Delete DeleteScope GetEmbeddingModel Reembed"),
        (
            "scraper",
            "CreateJob GetJob ListJobs DeleteJob WatchJob TestJob RegenerateJob RunEndpoint RunPython",
        ),
        ("scraper", "GetHealth PutSchedule GetSchedule DeleteSchedule"),
        ("secrets", "ListSecrets SetSecret DeleteSecret"),
    ];
    let promised: BTreeSet<String> = promised
        .into_iter()
        .flat_map(|(area, methods)| methods.split(' ').map(move |method| format!("nexus.{area}.v1/{method}")))
        .collect();
    let streaming: BTreeSet<&str> = ["WatchExecution", "StreamComplete", "WatchJob"].into();
    let mut found = BTreeSet::new();
    for file in ours() {
        for method in file.service.iter().flat_map(|service| &service.method) {
            assert_eq!(method.server_streaming(), streaming.contains(method.name()), "{}", method.name());
            assert!(!method.client_streaming());
            found.insert(format!("{}/{}", file.package(), method.name()));
        }
    }
    assert_eq!(found, promised);
}

#[test]
fn fields_that_the_contract_names_are_spelled_so() {
    let files = ours();
    let message = |package: &str, name: &str| {
        let file = files.iter().find(|file| file.package() == package).unwrap();
        file.message_type.iter().find(|message| message.name() == name).unwrap()
    };
    for (package, name, fields) in [
        ("nexus.executor.v1", "StartExecutionRequest", "workflow_id inputs budget idempotency_key"),
        ("nexus.executor.v1", "StartExecutionResponse", "execution_id status"),
        ("nexus.executor.v1", "WatchExecutionRequest", "execution_id after_seq"),
        ("nexus.executor.v1", "WatchExecutionResponse", "seq execution_id type agent_id data timestamp"),
        ("nexus.planner.v1", "EstimateRequest", "document workflow_id inputs budget"),
        ("nexus.planner.v1", "ValidateResponse", "valid errors warnings"),
        ("nexus.llm.v1", "CompleteRequest", "model messages max_tokens"),
        ("nexus.llm.v1", "Message", "role content"),
    ] {
        for field in fields.split(' ') {
            let known = message(package, name).field.iter().any(|known| known.name() == field);
            assert!(known, "{package}.{name} has no {field}");
        }
    }
}
