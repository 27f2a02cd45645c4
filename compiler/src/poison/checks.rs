//! The checks of the poison lint as data: what an attack says, and whose text is held to it.

use garner_kernel::Trust;

/// One kind of attack.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) reason: &'static str,
    pub(super) expression: &'static str,
    /// What a text must hold before the expression runs: ordinary text costs next to nothing.
    pub(super) gate: Gate,
    /// The highest trust whose text is looked at; `Operator` means all text.
    pub(super) upto: Trust,
    /// Whether "never" in front of it makes it harmless.
    pub(super) may_be_forbidden: bool,
}

/// What lets a text through to an expression.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gate {
    Always,
    /// One of these, in lower case.
    Holds(&'static [&'static str]),
    /// A run of at least so many bytes without a space.
    LongWord(usize),
}

impl Gate {
    /// Returns whether `text`, in lower case, is let through.
    pub(super) fn opens(self, text: &str) -> bool {
        match self {
            Self::Always => true,
            Self::Holds(words) => words.iter().any(|word| text.contains(word)),
            Self::LongWord(least) => text.split_ascii_whitespace().any(|word| word.len() >= least),
        }
    }
}

impl Check {
    /// Returns whether the check also looks at what an assistant says after it read from outside;
    /// that it instructs is no reason there, since a person may still accept it.
    pub(super) fn concerns_taint(&self) -> bool {
        self.upto >= Trust::Digest && self.reason != INSTRUCTS
    }
}

/// Why a summary may not instruct.
const INSTRUCTS: &str = "instructs although nobody vouches for it";

const fn check(reason: &'static str, upto: Trust, gate: Gate, expression: &'static str) -> Check {
    Check { reason, expression, gate, upto, may_be_forbidden: false }
}

