//! A forge of bundles: builds valid ones from outside of the crate, and broken ones by editing any
//! layer before it is compressed, encrypted, hashed or signed by the layer around it.

use std::io::Write as _;

use age::x25519;
use garner_kernel::bundle::{Anchor, Bundle, DeviceKey, Known, Note, PublisherKey, RepositoryId};
use garner_kernel::{
    Change, Confidence, Digest, Fragment, Kind, Scope, Source, Text, Tombstone, TombstoneReason,
    Trust, record,
};

/// The reader's key in every golden file; it protects nothing.
pub(crate) const DEVICE: &str =
    "AGE-SECRET-KEY-1RZ8DSPQ27KR97AEZ649DL7M9YVN0WAE7AV0V3G2N06P030DMAE2Q8QRLNX";
const EPOCH: &str = "AGE-SECRET-KEY-125KM3GWU99MKUSRS6PE28WL99P0JNT4CU49ZJZ2L0A90EAW86T0QVPUYWV";
const OTHER: &str = "AGE-SECRET-KEY-1A5AW9E9AS8NM8WL27P2NVJAXF75PAEYUYK2UDHUA36KN302QVVZQWY4KX5";

/// Returns the key that signs under `name`; keys of one seed are the same key.
pub(crate) fn key(name: &str, seed: u8) -> PublisherKey {
    PublisherKey::from_seed(name.parse().unwrap(), &[seed; 32])
}

pub(crate) fn root_key() -> PublisherKey {
    key("ada-root", 1)
}

pub(crate) fn publisher() -> PublisherKey {
    key("ada-publisher", 2)
}

pub(crate) fn stranger() -> PublisherKey {
    key("eve", 9)
}

/// Changes a text before it is signed or encrypted.
pub(crate) type Edit<T = String> = Box<dyn Fn(T) -> T>;

/// One base or delta.
pub(crate) struct Segment {
    pub(crate) role: &'static str,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) raw: Vec<u8>,
    /// Edits the plaintext, and then the encrypted file.
    pub(crate) plain: Edit<Vec<u8>>,
    pub(crate) sealed: Edit<Vec<u8>>,
    /// How often the key of the epoch is a recipient.
    pub(crate) recipients: usize,
}

/// The parts of a bundle before they are put together.
pub(crate) struct Forge {
    pub(crate) roots: Vec<Root>,
    /// The text of the revocations, with `{repo}` for the repository, and who signs it.
    pub(crate) revocations: Option<(String, Vec<PublisherKey>)>,
    /// How many heads there are before the last one.
    pub(crate) before: u64,
    /// The number of the first head in the file.
    pub(crate) first: u64,
    pub(crate) head: Edit,
    pub(crate) older_head: Edit,
    pub(crate) signers: Vec<PublisherKey>,
    pub(crate) manifest: Edit,
    pub(crate) manifest_signers: Vec<PublisherKey>,
    pub(crate) keyring: Edit,
    pub(crate) keyring_file: Edit<Vec<u8>>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) index: Edit,
    pub(crate) index_plain: Edit<Vec<u8>>,
    /// Edits the parts when all is signed, and then the file.
    pub(crate) bundle: Edit<Bundle>,
    pub(crate) file: Edit<Vec<u8>>,
    /// What the reader knows.
    pub(crate) known: Known,
    /// Whether a newer head vouches for the last one.
    pub(crate) vouched: bool,
    pub(crate) pin: Option<RepositoryId>,
    pub(crate) channel: Option<&'static str>,
}

/// A root: its JSON without `repo`, and who signs it.
pub(crate) struct Root {
    pub(crate) json: String,
    pub(crate) signers: Vec<PublisherKey>,
    pub(crate) note: Edit<Vec<u8>>,
}

pub(crate) fn same<T: 'static>() -> Edit<T> {
    Box::new(|value| value)
}

/// Returns an edit that replaces text, which must be there.
pub(crate) fn replace(from: &'static str, to: &'static str) -> Edit {
    Box::new(move |text: String| {
        assert!(text.contains(from), "`{from}` is not in {text}");
        text.replace(from, to)
    })
}

pub(crate) const ROLES: &str = "\"roles\":{\"freshness\":{\"keys\":[\"ada-publisher\"],\"threshold\":1},\
    \"publish\":{\"keys\":[\"ada-publisher\"],\"threshold\":1},\"revoke\":{\"keys\":\
    [\"ada-publisher\"],\"threshold\":1},\"root\":{\"keys\":[\"ada-root\"],\"threshold\":1}}";

/// Returns a key as roots write it.
pub(crate) fn grant(key: &PublisherKey, bounds: &str) -> String {
    let public = key.public();
    format!(
        "\"{}\":{{\"alg\":\"ed25519\",\"pub\":\"{}\",{bounds}}}",
        public.name(),
        base64(public.as_bytes())
    )
}

