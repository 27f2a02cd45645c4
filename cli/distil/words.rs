//! What is told of a model: before it is asked, and after.

use garner_compiler::distil::{Forecast, Plan, Tally, Usage};

use super::Price;
use crate::table;

/// What a run would take, in a line or two.
pub(super) fn forecast(
    (llm, model): (&str, &str),
    plan: &Plan,
    forecast: &Forecast,
    (budget, price): (u64, Option<Price>),
) -> String {
    let mut text = String::new();
    if plan.answered() > 0 {
        let windows = table::count(plan.answered(), "window");
        text.push_str(&format!(
            "Passed over {windows} that a model answered before (`--again` asks again).\n"
        ));
    }
    if plan.unsendable() > 0 {
        let texts = table::count(plan.unsendable() as usize, "text");
        text.push_str(&format!("Kept {texts} here because a secret stayed visible.\n"));
    }
    let windows = table::count(forecast.windows, "window");
    let usage = Usage { input: forecast.input, output: forecast.output, dollars: None };
    text.push_str(&format!(
        "To ask `{model}` ({llm}) about {windows} takes at most about {} tokens in and {} out, {}.\n",
        forecast.input,
        forecast.output,
        cost(price, usage),
    ));
    if forecast.covered < forecast.windows {
        text.push_str(&format!(
            "The budget of {budget} tokens is sure to cover {}; the rest goes as far as it reaches.\n",
            forecast.covered
        ));
    }
    text
}

/// What a run took and brought.
pub(super) fn tally(model: &str, tally: &Tally, price: Option<Price>) -> String {
    let Tally { usage, dropped, faults, .. } = tally;
    let dollars = usage
        .dollars
        .map_or_else(String::new, |dollars| format!("; the replies name {dollars:.4} US dollars"));
    let mut text = format!(
        "Asked `{model}` about {} of {} in {}: {} tokens in and {} out, {}{dollars}.\n",
        tally.asked,
        table::count(tally.windows, "window"),
        table::count(tally.requests, "request"),
        usage.input,
        usage.output,
        cost(price, *usage),
    );
    text.push_str(&format!(
        "It proposed {} statements, {} of them with evidence.\n",
        tally.proposed, tally.kept
    ));
    for (what, counts) in [("Dropped", dropped), ("Answers of no use", faults)] {
        if !counts.is_empty() {
            let parts: Vec<String> =
                counts.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
            text.push_str(&format!("{what}: {}.\n", parts.join(", ")));
        }
    }
    if tally.left_out > 0 {
        let windows = table::count(tally.left_out, "window");
        text.push_str(&format!(
            "Left out {windows} that the budget does not cover; the next run asks about them.\n"
        ));
    }
    text
}

fn cost(price: Option<Price>, usage: Usage) -> String {
    match price {
        Some(price) => format!("{:.4} at {price} for a million", price.of(usage)),
        None => "price unknown".to_owned(),
    }
}
