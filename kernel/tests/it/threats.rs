//! Hostile bytes and hostile publishers: one test for each row of docs/threat-model.md that a
//! golden file alone does not prove.

use garner_kernel::bundle::{
    self, Bundle, DeviceKey, Keyring, Note, Reader, Revocations, RootChain, SignedHead,
};
use garner_kernel::{Kind, record};

use crate::forge::{
    Forge, del, device, fragment, lines, publisher, put, root, root_key, segment, two,
};

fn opens(forge: &Forge, bytes: &[u8]) -> bool {
    let anchor = forge.build().anchor;
    Bundle::parse(bytes).and_then(|b| bundle::open(&b, &anchor, &[&device()])).is_ok()
}

/// Returns the statements of a bundle: root, head, revocations, manifest.
fn statements() -> (RootChain, Vec<(&'static str, Vec<u8>)>) {
    let mut forge = Forge::default();
    let id = fragment(Kind::Fact, "Gone.").id;
    let text = format!(
        "garner.rev.v1\n{{\"repo\":\"{{repo}}\",\"version\":1,\"entries\":[{{\"fragment\":\"{id}\",\
         \"class\":\"yank\",\"reason\":\"wrong\",\"since\":\"2026-02-01T00:00:00Z\"}}]}}\n"
    );
    forge.revocations = Some((text, vec![publisher()]));
    let forged = forge.build();
    let bundle = Bundle::parse(&forged.bytes).unwrap();
    let roots = RootChain::check(&forged.anchor.repository, &bundle.roots).unwrap();
    let statements = vec![
        ("root", bundle.roots[0].clone()),
        ("head", bundle.heads[0].clone()),
        ("revocations", bundle.revocations.unwrap()),
        ("manifest", bundle.manifest),
    ];
    (roots, statements)
}

/// Returns whether a statement passes its own check, by whoever signed it.
fn passes(roots: &RootChain, what: &str, bytes: &[u8]) -> bool {
    match what {
        "root" => RootChain::check(roots.repository(), &[bytes.to_vec()]).is_ok(),
        "head" => SignedHead::read(bytes, roots, None).is_ok(),
        "revocations" => Revocations::check(bytes, roots).is_ok(),
        _ => Note::parse("manifest", bytes, 1 << 20)
            .and_then(|note| note.check("manifest", &[&publisher().public()], 1))
            .is_ok(),
    }
}

#[test]
fn flip_every_bit_of_every_statement() {
    let (roots, statements) = statements();
    for (what, bytes) in statements {
        assert!(passes(&roots, what, &bytes), "{what}");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!passes(&roots, what, &flipped), "{what}: bit {bit} was accepted");
        }
    }
}

#[test]
fn truncate_and_extend_every_statement() {
    let (roots, statements) = statements();
    for (what, bytes) in statements {
        for cut in 0..bytes.len() {
            assert!(!passes(&roots, what, &bytes[..cut]), "{what} cut at {cut}");
        }
        for byte in 0..=255 {
            let longer = [bytes.as_slice(), &[byte]].concat();
            assert!(!passes(&roots, what, &longer), "{what} and {byte}");
        }
    }
}

#[test]
fn extend_256() {
    let forge = Forge::default();
    let forged = forge.build();
    for byte in 0..=255 {
        assert!(Bundle::parse(&[forged.bytes.as_slice(), &[byte]].concat()).is_err(), "{byte}");
    }
    assert!(opens(&forge, &forged.bytes));
}

#[test]
fn limit_plus_one() {
    // Readers of a keyring.
    let readers = |count: usize| {
        let reader =
            |n| Reader { name: format!("r{n}"), recipient: DeviceKey::generate().recipient() };
        let repository = Forge::default().build().anchor.repository;
        Keyring::new(repository, (0..count).map(reader).collect()).seal()
    };
    assert!(readers(64).is_ok());
    assert_eq!(readers(65).unwrap_err().code().unwrap(), "K104");
    // Sources and superseded ids of a fragment.
    let many = |sources: u32, supersedes: u32| {
        let mut whole = fragment(Kind::Fact, "Many.");
        let source = whole.sources[0].clone();
        whole.sources = (1..=sources)
            .map(|line| {
                let mut source = source.clone();
                source.line = line;
                source
            })
            .collect();
        let ids = (0..supersedes).map(|n| fragment(Kind::Fact, &format!("Old {n}.")).id);
        whole.supersedes = ids.collect();
        whole.supersedes.sort();
        record::parse(&record::line(&put(whole))).is_ok()
    };
    assert!(many(64, 128));
    assert!(!many(65, 0) && !many(1, 129));
    // The size of a head, of a text, and the number of roots.
    let long = Note::sign(format!("garner.head.v1\n{}\n", "x".repeat(4096)), &[&publisher()]);
    let (roots, _) = statements();
    let refused = SignedHead::read(&long.to_bytes(), &roots, None).unwrap_err();
    assert_eq!(refused.code().unwrap(), "K104");
    let chain = vec![Vec::new(); 1025];
    let refused = RootChain::check(roots.repository(), &chain).unwrap_err();
    assert_eq!(refused.code().unwrap(), "K104");
    let text = |length: usize| {
        record::parse(&record::line(&put(fragment(Kind::Fact, &"x".repeat(length))))).is_ok()
    };
    assert!(text(16 << 10) && !text((16 << 10) + 1));
}

