//! The `holdall` command, run as a user runs it.

mod audit;
mod ends;
mod examples;
#[path = "../support/folder.rs"]
mod folder;
mod guests;
mod hostile;
mod link;
mod naming;
mod run;
mod show;
#[path = "../support/command.rs"]
mod support;
