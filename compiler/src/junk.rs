//! Junk: what is said in every session and worth nothing later.
//!
//! Boot files and system prompts, what a memory system had injected, how a session went, what a
//! model says while it uses tools, profiles that it made up about people, code and lists of files
//! that stand in the repository anyway. Only text that no person stands behind is held to it; our
//! own marks are junk whoever repeats them.

use garner_kernel::{Kind, Trust};
use regex::bytes::{Regex, RegexBuilder};

use crate::error::Error;
use crate::rules::is_directive;

/// Why a statement about a person is junk, unless people said it themselves.
pub(crate) const PROFILE: &str = "describes a person";

/// A longer text before a colon is no heading, in bytes.
const LONGEST_HEADING: usize = 60;

/// Finds junk.
#[derive(Debug)]
pub(crate) struct JunkFilter {
    kinds: Vec<(&'static Junk, Regex)>,
}

/// One kind of junk.
#[derive(Debug)]
struct Junk {
    reason: &'static str,
    /// Whose text is looked at: up to this trust.
    upto: Trust,
    /// What is kept although it looks so.
    unless: Unless,
    expression: &'static str,
}

/// What lifts the suspicion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unless {
    Nothing,
    /// It tells what is open or where the work stands, by its kind.
    State,
    /// It tells somebody what to do.
    Directive,
}

