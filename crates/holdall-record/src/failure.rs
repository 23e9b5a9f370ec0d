//! Errors as records, and records as errors again.

use std::error::Error as StdError;

use holdall::{Error, Exception, HostCallDenied, I32Exit, Trap, TrapCode};

use crate::format::{Cause, End, Failure};

/// The end of a call into a guest that failed.
pub(crate) fn end_of(error: &Error) -> End {
    let mut chain: Vec<&(dyn StdError + 'static)> = vec![error];
    while let Some(source) = chain[chain.len() - 1].source() {
        chain.push(source);
    }
    End::Error(failure(chain.into_iter()))
}

/// The end of a function of the host that failed.
pub(crate) fn end_of_host(error: &anyhow::Error) -> End {
    End::Error(failure(error.chain()))
}

/// An error, from the chain of its causes.
fn failure<'a>(chain: impl Iterator<Item = &'a (dyn StdError + 'static)>) -> Failure {
    let mut around = Vec::new();
    for error in chain {
        if let Some(cause) = cause(error) {
            return Failure { around, cause };
        }
        let text = error.to_string();
        // `holdall::Error` says what its cause says.
        if around.last() != Some(&text) {
            around.push(text);
        }
    }
    let text = around.pop().unwrap_or_default();
    Failure {
        around,
        cause: Cause::Text(text),
    }
}

/// What the error is, if that can be made again.
fn cause(error: &(dyn StdError + 'static)) -> Option<Cause> {
    if let Some(error) = error.downcast_ref::<Error>() {
        use holdall::ErrorKind;
        return match error.kind() {
            ErrorKind::Exit(exit) => cause(exit),
            ErrorKind::Trap(trap) => cause(trap),
            ErrorKind::Denied(denied) => cause(denied),
            ErrorKind::Exception(thrown) => cause(thrown),
            _ => None,
        };
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return Some(Cause::Exit(*code));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Some(Cause::Trap {
            code: trap.code() as u8,
            detail: trap.detail().map(str::to_owned),
        });
    }
    if let Some(code) = error.downcast_ref::<TrapCode>() {
        return Some(Cause::Trap {
            code: *code as u8,
            detail: None,
        });
    }
    if let Some(HostCallDenied { module, function }) = error.downcast_ref() {
        return Some(Cause::Denied {
            module: module.clone(),
            function: function.clone(),
        });
    }
    let thrown = error.downcast_ref::<Exception>()?;
    Some(Cause::Exception(first_line(&thrown.to_string())))
}

/// A text without the calls that led there.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

impl Failure {
    /// The error for a function of the host to return; `None` for an exception, which is not recorded.
    pub(crate) fn to_error(&self) -> Option<anyhow::Error> {
        let cause = match &self.cause {
            Cause::Exit(code) => I32Exit(*code).into(),
            Cause::Trap { code, detail } => Error::from(trap(*code, detail.as_deref())).into(),
            Cause::Denied { module, function } => HostCallDenied {
                module: module.clone(),
                function: function.clone(),
            }
            .into(),
            Cause::Exception(_) => return None,
            Cause::Text(text) => anyhow::Error::msg(text.clone()),
        };
        let around = self.around.iter().rev().cloned();
        Some(around.fold(cause, |error, text| error.context(text)))
    }

    /// The trap, if the error is one by which a deadline or an interruption ended a guest.
    pub(crate) fn end_of_time(&self) -> Option<Trap> {
        let Cause::Trap { code, detail } = &self.cause else {
            return None;
        };
        let trap = trap(*code, detail.as_deref());
        matches!(
            trap.code(),
            TrapCode::DeadlineExceeded | TrapCode::Interrupted
        )
        .then_some(trap)
    }
}

fn trap(code: u8, detail: Option<&str>) -> Trap {
    let code = TrapCode::ALL.get(usize::from(code)).copied();
    let trap = Trap::from(code.unwrap_or(TrapCode::Host));
    match detail {
        Some(detail) => trap.with_detail(detail),
        None => trap,
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for text in &self.around {
            write!(f, "{text}: ")?;
        }
        match &self.cause {
            Cause::Exit(code) => write!(f, "exit code {code}"),
            Cause::Trap { code, detail } => write!(f, "trap: {}", trap(*code, detail.as_deref())),
            Cause::Denied { module, function } => write!(f, "{module}.{function} is not allowed"),
            Cause::Exception(text) | Cause::Text(text) => f.write_str(text),
        }
    }
}

/// A trap with the calls of another one.
pub(crate) fn with_frames_of(mut trap: Trap, other: &Trap) -> Trap {
    trap.add_callers(other.frames().to_vec());
    trap
}
