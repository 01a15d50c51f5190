//! The command line as types. Not here: what the commands do (`commands`, `wiring`), what settings mean
//! (`nexus-runtime`).

use clap::{ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand, ValueEnum};
use nexus_model::Money;
use nexus_runtime::config::{Flags, SETTINGS};
use std::path::PathBuf;

const AFTER_HELP: &str =
    "Exit codes: 0 succeeded, 1 failed, 2 bad usage or invalid document, 3 stopped by budget, \
4 cancelled, 5 cannot reach a server.
Every setting is an environment variable too; `nexus help up` lists them all.";

/// Nexus: durable AI workflows, priced call by call.
#[derive(Debug, Parser)]
#[command(name = "nexus", version, about, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Do,
    /// Talk to this Nexus server instead of running embedded
    #[arg(long, value_name = "URL", global = true, env = "NEXUS_SERVER", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// Settings given as flags.
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Do {
    /// Run everything in one process: web app, REST, WebSocket and gRPC; needs no other server
    Up,
    /// Run one service of a mesh
    Serve {
        /// Which one
        role: Role,
    },
    /// Bring the database to this version's schema; with --from, move an embedded database into an empty Postgres
    Migrate {
        /// The embedded database to move, which nobody may be using
        #[arg(long, value_name = "sqlite://FILE")]
        from: Option<String>,
        /// The empty Postgres database it goes to; DATABASE_URL if it is not named (a password belongs there)
        #[arg(long, value_name = "postgres://…", requires = "from")]
        to: Option<String>,
    },
    /// Save embedded mode's database to a file, also while `nexus up` uses it
    Backup {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
    },
    /// Put a backup into the data folder; nobody may be using it
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace the database that is there
        #[arg(long)]
        force: bool,
    },
    /// Ask a process on this machine whether it is ready, as a container's health check: exit code 0 if it is
    Health {
        /// Which one; without it, whatever serves HTTP
        role: Option<Role>,
        /// Ask there instead of where its settings say it listens
        #[arg(long, value_name = "URL")]
        addr: Option<String>,
    },
    /// Check everything Nexus needs here, and say what to do about what is wrong: exit code 0 if it can work
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a workflow document and print its outputs
    Run(RunArgs),
    /// Check a workflow document
    Validate {
        #[command(flatten)]
        document: DocumentArgs,
    },
    /// Show how a document's nodes can run
    Plan {
        #[command(flatten)]
        document: DocumentArgs,
    },
    /// Show what a run may cost
    Estimate {
        #[command(flatten)]
        document: DocumentArgs,
        #[command(flatten)]
        inputs: InputArgs,
        /// Judge against this limit instead of the document's
        #[arg(long, value_name = "USD", value_parser = usd)]
        budget: Option<Money>,
    },
    /// Show models, prices, and which providers are configured
    Models {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List, import and export workflows
    #[command(subcommand)]
    Workflows(Workflows),
    /// List, show, cancel, resume and delete executions
    #[command(subcommand)]
    Executions(Executions),
    /// List, find and forget what is kept in memory; make its vectors anew
    #[command(subcommand)]
    Memory(Memories),
    /// Set, list and forget secrets for tools; values come in and never out
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Make a scraper for a web page: from an address and a sentence to an endpoint
    Scrape(ScrapeArgs),
    /// Print completions for a shell
    Completions {
        /// Which one
        shell: clap_complete::Shell,
    },
}

/// The services of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Workflow definitions
    Planner,
    /// Executions
    Executor,
    /// Calls of models
    LlmGateway,
    /// Memory
    Memory,
    /// Scrapers
    Scraper,
    /// REST, WebSocket and the web app
    Gateway,
}

impl Role {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Planner => "planner",
            Role::Executor => "executor",
            Role::LlmGateway => "llm-gateway",
            Role::Memory => "memory",
            Role::Scraper => "scraper",
            Role::Gateway => "gateway",
        }
    }
}

