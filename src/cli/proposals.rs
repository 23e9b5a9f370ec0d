//! The option that switches proposals off, and what it sets.

use holdall::{Config, Proposal, Proposals};
use holdall_pack::Policy;

/// Which proposals modules may use.
#[derive(Debug, clap::Args)]
pub(super) struct ProposalArgs {
    /// Take modules that use a proposal, or do not with =n: simd=n, or threads=n,exceptions=n; may be
    /// repeated. All that holdall has are on, and `all` stands for them: all=n,simd is only simd
    #[arg(
        short = 'W',
        long = "wasm",
        value_name = "NAME[=y|n]",
        value_delimiter = ',',
        value_parser = switch
    )]
    wasm: Vec<(Proposals, bool)>,
}

/// Proposals and whether they are on, from `NAME[=y|n]`.
fn switch(text: &str) -> Result<(Proposals, bool), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, "y"));
    let on = match value {
        "y" | "yes" | "true" => true,
        "n" | "no" | "false" => false,
        _ => return Err("expected NAME, NAME=y or NAME=n".to_owned()),
    };
    if name == "all" {
        return Ok((Proposals::AVAILABLE, on));
    }
    match Proposal::from_name(name) {
        Some(proposal) if on && !proposal.is_available() => {
            Err(format!("holdall does not have {proposal}"))
        }
        Some(proposal) => Ok((Proposals::NONE.with(proposal), on)),
        None => {
            let names = Proposals::AVAILABLE.to_string().replace(' ', ", ");
            Err(format!("expected one of {names}, or all"))
        }
    }
}

impl ProposalArgs {
    /// The proposals that are switched off. Of switches for one proposal, the last counts.
    fn off(&self) -> Proposals {
        let mut off = Proposals::NONE;
        for (proposals, on) in &self.wasm {
            off = proposals.iter().fold(off, |off, proposal| match on {
                true => off.without(proposal),
                false => off.with(proposal),
            });
        }
        off
    }

    /// Switches proposals off in a policy.
    pub(super) fn restrict(&self, policy: Policy) -> Policy {
        Policy {
            off: self.off(),
            ..policy
        }
    }

    /// The configuration of an engine that takes modules which use what is on.
    pub(super) fn config(&self) -> Config {
        self.restrict(Policy::default()).unpooled_config()
    }
}
