//! Texts from a seed.

/// A question of eight words.
pub(crate) const SHORT: &str = "which port does the staging database listen on?";
/// The texts of a batch.
pub(crate) const BATCH: usize = 256;

/// Words of statements that sessions leave.
const WORDS: &str = "the a cache store is are was of to in for with and or not when before after \
    database migration forecast cluster token signature publisher timeout retry queue worker index \
    test build release branch commit review deploy rollback config secret key certificate port host \
    latency throughput memory vector fragment manifest channel bundle reader writer lock thread \
    always never prefer use avoid keep remove rename check measure document because instead only";

/// Returns a text of about 100 words.
pub(crate) fn long(number: usize) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut state = number as u64 + 1;
    let mut next = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % bound
    };
    let count = 80 + next(41);
    let mut text = String::new();
    for place in 0..count {
        text.push_str(words.get(next(words.len())).copied().unwrap_or_default());
        text.push_str(if place % 12 == 11 { ". " } else { " " });
    }
    text
}

/// Returns the texts of a batch.
pub(crate) fn batch() -> Vec<String> {
    (0..BATCH).map(long).collect()
}
