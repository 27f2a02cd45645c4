//! The body of `redaction`: any text, with a credential put into it, and the poison lint over it.

use std::sync::LazyLock;

use garner_compiler::{PoisonLint, Redactor};
use garner_kernel::Trust;

/// Every trust, the lowest first.
const TRUSTS: [Trust; 5] =
    [Trust::Tool, Trust::Digest, Trust::Assistant, Trust::Human, Trust::Operator];

/// Redacts a text, and the same text around a credential; lints it as everybody's word.
///
/// What is left of a text is masked again as the same bytes, a credential is masked wherever it
/// stands, and lower trust never helps a text.
///
/// # Panics
/// If one of that does not hold.
pub fn redaction(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    REDACTOR.audit(input);
    settled(&text);
    let middle = text.floor_char_boundary(text.len() / 2);
    let (before, after) = text.split_at(middle);
    let planted = format!("{before} {} {after}", *SECRET);
    if let Some(masked) = settled(&planted) {
        assert!(!masked.contains(SECRET.as_str()), "a credential stays visible");
    }
    let mut suspect = true;
    for trust in TRUSTS {
        let found = LINT.reason(&text, trust).is_some();
        assert!(suspect || !found, "more trust makes a text suspect");
        suspect = found;
    }
    let _ = LINT.tainted_reason(&text);
}

/// Redacts a text and returns what is left, which has nothing to mask.
fn settled(text: &str) -> Option<String> {
    let once = REDACTOR.redact(text)?;
    let again = REDACTOR.redact(&once.text);
    assert!(again.is_some_and(|again| again.masked.is_empty()), "a mask leaves a hit");
    Some(once.text)
}

/// Put together here, so that no file holds it.
static SECRET: LazyLock<String> =
    LazyLock::new(|| ["gh", "p_", "a1B2c3D4e5F6g7H8i9", "J0k1L2m3N4o5P6q7R8"].concat());

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a test of the compiler holds this")]
    Redactor::new().expect("the patterns compile")
});

static LINT: LazyLock<PoisonLint> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a test of the compiler holds this")]
    PoisonLint::new().expect("the checks compile")
});