pub(crate) const BOUNDS: &str = "\"not_after\":\"2028-01-01T00:00:00Z\",\"channels\":[]";

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Returns root `version` with the two keys of every golden file.
pub(crate) fn root(version: u64) -> Root {
    let keys = format!("{},{}", grant(&publisher(), BOUNDS), grant(&root_key(), BOUNDS));
    let json = format!(
        "\"version\":{version},\"expires\":\"2028-01-01T00:00:00Z\",\"keys\":{{{keys}}},{ROLES}"
    );
    Root { json, signers: vec![root_key()], note: same() }
}

/// Returns a fragment for records.
pub(crate) fn fragment(kind: Kind, text: &str) -> Fragment {
    Fragment {
        id: Fragment::id_of(kind, &Scope::User, text),
        revision: 1,
        kind,
        scope: Scope::User,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(text),
        context: None,
        created: "2026-01-02T03:04:05Z".parse().unwrap(),
        valid_to: None,
        supersedes: Vec::new(),
        tags: Vec::new(),
        sources: vec![Source {
            session: "6f1d2c9e".parse().unwrap(),
            file: "6f1d2c9e.jsonl".parse().unwrap(),
            record: "b7-04".parse().unwrap(),
            line: 12,
            digest: Digest::of(b"line"),
            speaker: Trust::Human,
            rule: "d2".parse().unwrap(),
        }],
    }
}

pub(crate) fn put(fragment: Fragment) -> Change {
    Change::Put(Box::new(fragment))
}

pub(crate) fn del(fragment: &Fragment, revision: u32) -> Change {
    Change::Del(Tombstone {
        id: fragment.id,
        revision,
        at: "2026-01-03T00:00:00Z".parse().unwrap(),
        reason: TombstoneReason::Rejected,
    })
}

/// Returns the lines of changes, ascending by id.
pub(crate) fn lines(mut changes: Vec<Change>) -> Vec<u8> {
    changes.sort_by_key(Change::id);
    changes.iter().map(|change| record::line(change) + "\n").collect::<String>().into_bytes()
}

pub(crate) fn segment(role: &'static str, from: u64, to: u64, raw: Vec<u8>) -> Segment {
    Segment { role, from, to, raw, plain: same(), sealed: same(), recipients: 1 }
}

/// The two fragments of most golden files.
pub(crate) fn two() -> Vec<Change> {
    vec![
        put(fragment(Kind::Rule, "Sync the folder after a rename.")),
        put(fragment(Kind::Fact, "The port is 8081.")),
    ]
}

impl Default for Forge {
    fn default() -> Self {
        Self {
            roots: vec![root(1)],
            revocations: None,
            before: 0,
            first: 1,
            head: same(),
            older_head: same(),
            signers: vec![publisher()],
            manifest: same(),
            manifest_signers: vec![publisher()],
            keyring: same(),
            keyring_file: same(),
            segments: vec![segment("base", 0, 1, lines(two()))],
            index: same(),
            index_plain: same(),
            bundle: same(),
            file: same(),
            known: Known::default(),
            vouched: false,
            pin: None,
            channel: Some("notes"),
        }
    }
}

/// What a forge makes.
pub(crate) struct Forged {
    pub(crate) bytes: Vec<u8>,
    pub(crate) anchor: Anchor,
    /// The digests of the heads of the file.
    pub(crate) heads: Vec<Digest>,
}

