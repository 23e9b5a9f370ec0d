//! The `holdall` command, run as a user runs it.

mod examples;
mod link;
mod run;
mod show;
mod support;
