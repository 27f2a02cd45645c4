//! The wiring from a sealed bundle to a prompt: seal, open, load, recall, inject, record.

use garner_kernel::bundle::{
    Anchor, Bundle, DeviceKey, Holders, KeyGrant, Keyring, PublisherKey, Reader, Reason, Right,
    Root, Seal, SecretScan, open, repository_of, seal,
};
use garner_kernel::{Kernel, Kind, Moment, Verified};

use crate::inject::{BlockOptions, Budget, Floor, Nonce, Tokens, block, estimate, place};
use crate::test_support::{contents, fact, fragment};
use crate::{Effect, Filters, InjectionEvent, LoadOptions, OpenOptions, Query, Stamp, Store};

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

fn verified() -> Verified<Kernel> {
    let key = PublisherKey::from_seed("ada".parse().unwrap(), &[1; 32]);
    let grant = KeyGrant::until(key.public(), moment("2027-01-01T00:00:00Z"));
    let names = || Holders { keys: vec!["ada".parse().unwrap()], threshold: 1 };
    let root = Root {
        repository: None,
        version: 1,
        expires: moment("2030-01-01T00:00:00Z"),
        keys: vec![grant],
        roles: [Right::Root, Right::Publish, Right::Freshness].map(|r| (r, names())).into(),
    };
    let roots = vec![root.sign(&[&key]).to_bytes()];
    let repository = repository_of(&roots[0]).unwrap();
    let device = DeviceKey::generate();
    let reader = Reader { name: "laptop".to_owned(), recipient: device.recipient() };
    let keyring = Keyring::new(repository.clone(), vec![reader]);
    let rule = fragment(Kind::Rule, "Never squash merges.");
    let contents = contents(&[&rule, &fact("The port is 8081.")]);
    let context = Seal {
        repository: repository.clone(),
        roots,
        root: 1,
        revocations: None,
        reason: Reason::Publish,
        channel: "notes".parse().unwrap(),
        parent: None,
        afresh: false,
        keyring: (&keyring, keyring.seal().unwrap()),
        publisher: &key,
        now: moment("2026-01-02T00:00:00Z"),
        tool: "garner test".to_owned(),
        scan: SecretScan { tool: "test".into(), version: "1".into(), findings: 0 },
    };
    let sealed = seal(&contents, &context).unwrap();
    let bundle = Bundle::parse(&sealed.bundle.to_bytes()).unwrap();
    let anchor = Anchor::pin(repository, Some("notes".parse().unwrap()));
    open(&bundle, &anchor, &[&device]).unwrap()
}

#[test]
fn a_sealed_bundle_ends_in_a_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), &OpenOptions::write()).unwrap();
    let now = moment("2026-01-03T00:00:00Z");
    let kernel = verified();
    let plan = store.plan(&kernel, &LoadOptions::default()).unwrap();
    let stamp = Stamp { at: now, who: "ada".parse().unwrap() };
    assert_eq!(store.apply(plan, None, &stamp).unwrap().effect, Effect::Reads);

    let question = "Which port does the service use?";
    let hits = store.recall(&Query::new(question, now)).unwrap().hits;
    let core = store.core(None, &Filters::default(), now).unwrap();
    let options = BlockOptions {
        budget: Budget::for_context(Tokens::new(4096), Tokens::new(estimate(question)), None),
        nonce: Nonce::derive(b"secret", question.as_bytes()),
        floor: Floor::default(),
        control: Vec::new(),
    };
    let injection = block(&core, &hits, &options, &estimate);
    let messages = place(None, &injection, question);
    assert!(messages[0].content.as_str().contains("Never squash merges."));
    assert!(messages[1].content.as_str().contains("The port is 8081."));
    assert!(messages[1].content.as_str().ends_with(question));

    let event = InjectionEvent::of(&injection, "llama3.2", question, now);
    assert_eq!(store.record_injection(&event).unwrap(), 1);
    assert!(store.verify().unwrap().is_sound());
}
