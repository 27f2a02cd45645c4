//! Behaviour of the compiler from the outside: transcripts in, drafts out.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod cures;
#[cfg(test)]
mod distil;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod junk;
#[cfg(test)]
mod log;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod provenance;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod resuming;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod speakers;
