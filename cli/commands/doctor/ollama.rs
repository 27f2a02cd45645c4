//! Whether the Ollama server answers that this machine uses, and has its models.

use std::time::Duration;

use garner_loader::inject::{Budget, Tokens};
use garner_serve::Ollama;

use super::{Finding, of_error, store};
use crate::commands::ask::DEFAULT_CONTEXT;
use crate::commands::setup::ollama;
use crate::context::{Context, EmbedderChoice};
use crate::error::Error;
use crate::proxy;
use crate::runtime::runtime;
use crate::table;

/// How long the server may take for all that it is asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server answers, and has the model that embeds and the one that was asked for.
///
/// That no server answers is a fault where one is used: a prompt got fragments once, a model of it
/// embeds, or `model` was asked for.
pub(super) fn server(model: Option<&str>, context: &Context) -> Result<Vec<Finding>, Error> {
    let embeds = match &context.environment.embedder {
        EmbedderChoice::Ollama(model) => Some(model.as_str()),
        _ => None,
    };
    let ollama = Ollama::new(&context.environment.ollama)?;
    let address = ollama.address();
    if context.global.offline && !proxy::is_near(&context.environment.ollama) {
        return Ok(vec![Finding::ok(format!("{address} was not asked, as `--offline` says"))]);
    }
    let runtime = runtime()?;
    let asking = async {
        let present = ollama.models().await?;
        let mut findings = vec![Finding::ok(format!(
            "{address} answers, and has {}",
            table::count(present.len(), "model")
        ))];
        for wanted in embeds.into_iter().chain(model) {
            let named = |name: &&String| *name == wanted || **name == format!("{wanted}:latest");
            if present.iter().find(named).is_none() {
                let says = format!("{address} has no model `{wanted}`");
                findings.push(Finding::warning(says, format!("ollama pull {wanted}")));
            } else if Some(wanted) == model {
                findings.push(room(wanted, &ollama).await?);
            }
        }
        Ok::<_, garner_serve::Error>(findings)
    };
    let said = runtime.block_on(async { tokio::time::timeout(PATIENCE, asking).await });
    runtime.shutdown_background();
    Ok(match said {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) if embeds.is_some() || model.is_some() || is_used(context)? => {
            vec![Finding { level: super::Level::Warning, ..of_error(&error.into()) }]
        }
        Ok(Err(error)) => vec![Finding::ok(format!("{error}, and none was needed yet"))],
        Err(_) => {
            let says = format!("{address} does not answer within {} s", PATIENCE.as_secs());
            vec![Finding::warning(says, "restart the server, for instance with `ollama serve`")]
        }
    })
}

/// Tells how much of a model's context is left to fragments.
async fn room(model: &str, ollama: &Ollama) -> Result<Finding, garner_serve::Error> {
    let facts = ollama.show(model).await?;
    if facts.remote {
        let says = format!("`{model}` runs at a third party: nothing is injected unless asked for");
        return Ok(Finding::ok(says));
    }
    let running = ollama.running_context(model).await?;
    let size = facts.context.or(running).unwrap_or(DEFAULT_CONTEXT);
    let budget = Budget::for_context(Tokens::new(size as usize), Tokens::new(0), None).total();
    Ok(if budget.get() == 0 {
        let says = format!("the context of `{model}` has {size} tokens: no fragment fits in");
        Finding::warning(says, "set `num_ctx` in its Modelfile, or OLLAMA_CONTEXT_LENGTH")
    } else {
        let tokens = budget.get();
        Finding::ok(format!("`{model}` has {size} tokens, up to {tokens} of them for fragments"))
    })
}

/// The proxy runs that shells send clients to.
pub(super) fn proxy(context: &Context) -> Result<Vec<Finding>, Error> {
    let Some(set_up) = ollama::find(context)? else { return Ok(Vec::new()) };
    let mut findings = Vec::new();
    for path in set_up.standing.missing {
        let says = format!("of what shells were told, `{}` is gone", path.display());
        findings.push(Finding::warning(says, "garner setup ollama"));
    }
    let Some(address) = set_up.proxy else { return Ok(findings) };
    if context.global.offline && !proxy::is_near(&address) {
        return Ok(findings);
    }
    let asked = Ollama::new(&address)?;
    let runtime = runtime()?;
    let said = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked.is_proxy()).await });
    let listen = address.split_once("://").map_or(&*address, |(_, listen)| listen);
    let fix = format!("garner serve --listen {listen}");
    findings.push(match said {
        Ok(Ok(true)) => Finding::ok(format!("the proxy answers at {address}")),
        Ok(Ok(false)) => {
            let says =
                format!("clients are sent to {address}, where a server without Garner answers");
            Finding::warning(says, format!("end that server, then {fix}"))
        }
        Ok(Err(_)) | Err(_) => {
            Finding::warning(format!("clients are sent to {address}, where nobody answers"), fix)
        }
    });
    Ok(findings)
}

/// Returns whether a prompt got fragments once.
fn is_used(context: &Context) -> Result<bool, Error> {
    let Some(store) = store::existing(context)? else { return Ok(false) };
    Ok(!store.injections(1)?.is_empty())
}
