//! Redaction: no pattern leaks. The values are put together here, so that none stands in a file.

use std::sync::OnceLock;

use garner_compiler::Redactor;
use proptest::prelude::*;

use crate::log::Log;

fn redactor() -> &'static Redactor {
    static REDACTOR: OnceLock<Redactor> = OnceLock::new();
    REDACTOR.get_or_init(|| Redactor::new().unwrap())
}

/// A value that looks random: letters and digits in a fixed walk.
fn noise(alphabet: &str, length: usize) -> String {
    let signs: Vec<char> = alphabet.chars().collect();
    (0..length).map(|at| signs[(at * 7 + at * at * 3 + 5) % signs.len()]).collect()
}

fn alnum(length: usize) -> String {
    noise("aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0", length)
}

fn hex(length: usize) -> String {
    noise("0f1e2d3c4b5a6978", length)
}

fn upper(length: usize) -> String {
    noise("A2BC3DE4FG5HJ6KL7MN", length)
}

/// One secret per row: the pattern that finds it, what stands around it, the secret itself.
fn planted() -> Vec<(&'static str, String, String)> {
    let mut rows = Vec::new();
    let mut bare = |rule, secret: String| rows.push((rule, "{}".to_owned(), secret));
    bare(
        "private-key",
        format!(
            "-----BEGIN RSA {} KEY-----\n{}\n-----END RSA {} KEY-----",
            "PRIVATE",
            alnum(200),
            "PRIVATE"
        ),
    );
    bare("age-key", format!("AGE-SECRET-{}-1{}", "KEY", upper(58)));
    bare("jwt", format!("ey{}{}.ey{}{}.{}", "J", alnum(20), "J", alnum(30), alnum(43)));
    bare("aws-key-id", format!("AK{}{}", "IA", upper(16)));
    for prefix in ["ghp", "gho", "ghu", "ghs", "ghr"] {
        bare("github-token", format!("{prefix}_{}", alnum(36)));
    }
    bare("github-fine-grained", format!("github_{}_{}", "pat", alnum(82)));
    bare("gitlab-token", format!("gl{}-{}", "pat", alnum(20)));
    bare("slack-token", format!("xox{}-{}-{}", "b", "123456789012", alnum(24)));
    bare(
        "slack-webhook",
        format!("hooks.slack{}/services/T0{}/B0{}/{}", ".com", upper(8), upper(8), alnum(24)),
    );
    bare("stripe-key", format!("sk_{}_{}", "live", alnum(24)));
    bare("anthropic-key", format!("sk-{}-api03-{}", "ant", alnum(90)));
    bare("openrouter-key", format!("sk-{}-v1-{}", "or", hex(64)));
    bare("openai-key", format!("sk-{}-{}", "proj", alnum(48)));
    bare("openai-key", format!("sk{}{}", "-", alnum(48)));
    bare("google-api-key", format!("AI{}{}", "zaSy", alnum(33)));
    bare("google-oauth", format!("ya29{}{}", ".a0", alnum(60)));
    bare("npm-token", format!("np{}{}", "m_", alnum(36)));
    bare("pypi-token", format!("py{}{}", "pi-AgEI", alnum(60)));
    bare("rubygems-key", format!("rubygems{}{}", "_", hex(48)));
    bare("twilio-key", format!("S{}{}", "K", hex(32)));
    bare("sendgrid-key", format!("S{}.{}.{}", "G", alnum(22), alnum(43)));
    bare("telegram-bot", format!("{}:A{}{}", "1234567890", "A", alnum(33)));
    bare("discord-token", format!("M{}.{}.{}", alnum(23), alnum(6), alnum(38)));
    bare("azure-storage-key", format!("Account{}={}==", "Key", alnum(86)));
    bare("azure-client-secret", format!("a1B8{}~{}", "Q", alnum(34)));
    bare("digitalocean-token", format!("dop{}{}", "_v1_", hex(64)));
    bare("heroku-token", format!("HRKU{}{}", "-", alnum(36)));
    bare("huggingface-token", format!("h{}{}", "f_", alnum(34)));
    bare("databricks-token", format!("da{}{}", "pi", hex(32)));
    bare("mailgun-key", format!("ke{}{}", "y-", hex(32)));
    bare("mailchimp-key", format!("{}-us{}", hex(32), 12));
    bare("shopify-token", format!("shp{}_{}", "at", hex(32)));
    bare("square-token", format!("sq0{}-{}", "atp", alnum(22)));
    bare("facebook-token", format!("EA{}{}", "A", alnum(120)));
    bare("vault-token", format!("hv{}{}", "s.", alnum(90)));
    bare("terraform-token", format!("{}.atlas{}.{}", alnum(14), "v1", alnum(64)));
    bare("doppler-token", format!("dp.{}.{}", "pt", alnum(43)));
    bare("linear-key", format!("lin{}{}", "_api_", alnum(40)));
    bare("notion-key", format!("nt{}{}", "n_", alnum(46)));
    bare("figma-token", format!("fig{}{}", "d_", alnum(40)));
    bare("postman-key", format!("PM{}-{}-{}", "AK", hex(24), hex(34)));
    bare("grafana-token", format!("gl{}{}_{}", "sa_", alnum(32), hex(8)));
    bare("newrelic-key", format!("NR{}-{}", "AK", upper(27)));
    bare("sentry-token", format!("sntry{}_{}", "s", alnum(80)));
    bare("supabase-token", format!("sb{}_{}", "p", hex(40)));
    bare("atlassian-token", format!("ATA{}{}", "TT3", alnum(180)));
    bare("dropbox-token", format!("s{}.{}", "l", alnum(130)));
    bare("docker-token", format!("dckr{}{}", "_pat_", alnum(27)));
    bare("airtable-token", format!("pa{}{}.{}", "t", alnum(14), hex(64)));
    bare("groq-key", format!("gs{}{}", "k_", alnum(52)));
    bare("replicate-token", format!("r{}{}", "8_", alnum(37)));
    bare("pulumi-token", format!("pu{}{}", "l-", hex(40)));
    bare(
        "hubspot-token",
        format!("pat-{}-{}-{}-{}-{}-{}", "na1", hex(8), hex(4), hex(4), hex(4), hex(12)),
    );
    bare("tailscale-key", format!("ts{}-auth-{}", "key", alnum(40)));
    for (rule, around, secret) in [
        ("authorization-header", "Authorization: Basic {}", alnum(30)),
        ("authorization-header", "-H 'authorization: Bearer {}'", alnum(40)),
        ("bearer-token", "send Bearer {} with it", alnum(40)),
        ("url-credentials", "postgres://{}@db.internal/barn", "barn:gr4n4ry".to_owned()),
        ("url-credentials", "redis://{}@cache:6379", format!(":{}", alnum(12))),
        ("aws-secret-key", "aws_secret_access_key = {}", alnum(40)),
        ("cloudflare-token", "CLOUDFLARE_API_TOKEN={}", alnum(40)),
        ("fastly-token", "fastly_key: {}", alnum(32)),
        ("datadog-key", "DD_API_KEY={}", hex(32)),
        ("secret-assignment", "api_key: \"{}\"", alnum(20)),
        ("secret-assignment", "CLIENT_SECRET={}", alnum(24)),
        ("secret-assignment", "\"accessToken\": \"{}\"", alnum(24)),
        ("password-assignment", "password = '{}'", "c0rrect-h0rse".to_owned()),
        ("password-assignment", "DB_PASSWORD={}", "batteryStaple".to_owned()),
    ] {
        rows.push((rule, around.to_owned(), secret));
    }
    rows
}

