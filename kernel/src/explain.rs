//! Whose fault an error is, and what to do about it.

/// Who or what has to act on an error; the binary maps it to an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The given file, argument or text is not usable.
    Input,
    /// Something that was named does not exist.
    Missing,
    /// A signature, digest or permission does not hold.
    Trust,
    /// A remote, a model or a server cannot be reached.
    Offline,
    /// A defect of the program or the machine.
    Internal,
}

/// An error that says whose fault it is and names the next command.
pub trait Explain: std::error::Error {
    /// Returns whose fault the error is.
    fn fault(&self) -> Fault;

    /// Returns the next command or step, where one exists.
    fn hint(&self) -> Option<String> {
        None
    }
}
