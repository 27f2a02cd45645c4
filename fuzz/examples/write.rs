//! Wrote `example/` once, and writes the first seeds of `corpus/`: run in this folder.
//!
//! What is there already stays as it is.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a tool for this folder alone")]

use std::collections::BTreeMap;
use std::fs;

use garner_fuzz::example::{CHANNEL, Example, device, example, trusted};
use garner_kernel::bundle::{
    Anchor, Holders, KeyGrant, Keyring, NoteRef, Parent, Reader, Reason, RepositoryId, Revocation,
    RevocationClass, Revocations, Right, Role, Root, Seal, Sealed, SecretScan, open_parent,
    repository_of, seal,
};
use garner_kernel::{
    Change, Confidence, Contents, Digest, Fragment, FragmentId, Kind, Moment, Scope, Source, Text,
    Tombstone, TombstoneReason, Trust, probe, record,
};

fn main() {
    if fs::metadata("example/third.kernel").is_ok_and(|file| file.len() > 0) {
        seeds(example());
    } else {
        repository();
    }
}

fn write(path: &str, bytes: &[u8]) {
    fs::create_dir_all(path.rsplit_once('/').unwrap().0).unwrap();
    fs::write(path, bytes).unwrap();
}

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

/// Returns a root in which `ada` publishes for the channel and two keys sign roots together.
fn root(repository: Option<RepositoryId>, version: u64) -> Root {
    let keys = trusted().map(|key| KeyGrant::until(key.public(), moment("2028-01-01T00:00:00Z")));
    let mut keys = keys.to_vec();
    keys[0].channels = vec![CHANNEL.parse().unwrap()];
    keys[0].max_fragments = (version > 1).then_some(100);
    let holders = |names: &[&str]| Holders {
        keys: names.iter().map(|name| name.parse().unwrap()).collect(),
        threshold: names.len(),
    };
    let roles: BTreeMap<Right, Holders> = [
        (Right::Root, holders(&["root-one", "root-two"])),
        (Right::Publish, holders(&["ada"])),
        (Right::Freshness, holders(&["ada"])),
        (Right::Revoke, holders(&["warden"])),
    ]
    .into();
    Root { repository, version, expires: moment("2030-01-01T00:00:00Z"), keys, roles }
}

fn fragment(number: u32) -> Fragment {
    let statement = format!("Fact {number}: \"é/\" stands\n\tin line {number}.");
    let scope = match number % 2 {
        0 => Scope::User,
        _ => Scope::Project("api".parse().unwrap()),
    };
    let source = Source {
        session: "s-1".parse().unwrap(),
        file: "s 1.jsonl".parse().unwrap(),
        record: "r-1".parse().unwrap(),
        line: number + 1,
        digest: Digest::of(statement.as_bytes()),
        speaker: Trust::Human,
        rule: "d2-answer".parse().unwrap(),
    };
    let id = Fragment::id_of(Kind::Fact, &scope, &statement);
    Fragment {
        id,
        revision: 1,
        kind: Kind::Fact,
        scope,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(&*statement),
        context: (number == 1).then(|| Text::new("Which one?")),
        created: moment("2026-01-01T00:00:00Z"),
        valid_to: (number == 2).then(|| moment("2027-01-01T00:00:00Z")),
        supersedes: if number == 3 { vec![fragment(0).id] } else { Vec::new() },
        tags: vec!["disk".parse().unwrap(), "storage".parse().unwrap()],
        sources: vec![source],
    }
}

struct Publisher {
    repository: RepositoryId,
    roots: Vec<Vec<u8>>,
    keyring: Keyring,
    sealed_keyring: Vec<u8>,
}

impl Publisher {
    fn seal(
        &self,
        number: usize,
        contents: &Contents,
        parent: Option<&Parent>,
        revocations: Option<(NoteRef, Vec<u8>)>,
    ) -> Sealed {
        let [ada, ..] = trusted();
        let roots = self.roots[..number.min(2)].to_vec();
        let context = Seal {
            repository: self.repository.clone(),
            root: roots.len() as u64,
            roots,
            revocations,
            reason: Reason::Publish,
            channel: CHANNEL.parse().unwrap(),
            parent,
            afresh: false,
            keyring: (&self.keyring, self.sealed_keyring.clone()),
            publisher: &ada,
            now: moment("2026-01-02T00:00:00Z").plus_days(u32::try_from(number).unwrap()),
            tool: "garner 0.1.0".to_owned(),
            scan: SecretScan { tool: "garner".into(), version: "1".into(), findings: 0 },
        };
        seal(contents, &context).unwrap()
    }
}

fn revocations(repository: &RepositoryId, count: u32, before: Option<Digest>) -> Revocations {
    let revocation = || Revocation {
        class: RevocationClass::Yank,
        reason: "wrong".parse().unwrap(),
        since: moment("2026-01-03T00:00:00Z"),
    };
    let number = if before.is_some() { 2 } else { 1 };
    let entries = (0..count).map(|number| (fragment(number).id, revocation())).collect();
    Revocations { repository: repository.clone(), number, previous: before, entries }
}

