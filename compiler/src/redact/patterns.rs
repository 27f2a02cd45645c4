//! Credentials that show what they are, from what their issuers say about the format.
//!
//! Each has keywords that must be present before the expression runs, so that ordinary text costs
//! one pass of a multi-word search. A group named by `group` is masked instead of the whole match.

/// How a pattern's match is judged before it is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// The format alone is proof.
    Format,
    /// The masked part must look random.
    Random,
    /// The masked part must look like a password that somebody chose.
    Chosen,
}

/// One kind of credential.
pub(super) struct Pattern {
    pub(super) name: &'static str,
    pub(super) keywords: &'static [&'static str],
    pub(super) expression: &'static str,
    pub(super) group: usize,
    pub(super) gate: Gate,
}

const fn format(
    name: &'static str,
    keywords: &'static [&'static str],
    expression: &'static str,
) -> Pattern {
    Pattern { name, keywords, expression, group: 0, gate: Gate::Format }
}

/// What issuers say about their formats; the first that matches a place names it.
pub(super) const FORMATS: &[Pattern] = &[
    format(
        "private-key",
        &["private key"],
        r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?s:.){0,16384}?(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    format("age-key", &["age-secret-key-"], r"(?i)AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{40,}"),
    format("jwt", &["eyj"], r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"),
    format(
        "aws-key-id",
        &["akia", "asia", "abia", "acca"],
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    ),
    format(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"\bgh[pousr]_[A-Za-z0-9]{30,}",
    ),
    format("github-fine-grained", &["github_pat_"], r"\bgithub_pat_[A-Za-z0-9_]{40,}"),
    format(
        "gitlab-token",
        &["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "gloas-"],
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|oas)-[A-Za-z0-9_.=-]{18,}",
    ),
    format(
        "slack-token",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe", "xapp-"],
        r"\b(?:xox[abeoprs](?:\.xox[bp])?|xapp)-[A-Za-z0-9-]{10,}",
    ),
    format(
        "slack-webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}",
    ),
    format(
        "stripe-key",
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
        r"\b(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})",
    ),
    format("anthropic-key", &["sk-ant-"], r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    format("openrouter-key", &["sk-or-"], r"\bsk-or-[A-Za-z0-9_-]{20,}"),
    format("openai-key", &["sk-"], r"\bsk-(?:(?:proj|svcacct|admin|None)-)?[A-Za-z0-9_-]{20,}"),
    format("google-api-key", &["aiza"], r"\bAIza[A-Za-z0-9_-]{30,}"),
    format(
        "google-oauth",
        &["ya29.", "gocspx-"],
        r"\b(?:ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})",
    ),
    format("npm-token", &["npm_"], r"\bnpm_[A-Za-z0-9]{30,}"),
    format("pypi-token", &["pypi-"], r"\bpypi-[A-Za-z0-9_-]{32,}"),
    format("rubygems-key", &["rubygems_"], r"\brubygems_[a-f0-9]{32,}"),
    format("crates-token", &["cio"], r"\bcio[A-Za-z0-9]{32}\b"),
    format("twilio-key", &["sk"], r"\bSK[0-9a-f]{32}\b"),
    format("sendgrid-key", &["sg."], r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    format("telegram-bot", &[":a"], r"\b[0-9]{8,10}:A[A-Za-z0-9_-]{34}\b"),
    format(
        "discord-token",
        &["."],
        r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    ),
    format(
        "discord-webhook",
        &["/api/webhooks/"],
        r"discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{30,}",
    ),
    format("azure-storage-key", &["accountkey="], r"(?i)AccountKey=[A-Za-z0-9+/]{80,}={0,2}"),
    format("azure-client-secret", &["8q~", "7q~"], r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{30,}"),
    format("azure-sas", &["sig="], r"[?&;]sig=[A-Za-z0-9%+/]{30,}(?:=|%3[dD]){0,2}"),
    format("digitalocean-token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"\bdo[opr]_v1_[a-f0-9]{40,}"),
    format("heroku-token", &["hrku-"], r"\bHRKU-[A-Za-z0-9_-]{30,}"),
    format(
        "huggingface-token",
        &["hf_", "api_org_"],
        r"\b(?:hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,})",
    ),
    format("databricks-token", &["dapi"], r"\bdapi[a-f0-9]{32}(?:-[0-9])?\b"),
    format("mailgun-key", &["key-", "pubkey-"], r"\b(?:pub)?key-[a-f0-9]{32}\b"),
    format("mailchimp-key", &["-us"], r"\b[a-f0-9]{32}-us[0-9]{1,2}\b"),
    format(
        "shopify-token",
        &["shpat_", "shpss_", "shpca_", "shppa_"],
        r"\bshp(?:at|ss|ca|pa)_[a-fA-F0-9]{32,}",
    ),
    format(
        "square-token",
        &["sq0atp-", "sq0csp-", "eaaa"],
        r"\b(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}|EAAA[A-Za-z0-9_-]{56,})",
    ),
    format("facebook-token", &["eaa"], r"\bEAA[A-Za-z0-9]{80,}"),
    format("vault-token", &["hvs.", "hvb.", "hvr."], r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    format("terraform-token", &["atlasv1"], r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{50,}"),
    format(
        "doppler-token",
        &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."],
        r"\bdp\.(?:pt|ct|sa|st(?:\.[a-z0-9_-]+)?)\.[A-Za-z0-9]{40,}",
    ),
    format("linear-key", &["lin_api_", "lin_oauth_"], r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    format(
        "notion-key",
        &["secret_", "ntn_"],
        r"\b(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,})\b",
    ),
    format("figma-token", &["figd_", "figo_", "figu_"], r"\bfig[dou]_[A-Za-z0-9_-]{30,}"),
    format("postman-key", &["pmak-"], r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    format(
        "grafana-token",
        &["glc_", "glsa_"],
        r"\bgl(?:c_[A-Za-z0-9+/=]{30,}|sa_[A-Za-z0-9]{32}_[a-f0-9]{8})",
    ),
    format(
        "newrelic-key",
        &["nrak-", "nrii-", "nrjs-", "nral"],
        r"(?i)\bNR(?:AK|II|JS)-[A-Za-z0-9_-]{19,}|\b[a-f0-9]{36}NRAL\b",
    ),
    format("sentry-token", &["sntrys_", "sntryu_"], r"\bsntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    format(
        "supabase-token",
        &["sbp_", "sb_secret_"],
        r"\b(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,})",
    ),
    format("cloudflare-key", &["v1.0-"], r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    format(
        "atlassian-token",
        &["atatt3", "atctt3", "atbb"],
        r"\b(?:AT[AC]TT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{24,})",
    ),
    format("dropbox-token", &["sl."], r"\bsl\.(?:u\.)?[A-Za-z0-9_-]{60,}"),
    format("docker-token", &["dckr_pat_", "dckr_oat_"], r"\bdckr_[po]at_[A-Za-z0-9_-]{20,}"),
    format("dynatrace-token", &["dt0c01."], r"\bdt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{60,}"),
    format("airtable-token", &["pat"], r"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b"),
    format("asana-token", &["1/", "2/"], r"\b[12]/[0-9]{15,}(?:/[0-9]{15,})?:[a-f0-9]{32}\b"),
    format("groq-key", &["gsk_"], r"\bgsk_[A-Za-z0-9]{40,}"),
    format("perplexity-key", &["pplx-"], r"\bpplx-[A-Za-z0-9]{40,}"),
    format("xai-key", &["xai-"], r"\bxai-[A-Za-z0-9]{60,}"),
    format("replicate-token", &["r8_"], r"\br8_[A-Za-z0-9]{36,}"),
    format(
        "flyio-token",
        &["fo1_", "fm1r_", "fm2_"],
        r"\b(?:fo1_[A-Za-z0-9_-]{40,}|fm[12][ar]?_[A-Za-z0-9+/=]{80,})",
    ),
    format("planetscale-token", &["pscale_"], r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}"),
    format("pulumi-token", &["pul-"], r"\bpul-[a-f0-9]{40}\b"),
    format(
        "hubspot-token",
        &["pat-na", "pat-eu"],
        r"\bpat-(?:na|eu)[0-9]-[a-f0-9]{8}-[a-f0-9-]{27}",
    ),
    format("sonar-token", &["squ_", "sqp_", "sqa_"], r"\bsq[upa]_[a-f0-9]{40}\b"),
    format("tailscale-key", &["tskey-"], r"\btskey-[a-z]+-[A-Za-z0-9-]{20,}"),
    format("buildkite-token", &["bkua_"], r"\bbkua_[a-f0-9]{40}\b"),
    format("typeform-token", &["tfp_"], r"\btfp_[A-Za-z0-9_.=-]{40,}"),
    format("contentful-token", &["cfpat-"], r"\bCFPAT-[A-Za-z0-9_-]{40,}"),
    format("langfuse-key", &["sk-lf-"], r"\bsk-lf-[a-f0-9-]{36}"),
];
