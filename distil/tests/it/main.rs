//! The distillers against servers and programs that follow a script, and against real ones where the
//! environment names them.

#[cfg(test)]
mod anthropic;
#[cfg(test)]
mod batch;
#[cfg(test)]
mod claude;
#[cfg(test)]
mod live;
#[cfg(test)]
mod ollama;
#[cfg(test)]
#[allow(dead_code, reason = "the tests of the program use more")]
mod script;
