//! The `holdall` command, run as a user runs it.

mod audit;
mod documents;
mod ends;
mod examples;
mod folder {
    holdall_dev::folder!();
}
mod guests;
mod hostile;
mod link;
mod naming;
mod proposals;
mod record;
mod run;
mod show;
#[path = "../support/command.rs"]
mod support;
mod test_command;
