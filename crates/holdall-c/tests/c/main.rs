//! The C interfaces, tried from C and C++.

mod export;
mod extension;
mod standard;
mod support;