/// Every kind of junk, most certain first.
const KINDS: &[Junk] = &[
    Junk {
        reason: "repeats what was injected",
        upto: Trust::Operator,
        unless: Unless::Nothing,
        expression: r"(?x)
          \[[0-9a-f]{12}\ (?:rule|preference|decision|correction|procedure|fix|fact|state|handoff)\ [0-9]{4}-[0-9]{2}-[0-9]{2}\ [a-z]+\]
        | Reference\ data\ from\ earlier\ sessions\.\ It\ may\ be\ outdated",
    },
    Junk {
        reason: "repeats a memory",
        upto: Trust::Assistant,
        unless: Unless::Nothing,
        expression: r"(?xi)
          ^\W*(?:recalled|retrieved|saved|added|stored|written|noted|recorded|remembered)\ (?:from|to|in|into)\ (?:long-term\ )?(?:memory|memory\.md|claude\.md|agents\.md|my\ notes|the\ notes)\b
        | ^\W*from\ (?:long-term\ )?memory\b
        | \b(?:according\ to|per|based\ on|from)\ (?:my|the|your|our|project|existing|previous|prior|earlier|injected|a\ previous|an\ earlier)\ ?(?:\w+\ )?(?:memory|memories|notes|conversations?|sessions?)\b
        | ^\W*(?:existing|relevant|related|injected|retrieved|stored|prior|past)\ memor(?:y|ies)\b
        | ^\W*memory(?:\ \d+\b|\s*:|\ (?:entry|retrieved|updated|saved))
        | \bmemory\ (?:file\ |entry\ )?(?:says|states|mentions|tells|notes|contains|records)\b
        | ^as\ (?:was\ )?(?:previously\ |already\ )?(?:noted|mentioned|stated|discussed|established|recorded|documented|we\ (?:discussed|agreed|established))\b
        | ^(?:updated|updating|refreshed)\ (?:the\ )?memory\b | ^i\ (?:remember|recall)\b
        | \balready\ (?:recorded|noted|saved|stored|documented)\ in\b | \bearlier\ memory\ entry\b
        | ^my\ notes\b | \blast\ (?:session|time),?\ (?:we|i|you)\b",
    },
    Junk {
        reason: "restates a boot file",
        upto: Trust::Assistant,
        unless: Unless::Nothing,
        expression: r"(?xi)
          \bthis\ file\ provides\ guidance\b | \bcli\ for\ claude\b | ^you\ are\ (?:claude|an?\ (?:ai|helpful|interactive|expert|coding))\b
        | ^you\ have\ (?:access\ to|the\ following)\b | ^today'?s?\ (?:date|is)\b | ^(?:current\ |primary\ )?working\ directory\b
        | \bis\ directory\ a\ git\ repo | ^platform\s*: | \bos\ version\s*: | ^(?:shell|hostname|username|time\ zone|timezone)\s*:
        | ^you\ are\ (?:powered|running)\b | \bknowledge\ cutoff\b | ^git\ ?status\s*: | \byou\ will\ usually\ use\ this\ for\ prs
        | ^(?:current|main|default)\ branch\s*[:(] | \badditional\ working\ directories\b | ^recent\ commits\s*:
        | ^codebase\ and\ user\ instructions\b | ^contents\ of\b.{0,120}\binstructions\b | ^as\ you\ answer\ the\ user
        | \bavailable\ for\ use\ with\ the\b | \bcontext\ may\ or\ may\ not\ be\ relevant\b
        | \bassist\ (?:the\ )?users?\b | ^the\ (?:system\ prompt|hook|environment\ block)\ \w+s?\b | \bsystem\ prompt\ (?:asks|says|tells|contains|instructs)\b
        | \bloaded\ from\ the\ (?:memory|instruction)s?\ ?files?\b | ^the\ (?:agent|assistant|model)\ (?:is|was|should|can|has|must)\b
        | \b(?:claude|agents|memory|gemini)\.md\ (?:file\ )?(?:contains|describes|provides|explains|lists|has)\b
        | \breadme(?:\.md)?\ (?:file\ )?(?:describes|contains|explains|lists|covers|says)\b
        | ^these\ instructions\b | ^(?:the\ )?following\ (?:tools|skills|agents|commands|servers)\ (?:are|is)\b",
    },
    Junk {
        reason: PROFILE,
        upto: Trust::Assistant,
        unless: Unless::State,
        expression: r"(?xi)
          ^(?:the\ )?(?:user|person|developer|human|client)(?:\ (?:persona|profile)\b|'s\ (?:communication|style|personality|mood|background|experience|skill|level|preferences?|goals?|tone|language)\b)
        | ^(?:the\ )?(?:user|person|developer|human)\ (?:also\ |really\ |often\ |usually\ |generally\ |clearly\ )?
          (?:seems?|appears?|tends?|values?|enjoys?|likes?|loves?|hates?|dislikes?|cares?|prefers?|appreciates?|expects?|trusts?|feels?|thinks?|believes?|knows?|understands?|might|may|probably|likely|works?\ (?:alone|at|as|in|from|on|with)|lives?|comes?|speaks?
          |has\ (?:a\ |an\ |some\ |deep\ |strong\ |good\ |little\ |years\ )?(?:background|experience|knowledge|interest|preference|sense|eye)
          |is\ (?:an?\ (?:[\w-]+\ ){0,3}(?:developer|engineer|expert|beginner|programmer|student|scientist|perfectionist|designer|manager|researcher|professional|person|founder|analyst|architect|maintainer|owner|novice)
             |(?:very\ |quite\ |somewhat\ |clearly\ |highly\ )?(?:likely|probably|comfortable|interested|curious|experienced|familiar|learning|detail|polite|careful|frustrated|happy|senior|junior|knowledgeable|based|impatient|patient|friendly|technical|proficient|skilled|new\ to|working\ (?:at|for|alone)|passionate|concerned|excited|busy|thorough|precise|fluent|meticulous|pragmatic)))\b",
    },
    Junk {
        reason: "tells how a session went",
        upto: Trust::Assistant,
        unless: Unless::State,
        expression: r"(?xi)
          ^(?:the\ )?(?:session|conversation|chat)\b.{0,24}\b(?:start|began|begun|ended|ends|stopp|paus|resum|compact|continu|clos|interrupt)
        | ^(?:the\ )?context\ (?:window\ )?(?:was|is|reached|ran)\b | \b(?:in|during|of|throughout)\ this\ session\b | \b(?:previous|last|current)\ session\b
        | ^(?:completed|finished|started|resumed|currently|continuing|working\ on|work\ in\ progress|in\ progress|wip|began|merged|deployed|pushed|committed)\b
        | ^(?:all\ )?(?:of\ the\ )?(?:\d+\ )?(?:unit\ |integration\ )?(?:tests?|checks?|todos?|tasks?|items?)\ (?:now\ |all\ )?(?:pass(?:ed|es)?(?:\ now|\ again|\ after|[.,!]|$)|are\ (?:now\ )?(?:marked|green|done|complete|completed|passing)|have\ been|succeed|were\ (?:run|added|done))
        | ^(?:the\ )?(?:build|ci|lint|linter|deploy|deployment|type\ check)\ (?:now\ )?(?:succeeded|passed|passes|is\ (?:now\ )?(?:green|clean|passing))\b
        | ^(?:the\ )?commit\ [0-9a-f]{7,40}\b | \b(?:was|were)\ pushed\ to\b | ^(?:pull\ request|pr|mr|issue)\ \#?\d+\ (?:was|is|has)\b
        | \b(?:branch|tag|worktree)\ \S+\ (?:was|is\ now|has\ been)\ (?:created|checked|deleted|merged|pushed|rebased)\b
        | ^(?:next\ steps?|todo|fixme|to\ do|last\ updated|current\ status|status|progress|remaining|what's\ next)\b\s*(?:is|are|:)
        | ^(?:phase|step|part|milestone|task)\ \d+\b.{0,24}\b(?:is|are|was|done|complete|completed|finished|started|comes)
        | \bwaiting\ for\ (?:the\ )?(?:user|person|approval|input|review|ci)\b
        | ^(?:the\ )?(?:user|person)\ (?:has\ )?(?:approved|asked|requested|said|confirmed|replied|accepted|rejected|declined|wanted|wants|agreed|gave|provided|interrupted|thanked|greeted|pasted|shared|ran)\b
        | \brequest\ (?:was\ )?interrupted\b | \btokens?\ (?:were|was|have\ been)\ used\b | \bis\ (?:currently|now)\ (?:running|open|active|up|stopped)\b
        | ^the\ model\ (?:was|is)\b | ^everything\ (?:is|was|has)\b | ^no\ (?:errors?|warnings?|issues?|problems?|changes?)\ (?:were|was|remain|found|left)\b
        | ^(?:fixed|done|changed|added)\ (?:in|during)\ (?:this|the\ last)\b | ^(?:everything|nothing)\ (?:else\ )?(?:is|was|to)\b
        | ^(?:tests?|changes?|work|files?)\ (?:was|were|is|are)\ (?:now\ )?(?:run|staged|committed|pushed|saved|done|finished|paused|half)\b",
    },
    Junk {
        reason: "is talk around tools",
        upto: Trust::Assistant,
        unless: Unless::Nothing,
        expression: r"(?xi)
          ^\W*(?:let\ me|let's\ (?:take|check|look|see|run|try|start|begin|now|verify)|i'll|i\ will|i've|i\ have|i'm|i\ am|i\ can|i\ used|i\ see|i\ found|i\ need|i\ should|i\ was|i\ did|i\ also|i\ apologi[sz]e|i\ ran|i\ made|i\ created|i\ think
            |now\ (?:i|let|that\ i)|first,?\ (?:i|let)|next,?\ (?:i|let)|then\ i|looking\ at|checking\ (?:if|whether|the|for)|searching\ (?:for|the|in)|reading\ the|verifying|examining|investigating
            |great[!,.]|perfect[!,.]|excellent[!,.]|done[!.]|sure[!,.]|good[!,]|okay[,.]|ok[,.]|alright|awesome|sorry\b|you're\ (?:absolutely\ )?(?:right|welcome)|here(?:'s|\ is|\ are)\ (?:a|an|the|my|what)|as\ you\ can\ see|hopefully)
        | ^\W*(?:the\ )?(?:grep|search|glob|output|command|tool|bash|edit|write|read|edit\ tool|search\ tool|agent|subagent|script|linter|compiler|file)\ (?:call\ |tool\ )?(?:returned|shows?|showed|exited|failed|reported|printed|finished|completed|ran|succeeded|has\ been\ (?:updated|created|written|edited|saved)|created|was\ (?:created|updated|written|edited|saved|read))\b
        | ^\W*found\ (?:\d+|no|one|two|three|several)\b | ^\W*read\ \d+\ lines\b | ^\W*(?:successfully|file)\ (?:edited|created|updated|wrote|written|saved|read|ran|applied)\b
        | \bexited\ with\ (?:code|status)\ \d | ^\W*running\b.{0,60}(?:\bnow\b|\bin\ the\ background\b|\.\.\.|…)",
    },
    Junk {
        reason: "restates code",
        upto: Trust::Assistant,
        unless: Unless::Nothing,
        expression: r#"(?x)
          ^(?:pub(?:\([a-z]+\))?\ )?(?:async\ )?(?:fn|func|def|function)\ \w+\s*[(<] | ^(?:let|const|var|val|final|static)\ (?:mut\ )?[\w{}\[\],\ ]+\s*[:=]
        | ^(?:pub|export|public|private|protected|internal)\ (?:default|const|class|static|function|struct|enum|trait|use|mod|fn|async|void|interface|type|abstract|final|\w+\ \w+\()
        | ^(?:class|struct|enum|trait|interface|impl)\ \w+[^.]*[:({]\s*$ | ^impl\b.*\bfor\b | ^(?:use|using)\ [\w:]+(?:::|;)
        | ^import\ (?:[\w.]+(?:,\ ?[\w.]+)*;?$|.*\bfrom\ ['"]|\{) | ^from\ [\w.]+\ import\b | ^\#include\b | ^\#!?\[\w | ^package\ [\w.]+;?$
        | ^return\ \S+;?$ | ^(?:else\ )?(?:if|while|for|switch|match)\s?\(.*\) | ^(?:for|if|while|with|elif|match)\ .+[:{](?:\s|$) | ^(?:try|else|finally|except.*)\s*[:{]
        | ^(?i:select\ .+\ from\ \w|insert\ into\ \w|update\ \w+\ set\ |create\ (?:table|index)\ |delete\ from\ \w|alter\ table\ )
        | ^[a-z_][\w.]*\ [-+*/]?=\ [\[{("'\w] | ^[\w.]+!?\(.*\);?$ | ^\{.*\}[,;]?$ | ^</?[a-z][\w-]*[\s>/]
        | ^[-+]\ {2,}\S | ^@@\ -\d | ^[{}\[\]();,]+$ | ;\s*$ | \)\s*\{\s*$ | \{\ .*;\ ?\}"#,
    },
    Junk {
        reason: "lists files",
        upto: Trust::Assistant,
        unless: Unless::Directive,
        expression: r"(?xi)
          ^\s*(?:[|`\\]--|\xe2\x94[\x80-\xbf]) | ^[-dl][-rwxst]{9}(?:\s|$) | ^total\ \d+$ | ^(?:M|A|D|R|MM|AM|\?\?)\ \S+[./]\S+
        | ^(?:`?[\w@.-]*[./][\w./@-]*`?(?:\ \([^)]*\))?(?:,\ |\ and\ |,?\ |$)){2,}
        | ^(?:the\ )?`?[\w@-]*[./][\w./@*-]*`?(?:\ (?:folder|directory|file|module|crate|package))?\s*(?:-|\xe2\x80[\x93\x94]|:|=>|->|\()\s*\S
        | ^(?:the\ )?`?[\w@-]*[./][\w./@*-]*`?(?:\ (?:folder|directory|file|module|crate|package))?\ (?:contains?|holds?|has|houses|includes?|provides?|defines?|implements?|exports?|is\ (?:the|an?)\ (?:\w+\ ){0,3}(?:entry|manifest|library|main|module|file|folder|directory|root|config|configuration|component|script|crate|package|home)|(?:is|are)\ where|is\ for|handles?|describes?)\b
        | ^the\ `?[\w./-]+`?\ (?:folder|directory|module|crate|package)\ (?:contains?|holds?|has|houses|includes?|provides?|defines?|implements?|exports?|(?:is|are)\ where|is\ for|handles?|describes?)\b
        | ^the\ (?:project|repository|codebase|workspace|folder|directory|tree)\ (?:has\ (?:the\ following|(?:a|an|this)\ (?:\w+\ ){0,2}(?:structure|layout))|is\ (?:organi[sz]ed|structured)|consists\ of|contains\ the\ following|structure)\b
        | ^(?:project|directory|folder|file)\ (?:structure|tree|layout|overview)\b",
    },
];

impl JunkFilter {
    /// Compiles the expressions.
    ///
    /// # Errors
    /// [`Error::Pattern`] names one that does not compile.
    pub(crate) fn new() -> Result<Self, Error> {
        let compile = |junk: &'static Junk| {
            let regex = RegexBuilder::new(junk.expression).unicode(false).build();
            let regex = regex
                .map_err(|source| Error::Pattern { rule: junk.reason, source: Box::new(source) })?;
            Ok((junk, regex))
        };
        Ok(Self { kinds: KINDS.iter().map(compile).collect::<Result<_, Error>>()? })
    }

    /// Returns why a statement is junk when somebody of this trust said it as this kind.
    pub(crate) fn reason(&self, statement: &str, kind: Kind, trust: Trust) -> Option<&'static str> {
        let statement = statement.trim();
        let looked = self.kinds.iter().filter(|(junk, _)| trust <= junk.upto);
        let found = looked.filter(|(junk, _)| match junk.unless {
            Unless::Nothing => true,
            Unless::State => !matches!(kind, Kind::State | Kind::Handoff),
            Unless::Directive => !is_directive(statement),
        });
        let mut found = found.filter(|(_, regex)| {
            regex.is_match(statement.as_bytes())
                || below_heading(statement).is_some_and(|text| regex.is_match(text.as_bytes()))
        });
        found.next().map(|(junk, _)| junk.reason)
    }
}

/// Returns a statement without the heading that a short line takes along.
fn below_heading(statement: &str) -> Option<&str> {
    let (heading, text) = statement.split_once(": ")?;
    (heading.len() <= LONGEST_HEADING).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_marks_are_junk_whoever_repeats_them() {
        let filter = JunkFilter::new().unwrap();
        let marked = "[2535e52715a4 rule 2026-03-03 assistant] Migrations are never edited.";
        for trust in [Trust::Tool, Trust::Assistant, Trust::Human, Trust::Operator] {
            let reason = filter.reason(marked, Kind::Rule, trust);
            assert_eq!(reason, Some("repeats what was injected"), "{trust}");
        }
    }

    #[test]
    fn what_a_person_says_is_not_held_to_the_rest() {
        let filter = JunkFilter::new().unwrap();
        for text in ["I've decided on tabs.", "src/main.rs src/lib.rs", "Finished goods are red."] {
            assert_eq!(filter.reason(text, Kind::Fact, Trust::Human), None, "{text}");
            assert!(filter.reason(text, Kind::Fact, Trust::Assistant).is_some(), "{text}");
        }
    }
}