/// Every check; the first that finds something names the reason.
pub(super) const CHECKS: &[Check] = &[
    check(
        "forges the marks of a chat",
        Trust::Operator,
        Gate::Holds(&[
            "<",
            "[inst",
            "[/inst",
            "[system",
            "[/system",
            "##",
            "human",
            "assistant",
            "system",
            "-----",
        ]),
        r"(?ix)
          <\|[a-z_]{2,32}\|> | <(?:start|end)_of_turn> | \[/?INST\] | \[/?SYSTEM\] | <</?SYS>>
        | </?(?:system|assistant|human|user|developer|important|instructions?)>
        | </?(?:system-reminder|function_calls|function_results?|tool_result|tool_use|tool_call|garner-memory|user-memory-input)\b
        | </?(?:antml:)?(?:invoke|parameter)\b
        | ^\s*\#{2,}\s*(?:system|instruction)s?\s*:
        | \n\s*(?:human|assistant|system)\s*:\s
        | -----\s*(?:begin|end)\ (?:system\ )?(?:prompt|instructions?)\s*-----",
    ),
    check(
        "forges the marks of a chat",
        Trust::Digest,
        Gate::Always,
        r"^\s*(?:SYSTEM|ASSISTANT|ADMIN|DEVELOPER|NOTE TO (?:THE )?(?:ASSISTANT|AI|MODEL|AGENT)|ATTENTION (?:AI|ASSISTANT|AGENT)S?)\s*:",
    ),
    check(
        "asks to ignore instructions",
        Trust::Operator,
        Gate::Holds(&["ignore", "disregard", "forget", "override", "bypass"]),
        r"(?i)\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(?:previous|prior|earlier|above|all|any|system|your|other)\b[^.\n]{0,30}\b(?:instructions?|rules?|prompts?|guidelines?|directives?|safety|restrictions?|constraints?)\b",
    ),
    check(
        "gives the model another role",
        Trust::Operator,
        Gate::Holds(&[
            "you are",
            "instruction",
            "prompt",
            " mode",
            "jailbr",
            "pretend",
            "no restrictions",
            "no limit",
            "no rules",
            "act as",
            "safety",
        ]),
        r"(?ix)
          \byou\ are\ now\b | \bnew\ (?:system\ )?(?:instructions?|prompt)\s*:
        | \b(?:enter|enable|switch\ to|activate|you\ are\ in)\b[^.\n]{0,20}\b(?:developer|debug|admin)\ mode\b
        | \b(?:jailbreak|god|dan)\ mode\b | \bjailbr(?:eak|oken)\b
        | \breveal\b[^.\n]{0,20}\bsystem\ prompt\b | \bpretend\ (?:to\ be|you)\b
        | \b(?:assistant|agent|model|claude|you)\b[^.\n]{0,20}\b(?:has|have)\ no\ (?:restrictions|limits|limitations|rules)\b
        | \bact\ as\b[^.\n]{0,40}\b(?:admin(?:istrator)?|root|owner|unrestricted|full\ (?:rights|access|control))\b
        | \bsafety\ (?:rules|filters|guidelines)\b[^.\n]{0,20}\b(?:do\ not|don't|no\ longer)\ apply\b",
    ),
    check(
        "asks to hide something from the person",
        Trust::Operator,
        Gate::Holds(&["without", "do not", "don't", "never", "secretly", "silently"]),
        r"(?ix)
          \b(?:without|do\ not|don't|never)\ (?:tell|inform|ask|notify|mention|alert|warn)(?:ing)?\b[^.\n]{0,40}\b(?:user|person|human|anyone|operator|owner|developer|them)\b
        | \bsecretly\b
        | \bsilently\ (?:add|send|run|post|upload|install|includ|execut|commit|push|forward|copy)(?:e|ing|ting)?\b",
    ),
    check(
        "runs a script from the network",
        Trust::Operator,
        Gate::Holds(&[
            "curl",
            "wget",
            "iwr",
            "irm",
            "invoke-",
            "fetch",
            "eval",
            "exec(",
            "base64",
            "powershell",
            "iex",
            "nc ",
            "/dev/tcp",
            "rm ",
            "pip",
            "npm",
        ]),
        r"(?ix)
          \b(?:curl|wget|iwr|irm|invoke-webrequest|fetch)\b[^\n|]{0,300}\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|z|da|fi|k)?sh\b
        | \b(?:curl|wget|iwr|irm)\b[^\n|]{0,300}\|\s*(?:sudo\s+)?(?:python3?|node|perl|ruby|php|iex)\b
        | (?:(?:ba|z)?sh|source|\.)\s+(?:-c\s+)?[\x22']?(?:<\(|\$\()\s*(?:curl|wget)
        | \beval\b[^\n]{0,20}(?:curl|wget|base64|atob) | \bexec\([^\n]{0,40}(?:urlopen|requests\.get|base64)
        | base64\s+(?:-d|-D|--decode)[^\n]{0,80}\|\s*\S*sh\b
        | powershell[^\n]{0,40}\s-e(?:nc|ncodedcommand)?\s | \biex\s*\( | \bInvoke-Expression\b
        | \bnc\s+-e\b | /dev/tcp/ | \brm\s+-rf\s+(?:~|/(?:\s|$)|\$HOME)
        | \bpip3?\s+install\b[^\n]{0,80}(?:--(?:extra-)?index-url|git\+)[^\n]{0,120}
        | \bnpm\s+(?:i|install|config\ set)\b[^\n]{0,80}--?registry[^\n]{0,120}",
    ),
    Check {
        reason: "moves credentials",
        gate: Gate::Holds(&[
            "credential",
            "secret",
            "key",
            "token",
            "password",
            "id_rsa",
            "id_ed25519",
            "environment var",
            "env var",
            ".env",
            "/.aws",
            "/.ssh",
            "/.npmrc",
            "/.netrc",
            "/.kube",
            "/.gnupg",
            "printenv",
            "exfiltrat",
        ]),
        upto: Trust::Assistant,
        may_be_forbidden: true,
        expression: r"(?ix)
          \b(?:send|post|upload|exfiltrate|forward|e-?mail|mail|leak|shar|submit|transmit|paste|publish|curl|print|echo|dump|cat|attach|append|embed|includ|pass|copy|read|reply)(?:s|e|es|ed|ing|ting)?\b[^.\n]{0,60}
          (?:\b(?:credentials?|secrets?|api[\ _-]?keys?|api\ tokens?|access\ tokens?|auth\ tokens?|deploy\ keys?|passwords?|private\ keys?|ssh\ keys?|id_rsa|id_ed25519|environment\ variables|env\ vars)\b|\.env\b|~?/\.(?:aws|ssh|npmrc|netrc|kube|gnupg)|\bprintenv\b)
          [^.\n]{0,60}\b(?:to|into|as|at|in|with|via|through|on|for|so\ that)\b
        | \bexfiltrat | \b(?:dump|print|echo)\b[^.\n]{0,20}\b(?:credentials?|secrets|environment\ variables|env\ vars)\b
        | \b(?:credentials?|secrets?|api\ keys?|deploy\ keys?|access\ tokens?|passwords?)\b[^.\n]{0,20}\b(?:must|should|shall|have\ to|need\ to)\ be\ (?:sent|posted|shared|mailed|uploaded|committed|published|printed)\b
        | \b(?:publish|commit|post)\ (?:all\ )?(?:the\ )?secrets\b",
    },
    check(
        "weakens protection",
        Trust::Digest,
        Gate::Always,
        r"(?ix)
          \b(?:disabl|turn(?:ing|ed)?\ off|skip|bypass|remov|deactivat)(?:e|es|ed|ing|ping|ped)?\b[^.\n]{0,30}\b(?:security|ssl|tls|certificates?|signatures?|auth(?:entication|orization)?|permissions?|sandbox|antivirus|firewall|2fa|mfa|reviews?|hooks?)\b
        | --dangerously-skip-permissions | --no-verify\b | --allow-unsafe\b
        | \b(?:chmod\s+(?:-R\s+)?777|--no-verify-ssl|strict-ssl\s+false|verify\s*=\s*false|--insecure|StrictHostKeyChecking[=\ ]no)\b
        | \bcertificates?\b[^.\n]{0,40}\b(?:need|needs|require)\b[^.\n]{0,20}\bno\b
        | \bwithout\ (?:a\ )?(?:review|asking|approval|confirmation|permission)\b",
    ),
    check(
        "holds a long encoded text",
        Trust::Operator,
        Gate::LongWord(48),
        r"(?:[A-Za-z0-9+/]{100,}={0,2}|(?:\\x[0-9a-fA-F]{2}){16,}|(?:%[0-9a-fA-F]{2}){20,}|(?:\\u[0-9a-fA-F]{4}){12,}|(?:&\#x?[0-9a-fA-F]{2,6};){12,})",
    ),
    check(
        "hides a comment or an address that carries data",
        Trust::Assistant,
        Gate::Holds(&["<!--", "![", "javascript:", "data:"]),
        r"<!--|!\[[^\]\n]*\]\(\s*https?://[^)\n]*[?&=][^)\n]*\)|(?i:\bjavascript:|data:text/html)",
    ),
    check(
        "claims what the person wants",
        Trust::Digest,
        Gate::Always,
        r"(?ix)
          \b(?:user|owner|person|operator|maintainer|admin(?:istrator)?)s?\ (?:has|have)?\ ?(?:already\ )?(?:approved|agreed|consented|authorized|pre-?approved|whitelisted)\b
        | \b(?:user|owner|person|operator)\ (?:prefers|likes|decided|decides|allows|permits|insists)\b
        | \bdo\ not\ ask\ (?:again|for)\b | \bno\ (?:need\ to\ ask|confirmation\ (?:is\ )?needed)\b",
    ),
    check(
        INSTRUCTS,
        Trust::Digest,
        Gate::Always,
        r"(?ix)
          \b(?:you|assistants?|claude|the\ agent|the\ model|ai|models?|agents?|developers)\ (?:must|should|shall|need\ to|have\ to|will\ always|are\ required)\b
        | \b(?:ai|assistants?|agents?|models?|llms?)\b[^.\n]{0,30}\breading\ this\b
        | (?:^|[.:;,!\x22'*-]\s*(?:and\ |so\ |then\ )?|\b(?:must|should|shall|will|to|please|that)\s+)(?:always|never)\s
        | \bfrom\ now\ on\b | \bimportant\s*: | \bmake\ sure\b | \bbe\ sure\ to\b
        | (?:^|[.:;,!]\s*|\bplease\s+)remember\b
        | \b(?:sav|stor|add|writ|record|put|remember)(?:e|ing|ed)?\b[^.\n]{0,60}\b(?:claude\.md|agents\.md|memory\.md|(?:your|long-term|permanent)\ memory|memory\ file|as\ a\ (?:permanent\ )?rule)\b
        | \b(?:in|for)\ (?:all\ )?future\ sessions\b | \bpolicy\ update\b
        | \b(?:before|when)\ (?:answering|replying|using\ this\ tool|asked\ about)\b",
    ),
];
