//! The C interfaces, tried from C and C++.

mod export;
mod standard;
mod support;
