//! The words that texts are made of, the frequent ones first.

use std::collections::BTreeSet;

/// Words without a subject of their own; the most frequent ones of any text.
const FUNCTION_WORDS: &str = "the of and to in a is that for it was on with as be by at this from \
    are or an have not which but has were had they their we when there if more will would who so \
    what about into than its can only other could these then some do such";

/// Words of the trade. Those of the peer's own queries come first, so that these find something.
const SUBJECT_WORDS: &str = "database query memory rust sqlite text search deployment optimization \
    allocation garbage collector kubernetes monitoring ownership borrow checker full fts5 index \
    cache server release build test error token request response session config thread queue \
    worker process migration schema table column row key value vector embedding model prompt \
    kernel bundle channel publisher reader version rollback commit branch merge conflict review \
    draft policy storage bucket folder file path network socket port proxy timeout retry limit \
    rate latency throughput monitor alert metric trace log event signal callback future stream \
    batch buffer allocator pointer reference compiler linker loader parser lexer grammar syntax \
    macro trait generic lifetime closure iterator function method field module package dependency \
    workspace crate feature flag option result panic container image volume cluster node replica \
    shard partition leader follower quorum snapshot backup restore archive restart shutdown \
    startup health probe gateway router endpoint service client browser cookie header payload \
    encoding decoding compression encryption signature digest certificate password secret \
    permission role account tenant invoice payment order customer product catalog price discount \
    currency report dashboard chart filter sort page layout style color font button form dialog \
    menu window screen keyboard mouse gesture animation texture shader physics engine planner \
    optimizer estimate cost plan join scan sequence docker terraform postgres redis kafka python \
    typescript golang linux windows android sensor battery firmware driver clock timer calendar \
    holiday meeting budget deadline roadmap ticket incident postmortem runbook oncall pager hotfix \
    staging production sandbox fixture coverage benchmark profile flame heap stack register";

const PREFIXES: [&str; 10] =
    ["", "re", "un", "pre", "over", "sub", "inter", "non", "multi", "auto"];
const ROOTS: &str = "act adapt align alter anchor apply argue arrange assign attach balance bind \
    block bound break bridge bring build call carry cast chain change charge claim clean close \
    code collect combine compare connect consider contain control convert copy count cover create \
    cross cut deal decide define deliver depend derive describe design detect direct divide draw \
    drive drop enter equal escape expect explain extend fail feed fetch find fit fix fold follow \
    force form frame gather grant group grow guard guide hold host join keep label land lead learn \
    level lift link list load lock map mark match measure mix model mount move name notice observe \
    offer open order pack pair parse pass pick pin place plan play point press print prove pull push";
const SUFFIXES: [&str; 18] = [
    "", "s", "ed", "ing", "er", "ers", "able", "ment", "ments", "ation", "ations", "or", "ive",
    "ively", "ness", "less", "ful", "ity",
];

/// Words in the order of how often they come, drawn by Zipf's law.
pub(crate) struct Vocabulary {
    words: Vec<String>,
    /// The share of all draws that falls on a word or one before it.
    upto: Vec<f64>,
}

impl Vocabulary {
    pub(crate) fn new() -> Self {
        let mut seen = BTreeSet::new();
        let mut words: Vec<String> = Vec::new();
        let plain = FUNCTION_WORDS.split_whitespace().chain(SUBJECT_WORDS.split_whitespace());
        let made = SUFFIXES.into_iter().flat_map(|suffix| {
            PREFIXES.into_iter().flat_map(move |prefix| {
                ROOTS.split_whitespace().map(move |root| format!("{prefix}{root}{suffix}"))
            })
        });
        for word in plain.map(str::to_owned).chain(made) {
            if seen.insert(word.clone()) {
                words.push(word);
            }
        }
        let mut sum = 0.0;
        let mut upto: Vec<f64> = Vec::with_capacity(words.len());
        for rank in 0..words.len() {
            sum += 1.0 / (rank as f64 + 2.7);
            upto.push(sum);
        }
        for share in &mut upto {
            *share /= sum;
        }
        Self { words, upto }
    }

    /// Returns how many words of no subject come first.
    pub(crate) fn function_words() -> usize {
        FUNCTION_WORDS.split_whitespace().count()
    }

    /// Returns how many words of the trade come after those.
    pub(crate) fn subject_words() -> usize {
        SUBJECT_WORDS.split_whitespace().count()
    }

    pub(crate) const fn len(&self) -> usize {
        self.words.len()
    }

    /// Returns the word of a rank; ranks beyond the last one start again.
    pub(crate) fn word(&self, rank: usize) -> &str {
        self.words.get(rank % self.words.len()).map_or("", String::as_str)
    }

    /// Returns the rank of a number from 0 to 1.
    pub(crate) fn rank(&self, share: f64) -> usize {
        self.upto.partition_point(|upto| *upto < share).min(self.words.len() - 1)
    }
}
