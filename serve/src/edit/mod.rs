//! Which bytes of a request change: a pure function of route, body, injection and model facts.
//!
//! [`read`] says what a request asks and where text can be put into it; [`splice`] puts it there. An
//! edit is a list of insertions inside strings of the body (or of one member that was not sent), so
//! every byte that the client sent goes on as it was, in its order.

mod chat;
mod fields;
mod generate;
mod messages;
mod reading;
mod responses;
mod splice;
#[cfg(test)]
mod tests;

pub use reading::{Asked, Place, Role, Turn, Unread};
pub use splice::{Insertion, escaped, splice};

/// A route whose requests may be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/api/chat`.
    Chat,
    /// `/api/generate`.
    Generate,
    /// `/v1/chat/completions`.
    Completions,
    /// `/v1/responses`.
    Responses,
    /// `/v1/messages`.
    Messages,
}

impl Route {
    /// Every route, in the order of metrics.
    pub const ALL: [Self; 5] =
        [Self::Chat, Self::Generate, Self::Completions, Self::Responses, Self::Messages];

    /// Returns the route of a path without its query; `None` for all others.
    pub fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.path() == path)
    }

    /// Returns the path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/api/chat",
            Self::Generate => "/api/generate",
            Self::Completions => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }
}

/// Reads the body of a request to `route`.
///
/// Keys are compared as the server compares them: without regard to case, the last of several
/// counts, a `null` counts as absent, and what follows the first value is not read.
///
/// # Errors
/// Why the request is passed on as it is.
pub fn read(route: Route, body: &[u8]) -> Result<Asked, Unread> {
    let request = fields::Object::of_body(body).ok_or(Unread::Unparsable)?;
    match route {
        Route::Chat => chat::read(&request, &chat::NATIVE),
        Route::Completions => chat::read(&request, &chat::COMPLETIONS),
        Route::Generate => generate::read(&request),
        Route::Responses => responses::read(&request),
        Route::Messages => messages::read(&request),
    }
}
