//! What directives are called, and which errors they expect. Knows nothing of how they are run.

use wast::WastDirective;

use holdall::{Error, ErrorKind, Found, LinkError, TrapCode};

/// The keyword of a directive.
pub(super) fn keyword(directive: &WastDirective<'_>) -> &'static str {
    match directive {
        WastDirective::Module(_) => "module",
        WastDirective::ModuleDefinition(_) => "module definition",
        WastDirective::ModuleInstance { .. } => "module instance",
        WastDirective::AssertMalformed { .. } => "assert_malformed",
        WastDirective::AssertInvalid { .. } => "assert_invalid",
        WastDirective::AssertInvalidCustom { .. } => "assert_invalid_custom",
        WastDirective::AssertMalformedCustom { .. } => "assert_malformed_custom",
        WastDirective::Register { .. } => "register",
        WastDirective::Invoke(_) => "invoke",
        WastDirective::AssertTrap { .. } => "assert_trap",
        WastDirective::AssertReturn { .. } => "assert_return",
        WastDirective::AssertExhaustion { .. } => "assert_exhaustion",
        WastDirective::AssertUnlinkable { .. } => "assert_unlinkable",
        WastDirective::AssertException { .. } => "assert_exception",
        WastDirective::AssertSuspension { .. } => "assert_suspension",
        WastDirective::Thread(_) => "thread",
        WastDirective::Wait { .. } => "wait",
    }
}

/// Whether a trap is the one that a script expects. A script may say less than the trap does
/// ("indirect call"), or name an operand after the text ("uninitialized element 2").
pub(super) fn trap_matches(found: TrapCode, expected: &str) -> bool {
    let found = found.message();
    found.starts_with(expected)
        || expected
            .strip_prefix(found)
            .is_some_and(|rest| rest.starts_with(' '))
}

/// Whether a module was refused because of its imports, and for the reason that a script expects:
/// there is nothing of that name, or something of another type.
pub(super) fn is_unlinkable(error: &Error, expected: &str) -> bool {
    let ErrorKind::Link(LinkError::Graph(error)) = error.kind() else {
        return false;
    };
    error.failures().iter().any(|failure| match failure.found {
        Found::Other(_) => expected.starts_with("incompatible import type"),
        _ => expected.starts_with("unknown import"),
    })
}

/// Whether a guest threw an exception that nobody caught.
pub(super) fn is_exception(error: &Error) -> bool {
    error.exception().is_some()
}
