//! The poison lint: what looks like an attack is set aside with the reason, never published.
//!
//! It looks at words and signs, after who spoke has been decided: text of low trust may not
//! instruct, and nobody's text may hide characters or forge the marks of a chat.

use garner_kernel::Trust;
use regex::bytes::{Regex, RegexBuilder};

use crate::error::Error;

/// Finds what looks like an attack.
#[derive(Debug)]
pub struct PoisonLint {
    checks: Vec<(&'static Check, Regex)>,
}

/// One kind of attack.
#[derive(Debug)]
struct Check {
    reason: &'static str,
    expression: &'static str,
    /// The highest trust whose text is looked at.
    upto: Trust,
}

/// Every check; `Operator` looks at all text.
const CHECKS: &[Check] = &[
    Check {
        reason: "forges the marks of a chat",
        expression: r"(?i)<\|[a-z_]{2,32}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|human|user)>|</?(?:system-reminder|function_calls|tool_result|garner-memory)\b|^\s*#{2,}\s*(?:system|instruction)s?\s*:|\n\s*(?:human|assistant|system)\s*:\s",
        upto: Trust::Operator,
    },
    Check {
        reason: "asks to ignore instructions",
        expression: r"(?i)\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(?:previous|prior|earlier|above|all|any|system|your|other)\b[^.\n]{0,30}\b(?:instructions?|rules?|prompts?|guidelines?|directives?|safety|restrictions?|constraints?)\b",
        upto: Trust::Operator,
    },
    Check {
        reason: "gives the model another role",
        expression: r"(?i)\byou are now\b|\bnew (?:system )?(?:instructions?|prompt)\s*:|\b(?:developer|jailbreak|god|dan) mode\b|\bjailbr(?:eak|oken)\b|\breveal\b[^.\n]{0,20}\bsystem prompt\b|\bpretend (?:to be|you)\b",
        upto: Trust::Operator,
    },
    Check {
        reason: "asks to hide something from the person",
        expression: r"(?i)\b(?:without|do not|don't|never) (?:tell|telling|inform|informing|ask|asking|notify|notifying|mention|mentioning|alert|alerting)\b[^.\n]{0,20}\b(?:user|person|human|anyone|operator|owner|developer|them)\b|\bsecretly\b|\bsilently (?:add|send|run|post|upload|install|include|execute|commit|push)\b",
        upto: Trust::Operator,
    },
    Check {
        reason: "runs a script from the network",
        expression: r"(?i)\b(?:curl|wget|iwr|irm|invoke-webrequest|fetch)\b[^\n|]{0,300}\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|z|da|fi|k)?sh\b|\b(?:curl|wget|iwr|irm)\b[^\n|]{0,300}\|\s*(?:sudo\s+)?(?:python3?|node|perl|ruby|php|iex)\b|(?:ba|z)?sh\s+(?:-c\s+)?[\x22']?(?:<\(|\$\()\s*(?:curl|wget)|\beval\b[^\n]{0,20}(?:curl|wget|base64)|base64\s+(?:-d|-D|--decode)[^\n]{0,80}\|\s*\S*sh\b|powershell[^\n]{0,40}\s-e(?:nc|ncodedcommand)?\s|\bnc\s+-e\b|/dev/tcp/|\brm\s+-rf\s+[~/]",
        upto: Trust::Operator,
    },
    Check {
        reason: "moves credentials",
        expression: r"(?i)\b(?:send|sends|post|posts|upload|uploads|exfiltrate|forward|email|e-mail|leak|share|submit|transmit|paste|publish|curl|print|echo|dump|cat|attach|append|embed)\b[^.\n]{0,80}(?:\b(?:credentials?|secrets?|api[ _-]?keys?|access tokens?|auth tokens?|tokens|passwords?|private keys?|ssh keys?|id_rsa|id_ed25519|environment variables|env vars)\b|\.env\b|~?/\.(?:aws|ssh|npmrc|netrc)|\bprintenv\b)",
        upto: Trust::Assistant,
    },
    Check {
        reason: "weakens protection",
        expression: r"(?i)\b(?:disable|turn off|skip|bypass|remove)\b[^.\n]{0,30}\b(?:security|ssl|tls|certificate|signature|auth(?:entication|orization)?|permission|sandbox|antivirus|firewall|2fa|mfa)\b[^.\n]{0,20}\b(?:checks?|verification|validation|prompts?|mode|controls?|protections?)\b|--dangerously-skip-permissions|\b(?:chmod\s+(?:-R\s+)?777|--no-verify-ssl|strict-ssl\s+false)\b",
        upto: Trust::Digest,
    },
    Check {
        reason: "holds a long encoded text",
        expression: r"(?:[A-Za-z0-9+/]{100,}={0,2}|(?:\\x[0-9a-fA-F]{2}){16,}|(?:%[0-9a-fA-F]{2}){20,})",
        upto: Trust::Operator,
    },
    Check {
        reason: "instructs although nobody vouches for it",
        expression: r"(?i)\b(?:you|assistant|claude|the agent|the model|ai|models?|agents?) (?:must|should|shall|need to|have to|will always|are required)\b|\b(?:always|never|from now on|important:|remember to|make sure|be sure)\b",
        upto: Trust::Digest,
    },
];

impl PoisonLint {
    /// Compiles the checks.
    ///
    /// # Errors
    /// [`Error::Pattern`] names one that does not compile.
    pub fn new() -> Result<Self, Error> {
        let compile = |check: &'static Check| {
            let regex =
                RegexBuilder::new(check.expression).multi_line(true).build().map_err(|source| {
                    Error::Pattern { rule: check.reason, source: Box::new(source) }
                })?;
            Ok((check, regex))
        };
        Ok(Self { checks: CHECKS.iter().map(compile).collect::<Result<_, Error>>()? })
    }

    /// Returns why `text` looks like an attack when somebody of this trust said it.
    pub fn reason(&self, text: &str, trust: Trust) -> Option<&'static str> {
        if has_hidden_characters(text) {
            return Some("hides characters");
        }
        self.checks
            .iter()
            .filter(|(check, _)| trust <= check.upto)
            .find(|(check, regex)| {
                regex.find_iter(text.as_bytes()).any(|found| {
                    let negated =
                        check.reason == "moves credentials" && is_forbidden(text, found.start());
                    !negated && !is_hex(found.as_bytes())
                })
            })
            .map(|(check, _)| check.reason)
    }
}

/// Returns whether what starts at `at` is forbidden by the words right before it ("never print").
fn is_forbidden(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().trim_end().to_lowercase();
    ["never", "don't", "do not", "must not", "should not", "not to", "cannot", "avoid"]
        .iter()
        .any(|word| before.ends_with(word))
}

/// A digest in hex is no hidden text.
fn is_hex(text: &[u8]) -> bool {
    text.len() <= 128 && text.iter().all(u8::is_ascii_hexdigit)
}

/// Returns whether a text holds characters that people do not see: zero-width, bidirectional
/// controls, tags. The joiner within emoji is fine.
fn has_hidden_characters(text: &str) -> bool {
    let mut previous = ' ';
    for c in text.chars() {
        let joins_emoji = c == '\u{200D}' && (previous >= '\u{2190}');
        let hidden = matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}');
        if hidden && !joins_emoji {
            return true;
        }
        previous = c;
    }
    false
}
