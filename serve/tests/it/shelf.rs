//! A store for one test, and what answers questions about it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use garner_kernel::{
    ChannelName, Confidence, Digest, Fragment, Kind, Moment, Scope, Source, Text, Trust,
};
use garner_loader::inject::estimate;
use garner_loader::{Filters, InjectionEvent, OpenOptions, Query, Stamp, Store};
use garner_serve::{Injecting, Known, Question, Recaller};
use tempfile::TempDir;

/// What every store of a test holds.
pub(crate) const FACTS: &[(Kind, &str)] = &[
    (Kind::Rule, "Never squash merges."),
    (Kind::Fact, "The tide gauge listens on port 8081."),
    (Kind::Fact, "Heights are stored in millimetres."),
];
/// A question that the store knows about.
pub(crate) const QUESTION: &str = "Which port does the tide gauge use?";

fn now() -> Moment {
    Moment::from_unix(1_767_225_600)
}

/// A folder with a store, and the events that were told.
pub(crate) struct Shelf {
    folder: TempDir,
    events: Receiver<InjectionEvent>,
    tell: Sender<InjectionEvent>,
}

/// What a store does before it answers; an error of its own stands for any.
pub(crate) type Before = Arc<Mutex<dyn FnMut() -> Result<(), garner_loader::Error> + Send>>;

struct Asking {
    store: Option<Store>,
    folder: std::path::PathBuf,
    before: Before,
}

impl Recaller for Asking {
    fn recall(&mut self, question: &Question<'_>) -> Result<Known, garner_loader::Error> {
        (self.before.lock().unwrap())()?;
        if self.store.is_none() {
            self.store = Some(Store::open(&self.folder, &OpenOptions::read())?);
        }
        let store = self.store.as_ref().unwrap();
        let filters = Filters { channels: question.channels.to_vec(), ..Filters::default() };
        let view = store.view()?;
        let reads =
            |name: &ChannelName| filters.channels.is_empty() || filters.channels.contains(name);
        let active = view.active().filter(|(name, _)| reads(name));
        let kernels = active.map(|(name, version)| (name.clone(), version)).collect();
        let core = store.core(None, &filters, now())?;
        let hits = match question.text {
            Some(text) => store.recall(&Query { filters, ..Query::new(text, now()) })?.hits,
            None => Vec::new(),
        };
        Ok(Known { core, hits, kernels })
    }

    fn count(&self, text: &str) -> usize {
        estimate(text)
    }

    fn now(&self) -> Moment {
        now()
    }
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let shelf = Self::empty();
        let mut store = Store::open(shelf.folder.path(), &OpenOptions::write()).unwrap();
        for (kind, statement) in FACTS {
            let stamp = Stamp { at: now(), who: "tester".parse().unwrap() };
            store.remember(&fragment(*kind, statement), None, &stamp).unwrap();
        }
        shelf
    }

    /// Returns a folder without a store.
    pub(crate) fn empty() -> Self {
        let (tell, events) = channel();
        Self { folder: tempfile::tempdir().unwrap(), events, tell }
    }

    pub(crate) fn injecting(&self) -> Injecting {
        self.after(Arc::new(Mutex::new(|| Ok(()))))
    }

    /// Returns where fragments come from, each time after `before`.
    pub(crate) fn after(&self, before: Before) -> Injecting {
        let (folder, tell) = (self.folder.path().to_owned(), self.tell.clone());
        Injecting {
            recaller: Box::new(move || Box::new(Asking { store: None, folder, before })),
            record: Box::new(move |event| tell.send(event.clone()).is_ok()),
            cloud: Vec::new(),
            // No machine is so slow that a test depends on it.
            deadline: Duration::from_mins(5),
        }
    }

    /// Returns the events that were told so far.
    pub(crate) fn events(&self) -> Vec<InjectionEvent> {
        self.events.try_iter().collect()
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }
}

fn fragment(kind: Kind, statement: &str) -> Fragment {
    let scope = Scope::User;
    Fragment {
        id: Fragment::id_of(kind, &scope, statement),
        revision: 1,
        kind,
        scope,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(statement),
        context: None,
        created: now(),
        valid_to: None,
        supersedes: Vec::new(),
        tags: Vec::new(),
        sources: vec![Source {
            session: "s-1".parse().unwrap(),
            file: "s-1.jsonl".parse().unwrap(),
            record: "r-1".parse().unwrap(),
            line: 7,
            digest: Digest::of(b"line"),
            speaker: Trust::Human,
            rule: "d2-answer".parse().unwrap(),
        }],
    }
}
