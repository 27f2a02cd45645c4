//! Asks the store of this machine what matters to a question, from a program of your own.
//!
//! ```text
//! cargo run --release --example recall -- ~/.local/share/garner 'how are heights stored?'
//! ```

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use garner_embed::{DirectMiniLm, ModelFiles};
use garner_kernel::{Embedder as _, Moment};
use garner_loader::{OpenOptions, Query, QueryVector, Residency, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let store = PathBuf::from(words.next().ok_or("name the folder of a store")?);
    let question = words.collect::<Vec<_>>().join(" ");
    // A program that asks often keeps what recall reads in memory; a `Store` can be sent to a thread.
    let options = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
    let store = Store::open(&store, &options)?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut query = Query::new(&*question, Moment::from_unix(i64::try_from(seconds)?));
    // Without a model, words alone are asked for.
    if let Some(folder) = std::env::var_os("GARNER_MODEL_DIR") {
        let model = DirectMiniLm::open(&ModelFiles::find(&PathBuf::from(folder), None)?, 2)?;
        let vector = model.embed(&[&question])?.pop();
        query.vector = vector.map(|vector| QueryVector { embedder: model.id(), vector });
    }
    let mut out = std::io::stdout().lock();
    for hit in store.recall(&query)?.hits {
        writeln!(out, "{}  {}", hit.signals.total, hit.fragment.statement.as_str())?;
    }
    Ok(())
}