#[test]
fn every_planted_secret_is_masked() {
    let redactor = redactor();
    let rows = planted();
    let rules: std::collections::BTreeSet<_> = rows.iter().map(|row| row.0).collect();
    assert!(rules.len() >= 40, "{} patterns are planted", rules.len());
    for (rule, around, secret) in rows {
        let text = format!("We connect with {} every day.", around.replace("{}", &secret));
        let redacted = redactor.redact(&text).unwrap_or_else(|| panic!("{rule} stays visible"));
        assert!(!redacted.text.contains(&secret), "{rule} leaks");
        assert!(!redacted.masked.is_empty(), "{rule} was not found");
        assert!(redacted.text.contains("[redacted:"), "{rule}");
        assert!(
            redactor.redact(&redacted.text).unwrap().masked.is_empty(),
            "{rule} is masked twice"
        );
    }
}

#[test]
fn a_secret_reaches_no_draft_by_any_rule() {
    for (rule, around, secret) in planted() {
        let value = around.replace("{}", &secret);
        let mut log = Log::default();
        log.assistant(&format!("Shall we use {value} here or not?"));
        log.human(&format!("from now on connect with {value} every day"));
        log.answer("Which key do we connect with?", &format!("We connect with {value} every day"));
        let line = value.replace('\n', " ");
        log.write(
            "/home/somebody/code/barn/CLAUDE.md",
            &format!("- We connect with {line} every day."),
        );
        log.compact(&format!("   - It did not connect, fixed by {line} as a value"));
        let (draft, report) = log.compile();
        let lines = garner_kernel::record::draft_lines(&draft);
        let inside = serde_json::to_string(&secret).unwrap();
        assert!(!lines.contains(inside.trim_matches('"')), "{rule} leaks into the draft");
        assert!(!format!("{draft:?}{report:?}").contains(&secret), "{rule} leaks into a log");
    }
}

