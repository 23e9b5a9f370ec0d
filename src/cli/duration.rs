//! Durations as a command line gives them.

pub(super) use holdall::text::parse_duration as parse;
