//! The `holdall` command, run as a user runs it.

mod audit;
mod examples;
#[path = "../support/folder.rs"]
mod folder;
mod guests;
mod link;
mod naming;
mod run;
mod show;
#[path = "../support/command.rs"]
mod support;