/// A document and the form of the answer.
#[derive(Debug, Args)]
pub(crate) struct DocumentArgs {
    /// The workflow document, `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Inputs of a workflow.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// An input; its value is read as the document's schema says
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// A JSON file with all inputs, `-` for standard input; `--input` wins
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The workflow document, `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
    /// Hard limit of this run in dollars; replaces the document's
    #[arg(long, value_name = "USD", value_parser = usd)]
    pub(crate) budget: Option<Money>,
    /// Print events as JSON lines, the outputs last
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Set a secret to what standard input says: printf %s VALUE | nexus secrets set NAME
    Set {
        /// Its name: letters, digits and _
        name: String,
    },
    /// List names and dates
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Forget a secret
    Delete {
        /// Its name
        name: String,
    },
}

/// Arguments of `scrape`.
#[derive(Debug, Args)]
pub(crate) struct ScrapeArgs {
    /// The page
    pub(crate) url: String,
    /// What is wanted from it, in a sentence: "title, price and rating of every book"
    pub(crate) description: String,
    /// Fetch the page although its site's robots.txt says no: for those who may
    #[arg(long)]
    pub(crate) ignore_robots: bool,
    /// Print states as JSON lines, the whole job last
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Workflows {
    /// List them, newest first
    List {
        /// Only those whose name contains this
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Save documents as new workflows
    Import {
        /// The documents
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Save documents that are not valid yet, too
        #[arg(long)]
        draft: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a workflow's document
    Export {
        /// The workflow
        id: String,
        /// Which version, if not the latest
        #[arg(long, value_name = "N")]
        version: Option<u32>,
        /// Write it there
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// What to do with executions.
#[derive(Debug, Subcommand)]
pub(crate) enum Executions {
    /// List them, newest first
    List {
        /// Only those of this workflow
        #[arg(long, value_name = "ID")]
        workflow: Option<String>,
        /// Only those with this status
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show one with its nodes
    Show {
        /// The execution
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop one
    Cancel {
        /// The execution
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete one that has ended, with its events and its memory
    Delete {
        /// The execution
        id: String,
    },
    /// Go on with one that failed, was cancelled or ran out of budget
    Resume {
        /// The execution
        id: String,
        /// The new limit in dollars, as a total
        #[arg(long, value_name = "USD", value_parser = usd)]
        budget: Option<Money>,
        /// Run this node again and everything downstream of it
        #[arg(long, value_name = "NODE")]
        from_node: Option<String>,
        /// Print events as JSON lines, the outputs last
        #[arg(long)]
        json: bool,
    },
}

/// What to do with memory.
#[derive(Debug, Subcommand)]
pub(crate) enum Memories {
    /// List the entries of a scope, newest first
    List {
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Find the entries of a scope that are closest to a text
    Recall {
        /// The text
        query: String,
        #[command(flatten)]
        scope: ScopeArgs,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
        top_k: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget an entry, or all of a scope
    Forget {
        /// The entry
        id: Option<String>,
        /// All entries of the scope
        #[arg(long, conflicts_with = "id")]
        all: bool,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Make vectors with the present embedding model for entries that another one has made
    Reembed {
        /// Most that may be spent, in dollars
        #[arg(long, value_name = "USD", value_parser = usd)]
        budget: Option<Money>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Whose memory; everybody's if nothing is named.
#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    /// That of this execution
    #[arg(long, value_name = "ID")]
    pub(crate) execution: Option<String>,
    /// That of this workflow
    #[arg(long, value_name = "ID", conflicts_with = "execution")]
    pub(crate) workflow: Option<String>,
}

/// How much of a list, and in which form.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn usd(text: &str) -> Result<Money, String> {
    text.trim_start_matches('$')
        .parse::<f64>()
        .ok()
        .and_then(Money::from_usd)
        .filter(|money| *money >= Money::ZERO)
        .ok_or_else(|| "give an amount of dollars such as 0.50".to_owned())
}

/// One flag per setting that is no secret, from the table of settings: a derived struct would be a second list.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingFlags(pub(crate) Flags);

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS.iter().filter(|setting| !setting.secret) {
            if let Some(value) = matches.get_one::<String>(setting.name) {
                self.0.insert(setting.name, value.clone());
            }
        }
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().filter(|setting| !setting.secret).fold(command, |command, setting| {
            let flag = clap::Arg::new(setting.name)
                .long(setting.flag())
                .value_name(setting.value)
                .help(format!("{} [{}; default: {}]", setting.help, setting.name, setting.default))
                .help_heading("Settings")
                .hide_short_help(true)
                .global(true);
            let long = setting.long_flag();
            command.arg(if long == setting.flag() { flag } else { flag.alias(long) })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(arguments: &[&str]) -> Cli {
        Cli::try_parse_from(std::iter::once("nexus").chain(arguments.iter().copied())).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_are_flags_before_and_after_the_command_under_both_names() {
        for arguments in [
            &["--http-addr", "127.0.0.1:0", "up"][..],
            &["up", "--http-addr", "127.0.0.1:0"],
            &["up", "--nexus-http-addr=127.0.0.1:0"],
        ] {
            assert_eq!(parse(arguments).settings.0.get("NEXUS_HTTP_ADDR").unwrap(), "127.0.0.1:0");
        }
        assert!(parse(&["up"]).settings.0.is_empty());
    }

    #[test]
    fn secrets_are_no_flags() {
        for secret in ["--openai-api-key", "--api-keys", "--nexus-api-keys", "--qdrant-api-key", "--api-key"]
        {
            assert!(Cli::try_parse_from(["nexus", "up", secret, "x"]).is_err(), "{secret}");
        }
    }

    #[test]
    fn budgets_are_amounts() {
        assert_eq!(usd("0.5").unwrap(), Money::from_picos(500_000_000_000));
        assert!(usd("-1").is_err() && usd("much").is_err() && usd("NaN").is_err());
    }

    #[test]
    fn names_of_roles_are_those_on_the_command_line() {
        for role in Role::value_variants() {
            assert_eq!(role.to_possible_value().unwrap().get_name(), role.name());
        }
    }
}