#[test]
fn ordinary_text_stays_as_it_is() {
    let redactor = redactor();
    for text in [
        "Tokens are counted with the tokenizer: about 4 characters each.",
        "The password: it must have 12 characters.",
        "token: process.env.API_TOKEN",
        "Set `api_key` in the configuration file.",
        "password: string",
        "commit 3f2a9c1d5e7b8a60f1e2d3c4b5a69788a0b1c2d3 fixed it",
        "uuid 123e4567-e89b-42d3-a456-426614174000",
        "see https://example.org/a/b?c=d",
        "git@github.com:somebody/barn.git",
        "secret: true",
    ] {
        assert_eq!(redactor.redact(text).unwrap().text, text);
    }
}

#[test]
fn homes_and_mail_addresses_lose_the_person() {
    let redactor = redactor();
    for (text, expected) in [
        ("in /Users/somebody/code/x", "in ~/code/x"),
        ("in /home/somebody/x.md", "in ~/x.md"),
        ("in C:\\Users\\somebody\\x", "in ~\\x"),
        ("in /root/x", "in ~/x"),
        ("ask some.body+x@mail.example.org now", "ask <email> now"),
    ] {
        assert_eq!(redactor.redact(text).unwrap().text, expected);
    }
}

#[test]
fn an_escape_in_front_does_not_hide_a_secret() {
    for (_, around, secret) in planted().into_iter().filter(|row| !row.2.contains('\n')) {
        let line = serde_json::json!({"text": format!("a\n{}\tb", around.replace("{}", &secret))});
        assert!(!redactor().audit(line.to_string().as_bytes()).is_empty(), "{line}");
        let redacted = redactor().redact(&line.to_string());
        assert!(redacted.is_none_or(|redacted| !redacted.text.contains(&secret)), "{line}");
    }
}

#[test]
fn an_audit_names_places_and_never_values() {
    let redactor = redactor();
    for (rule, around, secret) in planted().into_iter().filter(|row| !row.2.contains('\n')) {
        let text = format!("first\n{}\n", around.replace("{}", &secret));
        let findings = redactor.audit(text.as_bytes());
        assert!(findings.iter().any(|finding| finding.line == 2 && finding.count == 1), "{rule}");
        assert!(!format!("{findings:?}").contains(&secret));
    }
}

proptest! {
    #[test]
    fn a_secret_is_masked_wherever_it_stands(before in "[ -~é]{0,40}", after in "[ -~é]{0,40}") {
        let secret = format!("gh{}_{}", "p", alnum(36));
        let text = format!("{before} {secret} {after}");
        let redacted = redactor().redact(&text);
        prop_assert!(redacted.is_none_or(|redacted| !redacted.text.contains(&secret)));
    }
}