fn repository() {
    let [_, one, two, warden] = trusted();
    let first_root = root(None, 1).sign(&[&one, &two]).to_bytes();
    let repository = repository_of(&first_root).unwrap();
    let second_root = root(Some(repository.clone()), 2).sign(&[&one, &two]).to_bytes();
    let reader = Reader { name: "laptop".to_owned(), recipient: device().recipient() };
    let keyring = Keyring::new(repository.clone(), vec![reader]);
    let sealed_keyring = keyring.seal().unwrap();
    let roots = vec![first_root, second_root];
    let ada = Publisher { repository: repository.clone(), roots, keyring, sealed_keyring };
    let anchor = Anchor::pin(repository.clone(), None);
    let note = revocations(&repository, 1, None).sign(&[&warden]);
    let revoked = (NoteRef { number: 1, digest: note.digest() }, note.to_bytes());
    let later = revocations(&repository, 2, Some(note.digest())).sign(&[&warden]);
    write("example/revocations-2.note", &later.to_bytes());

    let mut contents = Contents::default();
    for number in 0..12 {
        contents.apply(Change::Put(Box::new(fragment(number)))).unwrap();
    }
    let first = ada.seal(1, &contents, None, None);
    write("example/first.kernel", &first.bundle.to_bytes());
    // Revoked fragments are taken out of what is opened; the next version is built on all.
    let (parent, _) = open_parent(&first.bundle, &anchor, &[&device()]).unwrap();
    contents.apply(Change::Put(Box::new(fragment(20)))).unwrap();
    let mut second = ada.seal(2, &contents, Some(&parent), Some(revoked.clone()));
    second.bundle.heads.insert(0, first.bundle.heads[0].clone());
    write("example/second.kernel", &second.bundle.to_bytes());
    write("example/latest-2.note", &second.latest);
    let (mut parent, _) = open_parent(&second.bundle, &anchor, &[&device()]).unwrap();
    parent.skip = Some(second.head);
    let gone: FragmentId = fragment(5).id;
    let at = moment("2026-01-04T00:00:00Z");
    let reason = TombstoneReason::Removed;
    contents.apply(Change::Del(Tombstone { id: gone, revision: 2, at, reason })).unwrap();
    let mut third = ada.seal(3, &contents, Some(&parent), Some(revoked));
    third.bundle.heads.splice(0..0, second.bundle.heads);
    write("example/third.kernel", &third.bundle.to_bytes());
    write("example/latest-3.note", &third.latest);
    assert_eq!(third.manifest.objects.len(), 4, "a base, two deltas, an index");
}

/// Writes a seed under the name of its digest.
fn seed(target: &str, bytes: &[u8]) {
    write(&format!("corpus/{target}/{}", Digest::of(bytes).short()), bytes);
}

fn seeds(example: &Example) {
    seed("container", example.minimal);
    seed("container", example.full);
    for note in example.notes() {
        seed("note", &[&[0], note].concat());
        let text = std::str::from_utf8(note).unwrap().rsplit_once("\n\n").unwrap().0;
        seed("note", format!("\u{1}{text}\n").as_bytes());
        let kinds = ["root", "head", "latest", "rev", "manifest", "tag"];
        let is = |kind: &&str| text.starts_with(&format!("garner.{kind}.v"));
        let kind = u8::try_from(kinds.iter().position(is).unwrap()).unwrap();
        seed("statement", &[&[kind], text.as_bytes(), b"\n"].concat());
    }
    let lines: Vec<String> = example.kernel.contents.all().iter().map(record::line).collect();
    for line in &lines {
        seed("record", line.as_bytes());
    }
    payloads(&lines);
    programs();
}

fn payloads(lines: &[String]) {
    let mut base = lines[..3].join("\n").into_bytes();
    base.push(b'\n');
    let newer = lines[1].replace("\"rev\":1", "\"rev\":7").into_bytes();
    seed("payload", &[&[1], base.as_slice()].concat());
    seed("payload", &[&[1], base.as_slice(), b"\xff", &newer, b"\n"].concat());
    seed("payload", &[&[1], lines[0].as_bytes(), b"\n\xfe", lines[2].as_bytes(), b"\n"].concat());
    seed("payload", &[1]);
    for (role, records, raw) in [(Role::Base, 3, base.as_slice()), (Role::Index, 1, b"{}")] {
        let plain = probe::plaintext(role, records, raw).unwrap();
        seed("payload", &[&[0], plain.as_slice()].concat());
        seed("payload", &[&[2], &plain[64..]].concat());
    }
    let index = format!(
        "{{\"repo\":\"0123456789abcdef0123456789abcdef\",\"channel\":\"notes\",\"publisher\":\"ada\",\
         \"objects\":{{\"{a}\":\"{b}\"}},\"tree_sha256\":\"{b}\",\"fragments\":1,\
         \"secret_scan\":{{\"tool\":\"garner\",\"version\":\"1\",\"findings\":0}}}}",
        a = Digest::of(b"a"),
        b = Digest::of(b"b"),
    );
    seed("payload", &[&[3], index.as_bytes()].concat());
    let identity = device().to_secret_text();
    let keyring = format!(
        "{{\"repo\":\"0123456789abcdef0123456789abcdef\",\"readers\":[{{\"name\":\"laptop\",\
         \"recipient\":\"{}\"}},{{\"name\":\"toy\",\"recipient\":\"age1toy1qygcca0k\"}}],\
         \"epochs\":[{{\"n\":1,\"identity\":\"{}\",\"from_seq\":1}}]}}",
        device().recipient(),
        *identity,
    );
    seed("payload", &[&[4], keyring.as_bytes()].concat());
}

/// Writes one short program for each instruction, and a few that sign again.
fn programs() {
    for instruction in 0..garner_fuzz::mutation::INSTRUCTIONS {
        seed("signed", &[instruction, 3, 0, 40, 2, 1, 9]);
        seed("signed", &[instruction, 5, 1, 2, 0, 1, 7, 13, 0, 14, 1]);
    }
    seed("signed", &[]);
}
