//! A proxy on a thread of its own, for one test.

use std::thread::JoinHandle;

use garner_serve::{Injecting, Proxy, Settings};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A proxy that runs until it is dropped.
pub(crate) struct Proxied {
    pub(crate) address: String,
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxied {
    /// Starts a proxy that passes everything on.
    pub(crate) fn plain(upstream: &str) -> Self {
        Self::with(upstream, None, Vec::new())
    }

    /// Starts a proxy.
    pub(crate) fn with(upstream: &str, injection: Option<Injecting>, origins: Vec<String>) -> Self {
        Self::at("127.0.0.1:0", upstream, injection, origins)
    }

    /// Starts a proxy that listens at an address.
    pub(crate) fn at(
        listen: &str,
        upstream: &str,
        injection: Option<Injecting>,
        origins: Vec<String>,
    ) -> Self {
        let settings = Settings {
            listen: listen.to_owned(),
            upstream: upstream.to_owned(),
            host_name: Some("testbox".to_owned()),
            origins,
            injection,
            learning: None,
        };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let proxy = Proxy::bind(settings).await.unwrap();
                tell.send((proxy.address().to_string(), Handle::current())).unwrap();
                proxy.run(async move { drop(stopped.await) }).await;
            });
        });
        let (address, runtime) = told.recv().unwrap();
        Self { address, runtime, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns how many tasks have not ended.
    #[allow(dead_code, reason = "the soak is a program of its own")]
    pub(crate) fn tasks(&self) -> usize {
        self.runtime.metrics().num_alive_tasks()
    }

    /// Stops it and waits until it has finished.
    pub(crate) fn finish(mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Proxied {
    fn drop(&mut self) {
        // Answers of a failed test are not waited for.
        drop(self.stop.take());
    }
}
