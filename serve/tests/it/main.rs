//! The proxy between clients and a server that follows a script.

#[cfg(test)]
mod console;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod injection;
#[cfg(test)]
mod ollama;
#[cfg(test)]
mod proxied;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod shelf;
#[cfg(test)]
mod transparency;
