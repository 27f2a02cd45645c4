//! `garner ask --chat`: a conversation on the terminal, or one that a pipe holds.
//!
//! It talks to a proxy of its own, like a client of `garner run`: what a turn was given stays as it
//! was, nothing is told twice, and what does not fit is shed, all by the same code. The conversation
//! itself is only here, and goes with the program.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use garner_kernel::Text;
use garner_loader::inject::{Message, Role};
use garner_serve::{Injecting, Ollama, Proxy, Settings, Summary};
use tokio::sync::mpsc::{Receiver, channel};

use super::Arguments;
use crate::commands::serve::url;
use crate::context::Context;
use crate::error::Error;
use crate::proxy::{self, signals};
use crate::runtime::runtime;
use crate::spool;

/// What stands before a line that a person types.
const PROMPT: &str = ">>> ";
/// How long a turn waits for the store: a person who types does not notice a second.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
/// The longest line that is read, in bytes.
const LONGEST: u64 = 1 << 20;
/// The status of a program that a person interrupts.
const INTERRUPTED: u8 = 130;

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let injecting = proxy::injecting(&arguments.filters, &[], context);
    let settings = Settings {
        listen: "127.0.0.1:0".to_owned(),
        upstream: context.environment.ollama.clone(),
        host_name: None,
        origins: Vec::new(),
        injection: Some(Injecting { deadline: PATIENCE, ..injecting }),
        learning: arguments.learn.then(|| spool::keep_conversations(context)),
    };
    let runtime = runtime()?;
    let ended = runtime.block_on(with_proxy(settings, arguments, context));
    runtime.shutdown_background();
    ended
}

async fn with_proxy(
    settings: Settings,
    arguments: &Arguments,
    context: &Context,
) -> Result<(), Error> {
    // A model that is not there is told before anything is typed.
    let facts = Ollama::new(&settings.upstream)?.show(&arguments.model).await?;
    if facts.remote {
        context.output.warn("this model runs at a third party: nothing is injected");
    }
    let proxy = Proxy::bind(settings).await?;
    let ollama = Ollama::through(&url(proxy.address()))?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let proxy = tokio::spawn(proxy.run(async move { drop(stopped.await) }));
    let ended = talk(&ollama, arguments, context).await;
    // An idle connection would be waited for.
    drop((stop, ollama));
    // What was injected is in the log before the program ends.
    let _ = proxy.await;
    ended
}

/// Asks one line after the other, until there are no more.
async fn talk(ollama: &Ollama, arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let by_hand = std::io::stdin().is_terminal();
    let mut interrupts = signals::Interrupts::new().map_err(Error::Runtime)?;
    let mut lines = lines()?;
    let mut first = Some(arguments.question.join(" ")).filter(|question| !question.is_empty());
    let mut messages: Vec<Message> = Vec::new();
    loop {
        let question = match first.take() {
            Some(question) => question,
            None => {
                if by_hand {
                    context.output.print(PROMPT)?;
                }
                let line = tokio::select! {
                    line = lines.recv() => line,
                    () = interrupts.next() => return Err(Error::Ended { status: INTERRUPTED }),
                };
                let Some(line) = line.transpose()? else { break };
                line
            }
        };
        if question.trim().is_empty() {
            continue;
        }
        messages.push(Message { role: Role::User, content: Text::new(question) });
        let mut answer = String::new();
        let answered = tokio::select! {
            answered = said(ollama, &arguments.model, &messages, &mut answer, context) => Some(answered),
            () = interrupts.next() => None,
        };
        context.output.print("\n")?;
        if let Some(Ok(summary)) = &answered
            && arguments.explain
        {
            context.output.say(&explained(summary));
        }
        // What was shown was said, also where it was stopped; a question without an answer was not.
        if answer.is_empty() {
            messages.pop();
        } else {
            messages.push(Message { role: Role::Assistant, content: Text::new(answer) });
        }
        match answered {
            Some(Err(error)) if by_hand => context.output.warn(&error.to_string()),
            Some(Err(error)) => return Err(error),
            Some(Ok(_)) | None => {}
        }
    }
    if by_hand {
        context.output.print("\n")?;
    }
    Ok(())
}

/// Prints an answer as it comes, and keeps it.
async fn said(
    ollama: &Ollama,
    model: &str,
    messages: &[Message],
    answer: &mut String,
    context: &Context,
) -> Result<Summary, Error> {
    let mut print = |text: &str| {
        answer.push_str(text);
        // A broken pipe shows when the answer is finished.
        let _ = context.output.print(text);
    };
    Ok(ollama.chat(model, messages, &mut print).await?)
}

fn explained(summary: &Summary) -> String {
    let Summary { fragments, tokens, reason, .. } = summary;
    let placed = match fragments.as_deref() {
        None => "Nothing is in the prompt".to_owned(),
        Some(fragments) => {
            let tokens = tokens.map_or_else(String::new, |tokens| format!(" in {tokens} tokens"));
            format!("In the prompt{tokens}: {fragments}")
        }
    };
    let reason = reason.as_deref().map_or_else(String::new, |r| format!(" (this turn: {r})"));
    format!("{placed}{reason}.")
}

/// Reads lines on a thread of its own: nothing else can wait for them and for answers.
fn lines() -> Result<Receiver<Result<String, Error>>, Error> {
    let (sender, receiver) = channel(1);
    let read = move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            let line = match read {
                Ok(0) => return,
                Ok(_) => {
                    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
                }
                Err(error) => Err(Error::io("read", "standard input", error)),
            };
            let failed = line.is_err();
            // Whoever asks may have stopped.
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    };
    std::thread::Builder::new().spawn(read).map_err(Error::Runtime)?;
    Ok(receiver)
}
