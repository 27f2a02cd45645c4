//! The body of `signed`: a bundle that was signed, and then meddled with.

use garner_kernel::bundle::{Bundle, check, open, verify};

use crate::example::{Example, example};
use crate::mutation::{Mutated, mutate};

/// Meddles with a bundle as the input says, and opens it.
///
/// As long as no trusted key took part, it is refused or says the same as before. Where one did,
/// it may say something else about itself, but hold no other fragments.
///
/// # Panics
/// If something else comes out.
pub fn signed(input: &[u8]) {
    let example = example();
    let Mutated { bundle, end, by_trusted_key } = mutate(&example.bundles, input);
    let mut bytes = bundle.to_bytes();
    if let Some((at, byte)) = end {
        let length = bytes.len();
        bytes.iter_mut().skip(at % length).take(1).for_each(|here| *here ^= byte);
    }
    let Ok(parsed) = Bundle::parse(&bytes) else { return };
    assert!(end.is_none_or(|(_, byte)| byte == 0), "a file is read although its digest is wrong");
    assert!(parsed == bundle, "a bundle reads as another");
    judge(example, &bundle, by_trusted_key);
}

fn judge(example: &Example, bundle: &Bundle, by_trusted_key: bool) {
    let opened = open(bundle, &example.anchor, &[&example.device]);
    let Ok(kernel) = opened else { return };
    let kernel = kernel.into_inner();
    assert!(check(bundle, &example.anchor).is_ok());
    let verified = verify(bundle, &example.anchor, &[&example.device], &mut |_| {});
    assert!(verified.is_ok());
    if !by_trusted_key {
        assert!(kernel == example.kernel, "a changed bundle opens");
        return;
    }
    assert_eq!(kernel.channel, example.kernel.channel);
    for fragment in kernel.contents.fragments() {
        assert!(example.fragments.contains(fragment), "a fragment that no version holds");
    }
    for tombstone in kernel.contents.tombstones() {
        assert!(example.fragments.iter().any(|fragment| fragment.id == tombstone.id));
    }
}
