//! Sizes as a command line gives them.

pub(super) use holdall::text::parse_size as parse;
