//! The `holdall` command, run as a user runs it.

mod audit;
mod examples;
mod guests;
mod link;
mod run;
mod show;
mod support;
