//! A case in wasmi: in version 2, and in version 1, which decides where holdall and version 2
//! differ. It has to: version 2.0.0 translates some valid modules wrongly, and panics on others.

pub mod wasmi_1;
pub mod wasmi_2;
