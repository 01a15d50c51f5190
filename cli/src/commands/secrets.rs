//! `secrets`: setting, listing and forgetting what tools use and nobody reads. Not here: how it is kept
//! (`nexus-executor`).

use super::gather;
use crate::{
    args::SecretsCommand,
    exit::{Exit, Failure, Result},
    out::{self, Table},
};
use nexus_api::{
    CallCtx,
    secrets::{SecretValue, Secrets},
};
use serde_json::json;
use std::io::{IsTerminal, Read};

/// More is no secret but a mistake.
const MOST_BYTES: u64 = 1 << 20;

/// `nexus secrets …`.
pub(crate) async fn secrets(secrets: &dyn Secrets, command: &SecretsCommand) -> Result {
    let ctx = CallCtx::background();
    match command {
        SecretsCommand::Set { name } => {
            secrets.set_secret(&ctx, name.clone(), value()?).await?;
            out::note(&format!("{name} is set; tools name it as {{{{ secrets.{name} }}}}"));
        }
        SecretsCommand::List { list } => {
            let found = gather(list.limit, |page| secrets.list_secrets(&ctx, page)).await?;
            if list.json {
                out::json(&json!({ "items": found }));
                return Ok(Exit::Success);
            }
            let mut table = Table::new(&["name", "first set", "last set"], &[]);
            for secret in found {
                table.row(vec![secret.name, secret.created_at.to_string(), secret.updated_at.to_string()]);
            }
            table.print("there are no secrets");
        }
        SecretsCommand::Delete { name } => secrets.delete_secret(&ctx, name.clone()).await?,
    }
    Ok(Exit::Success)
}

/// The value from standard input: anyone on the machine can read a program's arguments. The end of the last line,
/// which `echo` and editors put there, is no part of it.
fn value() -> Result<SecretValue> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        out::note("type the value, then Enter and Ctrl-D; it is better piped, since a terminal shows it");
    }
    let mut text = String::new();
    stdin
        .by_ref()
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(|_| Failure::usage("the value on standard input is not valid UTF-8; encode it as base64"))?;
    let text = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text);
    if text.is_empty() {
        return Err(Failure::usage(
            "there is no value on standard input; pipe it: printf %s VALUE | nexus secrets set NAME",
        ));
    }
    Ok(SecretValue::new(text))
}
