//! Credentials that show by where they stand: behind a name, in a header, a URL, a command line.

use super::patterns::{Gate, Pattern};

/// A value that a name announces and that must look random.
const fn named(
    name: &'static str,
    keywords: &'static [&'static str],
    expression: &'static str,
) -> Pattern {
    Pattern { name, keywords, expression, group: 1, gate: Gate::Random }
}

/// A value that a person chose, in a place where credentials stand.
const fn chosen(
    name: &'static str,
    keywords: &'static [&'static str],
    expression: &'static str,
) -> Pattern {
    Pattern { name, keywords, expression, group: 1, gate: Gate::Chosen }
}

/// Every place; the first that matches names it.
pub(super) const PLACES: &[Pattern] = &[
    Pattern {
        name: "authorization-header",
        keywords: &["authorization"],
        expression: r#"(?i)\bauthorization\\?["']?\s*[:=]\s*\\?["']?(?:(?:bearer|basic|token|digest|apikey)\s+)?([A-Za-z0-9._~+/=:-]{8,})"#,
        group: 1,
        gate: Gate::Format,
    },
    Pattern {
        name: "bearer-token",
        keywords: &["bearer "],
        expression: r"(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{16,})",
        group: 1,
        gate: Gate::Random,
    },
    Pattern {
        name: "url-credentials",
        keywords: &["://"],
        expression: r"[A-Za-z][A-Za-z0-9+.-]{1,20}://([^\s/@:]{0,256}:[^\s/@]{1,256})@",
        group: 1,
        gate: Gate::Format,
    },
    // Nothing marks these values but the name in front of them.
    named(
        "aws-secret-key",
        &["aws_secret", "aws-secret", "secretaccesskey", "secret_access_key"],
        r#"(?i)secret_?-?(?:access)?_?-?key\\?["']?\s*[:=]+\s*\\?["']?([A-Za-z0-9/+=]{40})"#,
    ),
    named(
        "cloudflare-token",
        &["cloudflare", "cf_api"],
        r#"(?i)(?:cloudflare|cf_api)[a-z_. -]{0,24}\\?["']?\s*[:=]+\s*\\?["']?([A-Za-z0-9_-]{37,40})\b"#,
    ),
    named(
        "fastly-token",
        &["fastly"],
        r#"(?i)fastly[a-z_. -]{0,24}\\?["']?\s*[:=]+\s*\\?["']?([A-Za-z0-9_-]{32})\b"#,
    ),
    named(
        "heroku-key",
        &["heroku"],
        r#"(?i)heroku[a-z_. -]{0,24}\\?["']?\s*[:=]+\s*\\?["']?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"#,
    ),
    named(
        "datadog-key",
        &["datadog", "dd_api", "dd_app"],
        r#"(?i)(?:datadog|dd_(?:api|app))[a-z_. -]{0,24}\\?["']?\s*[:=]+\s*\\?["']?([a-f0-9]{32,40})\b"#,
    ),
    named(
        "secret-assignment",
        &[
            "secret",
            "token",
            "api_key",
            "apikey",
            "api-key",
            "access_key",
            "access-key",
            "private_key",
            "credential",
            "auth_key",
            "signing_key",
            "encryption_key",
        ],
        r#"(?i)(?:secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|signing[_-]?key|encryption[_-]?key|credentials?)[a-z0-9_]{0,16}\\?["'`]?\s{0,4}(?::=|=>|=|:)\s{0,4}\\?["'`]?([A-Za-z0-9+/_.~=-]{12,256})"#,
    ),
    Pattern {
        name: "password-assignment",
        keywords: &["passw", "pwd", "passphrase"],
        expression: r#"(?i)(?:password|passwd|passphrase|pwd)[a-z0-9_]{0,16}\\?["'`]?\s{0,4}(?::=|=>|=|:)\s{0,4}(?:\\?"([^"\s]{6,128})"|'([^'\s]{6,128})'|([^\s"'`,;)}<>]{6,128}))"#,
        group: 1,
        gate: Gate::Chosen,
    },
    // Words that people and command lines put in front of a password.
    chosen(
        "spoken-password",
        &["password", "passphrase", "passcode", "secret", "token", "key"],
        r#"(?i)\b(?:password|passphrase|passcode|secret|token|api key|access key)(?: for [^.\n]{1,40}?)? (?:is|was|to|will be)\s*:?\s+["'`]?([^\s"'`]*[0-9!@#$%^&*_][^\s"'`]{3,128})"#,
    ),
    chosen(
        "command-line-password",
        &[
            "--pass",
            "--token",
            "--secret",
            "--api-key",
            "--access-key",
            "sshpass",
            "mysql",
            "pgpassword",
        ],
        r#"(?i)(?:--(?:password|passwd|passphrase|token|secret|api-key|access-key)[= ]|\bsshpass -p ?|\bmysql(?:dump|admin)? [^\n|]{0,80}?-p)["']?([^\s"']{6,128})"#,
    ),
    chosen(
        "netrc-password",
        &["machine "],
        r"(?i)\bmachine\s+\S{1,256}\s+login\s+\S{1,256}\s+password\s+(\S{4,256})",
    ),
    chosen(
        "key-header",
        &["x-api-key", "x-auth", "x-access", "api-key:", "private-token", "x-goog-api"],
        r#"(?i)\b(?:x-(?:[a-z]{1,20}-){0,2})?(?:api-?key|auth-?token|access-?token|auth-?key|private-token)\\?["']?\s*:\s*\\?["']?([A-Za-z0-9._~+/=-]{8,256})"#,
    ),
    named(
        "cookie",
        &["cookie"],
        r"(?i)\bcookie\s*:\s*[^\r\n]{0,200}?(?:sess|sid|auth|token|jwt|csrf)[A-Za-z0-9_.-]{0,20}=([^;\s]{12,512})",
    ),
    named(
        "query-key",
        &["key=", "auth=", "signature=", "sig=", "code="],
        r#"(?i)[?&](?:[a-z_-]{0,20}(?:key|signature)|auth|sig|code)=([^&\s"'<>`]{16,512})"#,
    ),
    named("url-token", &["://"], r"[A-Za-z][A-Za-z0-9+.-]{1,20}://([A-Za-z0-9_-]{20,256})@"),
    named(
        "shared-access-key",
        &["sharedaccesskey", "shared_access_key"],
        r"(?i)shared_?access_?key=([A-Za-z0-9+/]{20,128}={0,2})",
    ),
    named("encoded-login", &["auth"], r#"\\?"_?auth\\?"\s*:\s*\\?"([A-Za-z0-9+/]{12,512}={0,2})"#),
    named(
        "key-data",
        &["key-data", "key_data", "private-lines"],
        r"(?i)(?:key[-_]data|private-lines)\s*:\s*(?:[0-9]+\s+)?([A-Za-z0-9+/=\s]{40,16384})",
    ),
    Pattern {
        name: "seed-phrase",
        keywords: &["mnemonic", "seed phrase", "recovery phrase", "seed words"],
        expression: r#"(?i)(?:mnemonic|seed (?:phrase|words)|recovery phrase)\s*(?:is|was|:|=)?\s*["'`]?((?:[a-z]{3,8}[ ,]+){11,23}[a-z]{3,8})"#,
        group: 1,
        gate: Gate::Format,
    },
];
