//! The page of results.

use super::TUNED_ON;
use super::locomo::Form;
use super::machine::{machine, today};
use super::measure::Tally;
use super::set::Built;
use super::way::Way;

/// Returns what stands above the tables.
pub(crate) fn head() -> String {
    format!(
        "# Recall, how good\n\n\
         `cargo bench --bench recall_quality -- --save` on {}, {}; 2 vCPU of an AMD EPYC, AVX2, 23 \
         GB, Linux x86-64. `--own` leaves LoCoMo out, `--tune` prints the grid of weights.\n\n\
         Vectors are those of all-MiniLM-L6-v2 on ONNX Runtime. R@k is the share of the right \
         fragments that are among the first k hits, a mean over the questions; hit@10 the share of \
         questions with a right fragment among the first ten; MRR the mean of one over the place of \
         the first right one, 0 where it is not among {limit}. Every way is asked for {limit} hits.\n\n\
         \"FTS5 alone\" is a plain table with stems that is asked for any word of the question but \
         stop words. The recipe of memori-ai-core 0.7.1 is rebuilt from what it does: all words in \
         FTS5, all vectors, rank fusion.\n",
        machine(),
        today(),
        limit = super::measure::LIMIT,
    )
}

/// Returns the tables of one form of LoCoMo: the half that weights were not tuned on, then the other
/// one, then all.
pub(crate) fn locomo(form: Form, built: &[Built], halves: &[(Way, [Tally; 2])]) -> String {
    let sizes: Vec<usize> = built.iter().map(|built| built.set.fragments.len()).collect();
    let questions: u32 =
        halves.first().map_or(0, |(_, [tuned, other])| tuned.questions + other.questions);
    let mut text = format!(
        "\n## LoCoMo, {}\n\n{} conversations of {} to {} fragments, {} in all; {questions} questions. \
         Every fragment is a fact of full trust and confidence, made on the day of its session, and \
         asked for on the day of the last one.\n",
        form.name(),
        built.len(),
        sizes.iter().min().copied().unwrap_or_default(),
        sizes.iter().max().copied().unwrap_or_default(),
        sizes.iter().sum::<usize>(),
    );
    let (tuned, other) = built.split_at(built.len().min(TUNED_ON));
    let last = built.len().saturating_sub(1);
    let title = format!("Conversations {TUNED_ON} to {last}, which no weight was tuned on");
    text += &part(&title, halves, &unanswered(other), |[_, other]| *other);
    let title = format!("Conversations 0 to {}, which the weights were tuned on", TUNED_ON - 1);
    text += &part(&title, halves, &unanswered(tuned), |[tuned, _]| *tuned);
    text +=
        &part("All conversations", halves, &unanswered(built), |[tuned, other]| tuned.and(other));
    text
}

fn unanswered(built: &[Built]) -> Tally {
    Tally::missed(built.iter().map(|built| built.set.unanswered).sum())
}

/// Returns a table, and below it what it would say with the questions that nothing answers.
fn part(
    title: &str,
    halves: &[(Way, [Tally; 2])],
    missed: &Tally,
    pick: fn(&[Tally; 2]) -> Tally,
) -> String {
    let rows: String =
        halves.iter().map(|(way, tallies)| row(way.name(), &pick(tallies))).collect();
    let questions = halves.first().map_or(0, |(_, tallies)| pick(tallies).questions);
    let mut text = format!("\n{title} ({questions} questions):\n\n{HEAD}{rows}");
    if missed.questions > 0 {
        let all = |(way, tallies): &(Way, [Tally; 2])| {
            let [_, five, ten, _] = pick(tallies).and(missed).recall();
            format!("{} {five:.3} and {ten:.3}", way.name())
        };
        let told = [Way::Peer, Way::Alone, Way::Default];
        let all: Vec<String> =
            halves.iter().filter(|(way, _)| told.contains(way)).map(all).collect();
        text += &format!(
            "\nWith {} more questions that no fragment answers, counted as missed, R@5 and R@10 are: {}.\n",
            missed.questions,
            all.join("; ")
        );
    }
    text
}

/// The head of a table of ways.
pub(crate) const HEAD: &str =
    "| | R@1 | R@5 | R@10 | R@20 | hit@10 | MRR |\n|---|---|---|---|---|---|---|\n";

/// Returns a row of a table of ways.
pub(crate) fn row(name: &str, tally: &Tally) -> String {
    let [one, five, ten, twenty] = tally.recall();
    let (hit, mrr) = (tally.hit(), tally.mrr());
    format!("| {name} | {one:.3} | {five:.3} | {ten:.3} | {twenty:.3} | {hit:.3} | {mrr:.3} |\n")
}