#[test]
fn json_strict_corpus() {
    // Every way to write the same value otherwise, in a root that is signed as it stands.
    let json = root(1).json;
    for (from, to) in [
        ("\"version\":1", "\"version\":1.0"),
        ("\"version\":1", "\"version\":1e0"),
        ("\"version\":1", "\"version\":-0"),
        ("\"version\":1", "\"version\":01"),
        ("\"version\":1", "\"version\":+1"),
        ("\"version\":1", "\"version\":\"1\""),
        ("\"version\":1", "\"version\":18446744073709551617"),
        ("\"version\":1", "\"version\":1,\"version\":1"),
        ("\"version\":1", "\"version\":1,\"x\":null"),
        ("\"version\":1", "\"version\":null"),
        ("\"version\"", "\"vers\\u0069on\""),
        ("\"alg\"", "\"ALG\""),
        ("ed25519", "Ed25519"),
        ("{\"alg\"", "{ \"alg\""),
        ("\"threshold\":1}", "\"threshold\":1\t}"),
        ("/", "\\/"),
        ("\"channels\":[]", "\"channels\":null"),
        ("\"channels\":[]", "\"channels\":[],\"max_fragments\":null"),
        ("\"channels\":[]", "\"channels\":[],"),
        ("\"channels\":[]", "\"channels\":[\"b\",\"a\"]"),
    ] {
        assert!(json.contains(from), "{from}");
        let mut forge = Forge::default();
        forge.roots[0].json = json.replacen(from, to, 1);
        let forged = forge.build();
        let refused = RootChain::check(
            &forged.anchor.repository,
            &Bundle::parse(&forged.bytes).unwrap().roots,
        );
        assert_eq!(refused.unwrap_err().code().unwrap(), "K201", "{to}");
    }
}

#[test]
fn a_surreptitious_forwarder_is_named_by_the_index() {
    // Eve, a publisher of her own repository and a reader of Ada's, signs Ada's objects as hers.
    let adas = Forge::default();
    let mut eves = Forge::default();
    eves.roots[0].json = eves.roots[0].json.replace("2028", "2029");
    assert_ne!(adas.build().anchor.repository, eves.build().anchor.repository);
    let repo = adas.build().anchor.repository.to_string();
    eves.index = Box::new(move |text| {
        let at = text.find("\"repo\":\"").unwrap() + 8;
        format!("{}{repo}{}", &text[..at], &text[at + 32..])
    });
    let forged = eves.build();
    let bundle = Bundle::parse(&forged.bytes).unwrap();
    let refused = bundle::open(&bundle, &forged.anchor, &[&device()]).unwrap_err();
    assert_eq!(refused.code().unwrap(), "K213");
    assert!(refused.to_string().contains("repository of the index"), "{refused}");
}

#[test]
fn a_root_key_cannot_publish_and_a_publisher_cannot_make_roots() {
    let mut forge = Forge::default();
    forge.roots.push(root(2));
    forge.roots[1].signers = vec![publisher()];
    let forged = forge.build();
    let bundle = Bundle::parse(&forged.bytes).unwrap();
    assert_eq!(bundle::check(&bundle, &forged.anchor).unwrap_err().code().unwrap(), "K202");
    let mut forge = Forge::default();
    (forge.signers, forge.manifest_signers) = (vec![root_key()], vec![root_key()]);
    let forged = forge.build();
    let bundle = Bundle::parse(&forged.bytes).unwrap();
    assert_eq!(bundle::check(&bundle, &forged.anchor).unwrap_err().code().unwrap(), "K202");
}

#[test]
fn deleted_fragments_come_back_only_with_a_higher_revision() {
    let port = fragment(Kind::Fact, "The port is 8081.");
    let again = |revision: u32| {
        let mut forge = Forge { before: 2, ..Forge::default() };
        let mut back = port.clone();
        back.revision = revision;
        forge.segments = vec![
            segment("base", 0, 1, lines(two())),
            segment("delta", 1, 2, lines(vec![del(&port, 2)])),
            segment("delta", 2, 3, lines(vec![put(back)])),
        ];
        let forged = forge.build();
        let bundle = Bundle::parse(&forged.bytes).unwrap();
        bundle::open(&bundle, &forged.anchor, &[&device()]).is_ok()
    };
    assert!(!again(1) && !again(2), "a replayed record brought a fragment back");
    assert!(again(3));
}
