//! Models that propose what to remember, behind the compiler's [`Distiller`].
//!
//! [`Distiller`]: garner_compiler::distil::Distiller