impl Forge {
    /// Puts the parts together.
    pub(crate) fn build(&self) -> Forged {
        let (roots, repository) = self.root_notes();
        let repo = repository.to_string();
        let version = self.before + 1;
        let (mut objects, mut refs, mut raws) = (Vec::new(), Vec::new(), Vec::new());
        for segment in &self.segments {
            let code = if segment.role == "base" { (1, 1) } else { (2, 1) };
            let records = segment.raw.iter().filter(|byte| **byte == b'\n').count() as u32;
            let plain = (segment.plain)(plaintext(code, records, &segment.raw));
            let file =
                (segment.sealed)(encrypt(&vec![recipient(EPOCH); segment.recipients], &plain));
            refs.push(reference(segment.role, &file, segment.raw.len(), segment.from, segment.to));
            raws.push((Digest::of(&file).to_string(), Digest::of(&segment.raw)));
            objects.push(file);
        }
        raws.sort();
        let index = (self.index)(self.index_text(&repo, &raws));
        let plain = (self.index_plain)(plaintext((5, 3), 1, index.as_bytes()));
        let file = encrypt(&[recipient(EPOCH)], &plain);
        refs.push(reference("index", &file, index.len(), version, version));
        objects.push(file);
        let keyring = (self.keyring)(format!(
            "{{\"repo\":\"{repo}\",\"readers\":[{{\"name\":\"laptop\",\"recipient\":\"{}\"}}],\
             \"epochs\":[{{\"n\":1,\"identity\":\"{EPOCH}\",\"from_seq\":1}}]}}",
            recipient(DEVICE),
        ));
        let keyring = (self.keyring_file)(encrypt(&[recipient(DEVICE)], keyring.as_bytes()));
        let revocations = self.revocations.as_ref().map(|(text, signers)| {
            Note::sign(text.replace("{repo}", &repo), &signers.iter().collect::<Vec<_>>())
        });
        let rev = revocations
            .as_ref()
            .map_or_else(|| "0 -".to_owned(), |note| format!("1 {}", note.digest()));
        let (mut heads, mut digests) = (Vec::new(), Vec::<Digest>::new());
        let mut manifest = Vec::new();
        for number in 1..=version {
            let link = |number: u64| match number {
                0 => "-".to_owned(),
                n => digests[n as usize - 1].to_string(),
            };
            let (previous, skip) = (link(number - 1), link(number & (number - 1)));
            let created = format!("2026-01-{:02}T00:00:00Z", 2 + number.min(20));
            let last = number == version;
            let named = if last {
                let text = (self.manifest)(Self::manifest_text(
                    [&repo, &previous, &created],
                    &keyring,
                    &refs,
                ));
                let signers: Vec<_> = self.manifest_signers.iter().collect();
                manifest = Note::sign(text, &signers).to_bytes();
                format!("{} {}", Digest::of(&manifest), manifest.len())
            } else {
                format!("{} 1000", Digest::of(&number.to_le_bytes()))
            };
            let text = format!(
                "garner.head.v1\nrepo {repo}\nchannel notes\nseq {number}\nprev {previous}\nskip \
                 {skip}\nmanifest {named}\nroot {}\nrev {}\ncreated {created}\nreason publish\n",
                if last { self.roots.len() } else { 1 },
                if last { &rev } else { "0 -" },
            );
            let text = if last { (self.head)(text) } else { (self.older_head)(text) };
            let signers = if last { self.signers.iter().collect() } else { vec![] };
            let old = publisher();
            let note = Note::sign(text, &if last { signers } else { vec![&old] });
            digests.push(note.digest());
            heads.push(note.to_bytes());
        }
        let first = self.first as usize - 1;
        let bundle = (self.bundle)(Bundle {
            roots,
            revocations: revocations.map(|note| note.to_bytes()),
            heads: heads.split_off(first),
            manifest,
            keyring,
            objects,
        });
        let bytes = (self.file)(bundle.to_bytes());
        let anchor = Anchor {
            repository: self.pin.clone().unwrap_or(repository),
            channel: self.channel.map(|channel| channel.parse().unwrap()),
            known: Known {
                vouched: digests.last().copied().filter(|_| self.vouched),
                ..self.known.clone()
            },
        };
        Forged { bytes, anchor, heads: digests }
    }

    fn root_notes(&self) -> (Vec<Vec<u8>>, RepositoryId) {
        let mut repo = String::new();
        let mut notes = Vec::new();
        for root in &self.roots {
            let text = format!("garner.root.v1\n{{\"repo\":\"{repo}\",{}}}\n", root.json);
            let note = Note::sign(text, &root.signers.iter().collect::<Vec<_>>());
            if repo.is_empty() {
                repo = note.digest().to_string()[..32].to_owned();
            }
            notes.push((root.note)(note.to_bytes()));
        }
        (notes, repo.parse().unwrap())
    }

    fn index_text(&self, repo: &str, raws: &[(String, Digest)]) -> String {
        let live = self.live();
        let tree: String = live
            .iter()
            .map(|(line, id, revision)| {
                format!("{id} {revision} {}\n", Digest::of(line.as_bytes()))
            })
            .collect();
        let objects: Vec<_> = raws.iter().map(|(f, r)| format!("\"{f}\":\"{r}\"")).collect();
        format!(
            "{{\"repo\":\"{repo}\",\"channel\":\"notes\",\"publisher\":\"ada-publisher\",\
             \"objects\":{{{}}},\"tree_sha256\":\"{}\",\"fragments\":{},\"secret_scan\":\
             {{\"tool\":\"garner\",\"version\":\"0.1.0\",\"findings\":0}}}}",
            objects.join(","),
            Digest::of(tree.as_bytes()),
            live.len(),
        )
    }

    /// Returns line, id and revision of what is alive after all segments, as far as they parse.
    pub(crate) fn live(&self) -> Vec<(String, String, u32)> {
        let alive = self.last_lines().into_iter();
        alive
            .filter(|(_, change)| matches!(change, Change::Put(_)))
            .map(|(line, change)| (line, change.id().to_string(), change.revision()))
            .collect()
    }

