//! Signed by the right keys, and still refused: every case, by its code.

use garner_kernel::bundle::{self, Bundle};

use crate::cases;
use crate::forge::device;

#[test]
fn every_case_opens_or_is_refused_with_its_code() {
    let mut wrong = Vec::new();
    let all = cases::all();
    for case in &all {
        let forged = case.forge.build();
        let opened = Bundle::parse(&forged.bytes)
            .and_then(|bundle| bundle::open(&bundle, &forged.anchor, &[&device()]));
        let found = match &opened {
            Ok(_) => None,
            Err(error) => Some(error.code().unwrap_or_else(|| format!("no code: {error}"))),
        };
        if found.as_deref() != case.code {
            wrong.push(format!(
                "{}: {:?}, not {:?} ({:?})",
                case.name,
                found,
                case.code,
                opened.err().map(|e| e.to_string())
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    let refused = all.iter().filter(|case| case.code.is_some()).count();
    assert!(refused >= 150, "{refused} cases are refused");
}

#[test]
fn cases_have_names_of_their_own() {
    let mut names: Vec<_> = cases::all().iter().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