    /// Returns the last line of every id, ascending.
    pub(crate) fn records(&self) -> Vec<String> {
        self.last_lines().into_iter().map(|(line, _)| line).collect()
    }

    fn last_lines(&self) -> Vec<(String, Change)> {
        let mut all = std::collections::BTreeMap::new();
        for segment in &self.segments {
            for line in String::from_utf8_lossy(&segment.raw).lines() {
                if let Ok(change) = record::parse(line) {
                    all.insert(change.id(), (line.to_owned(), change));
                }
            }
        }
        all.into_values().collect()
    }

    /// Returns the manifest of repository, previous head and time.
    fn manifest_text(
        [repo, previous, created]: [&str; 3],
        keyring: &[u8],
        refs: &[String],
    ) -> String {
        let parents = if previous == "-" { String::new() } else { format!("\"{previous}\"") };
        format!(
            "garner.manifest.v1\n{{\"repo\":\"{repo}\",\"channel\":\"notes\",\"parents\":[{parents}],\
             \"publisher\":\"ada-publisher\",\"created\":\"{created}\",\"tool\":\"garner 0.1.0\",\
             \"epoch\":1,\"keyring\":{{\"sha256\":\"{}\",\"size\":{}}},\"objects\":[{}]}}\n",
            Digest::of(keyring),
            keyring.len(),
            refs.join(","),
        )
    }
}

fn reference(role: &str, file: &[u8], raw: usize, from: u64, to: u64) -> String {
    format!(
        "{{\"role\":\"{role}\",\"sha256\":\"{}\",\"size\":{},\"raw_size\":{raw},\"from_seq\":{from},\
         \"to_seq\":{to}}}",
        Digest::of(file),
        file.len(),
    )
}

pub(crate) fn recipient(secret: &str) -> x25519::Recipient {
    secret.parse::<x25519::Identity>().unwrap().to_public()
}

pub(crate) fn other() -> x25519::Recipient {
    recipient(OTHER)
}

pub(crate) fn device() -> DeviceKey {
    DEVICE.parse().unwrap()
}

pub(crate) fn encrypt(recipients: &[x25519::Recipient], plain: &[u8]) -> Vec<u8> {
    let recipients = recipients.iter().map(|r| r as &dyn age::Recipient);
    let mut sealed = Vec::new();
    let mut writer =
        age::Encryptor::with_recipients(recipients).unwrap().wrap_output(&mut sealed).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap();
    sealed
}

/// Returns SKIP, the zstd frame and PAD of raw bytes.
pub(crate) fn plaintext((role, codec): (u8, u8), records: u32, raw: &[u8]) -> Vec<u8> {
    framed(&skip((role, codec), records, raw), &frame(raw, |_| ()))
}

pub(crate) fn skip((role, codec): (u8, u8), records: u32, raw: &[u8]) -> Vec<u8> {
    let mut skip = vec![0x5B, 0x2A, 0x4D, 0x18, 56, 0, 0, 0];
    skip.extend_from_slice(b"GSEG1\0\0\0");
    skip.extend_from_slice(&[role, codec, 0, 0]);
    skip.extend_from_slice(&records.to_le_bytes());
    skip.extend_from_slice(&(raw.len() as u64).to_le_bytes());
    skip.extend_from_slice(Digest::of(raw).as_bytes());
    skip
}

/// Compresses raw bytes after `set` changed the settings of the compressor.
pub(crate) fn frame(raw: &[u8], set: fn(&mut zstd::bulk::Compressor<'_>)) -> Vec<u8> {
    let mut compressor = zstd::bulk::Compressor::new(3).unwrap();
    compressor.include_checksum(true).unwrap();
    compressor.include_contentsize(true).unwrap();
    set(&mut compressor);
    compressor.compress(raw).unwrap()
}

/// Puts PAD behind SKIP and a frame.
pub(crate) fn framed(skip: &[u8], frame: &[u8]) -> Vec<u8> {
    let length = skip.len() + frame.len() + 8;
    let exponent = length.ilog2();
    let mask = (1_usize << exponent.saturating_sub(exponent.ilog2() + 1)) - 1;
    let zeros = ((length + mask) & !mask) - length;
    let mut plain = [skip, frame, &[0x5C, 0x2A, 0x4D, 0x18]].concat();
    plain.extend_from_slice(&(zeros as u32).to_le_bytes());
    plain.resize(plain.len() + zeros, 0);
    plain
}

/// Makes the digest at the end of a file that of its bytes again.
pub(crate) fn refreshed(mut file: Vec<u8>, frames: u32) -> Vec<u8> {
    file.truncate(file.len() - 52);
    let digest = Digest::of(&file);
    file.extend_from_slice(&[255, 0, 0, 0, 0, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0]);
    file.extend_from_slice(&frames.to_le_bytes());
    file.extend_from_slice(digest.as_bytes());
    file
}
