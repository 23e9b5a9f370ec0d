//! Records as people read them: calls as traces have them, with their numbers.

use holdall::Escaped;
use holdall::text::format_number;

use crate::format::{End, Failure, Function, How, Place, Record, Seen, Value};
use crate::recording::hex;

/// The most bytes of some that are shown.
const SHOWN_BYTES: usize = 64;
/// Lines are indented by at most this many levels.
const MAX_INDENT: usize = 16;

/// What is known of the records before: names of functions and of instances, and which calls are open.
#[derive(Debug, Default)]
pub(crate) struct Shower {
    functions: Vec<Function>,
    labels: Vec<String>,
    /// The open calls of the host's functions: number of the call, and of the function.
    open: Vec<(u64, u32)>,
    /// The call that ended last.
    ended: Option<u64>,
    calls: u64,
}

impl Shower {
    /// Notes what later records refer to.
    pub(crate) fn note(&mut self, record: &Record<'_>) {
        match record {
            Record::Function(function) => self.functions.push(function.clone()),
            Record::Instance { label, .. } => {
                let label = label.clone();
                self.labels
                    .push(label.unwrap_or_else(|| "<unnamed>".to_owned()));
            }
            Record::HostCall { function, .. } => {
                self.calls += 1;
                self.open.push((self.calls, *function));
            }
            Record::HostReturned { .. } => self.ended = self.open.pop().map(|(call, _)| call),
            _ => {}
        }
    }

    /// The line that says what a record says; `None` where that is of no interest.
    pub(crate) fn line(&self, record: &Record<'_>) -> Option<String> {
        let is_returned = matches!(record, Record::HostReturned { .. });
        let depth = self.open.len() - usize::from(is_returned && !self.open.is_empty());
        let pad = "    ".repeat(depth.min(MAX_INDENT));
        let line = self.text(record)?;
        Some(match is_returned {
            true => format!("{pad}    = {line}"),
            false => format!("{pad}{line}"),
        })
    }

    fn text(&self, record: &Record<'_>) -> Option<String> {
        Some(match record {
            Record::Function(_) | Record::ModuleBytes(_) => return None,
            Record::Module(module) => format!(
                "module {}: {}, sha256 {}",
                Escaped(module.name.as_deref().unwrap_or("<unnamed>")),
                len(module.size_bytes),
                hex(&module.sha256)
            ),
            Record::Instance { label, .. } => {
                let label = label.as_deref().unwrap_or("<unnamed>");
                format!("instance of {}", Escaped(label))
            }
            Record::Instantiated {
                end: End::Results(_),
                ..
            } => return None,
            Record::Instantiated { end, fuel } | Record::Returned { end, fuel } => {
                format!("  ended: {}{}", self.end(end), fuel_text(*fuel))
            }
            Record::Call { func, export, args } => {
                format!("call {}", self.guest_call(*func, export.as_deref(), args))
            }
            Record::HostCall {
                function,
                caller,
                args,
            } => {
                let call = self.host_call(*function, *caller, args);
                format!("#{} {call}", self.calls + 1)
            }
            Record::HostReturned { end, errno, spent } => {
                let function = self.open.last().map(|(_, function)| *function);
                let outcome = self.outcome(function, end, errno.as_deref());
                match spent {
                    0 => outcome,
                    units => format!("{outcome}, {units} units of fuel"),
                }
            }
            Record::Read { at, bytes, .. } => {
                format!("reads {} at {at:#x}: {}", len(bytes.len()), seen(bytes))
            }
            Record::Write { at, bytes, .. } => {
                format!(
                    "writes {} at {at:#x}: {}",
                    len(bytes.len() as u64),
                    shown(bytes)
                )
            }
            Record::Output { is_error, bytes } => {
                let to = if *is_error { "error" } else { "output" };
                format!("to standard {to}: {}", shown(bytes))
            }
            Record::Memory { min, .. } => format!("the host makes a memory of {min} pages"),
            Record::Global { value: it, .. } => format!("the host makes a global: {}", value(it)),
            Record::Grow { memory, pages } => {
                format!("the host grows memory {memory} by {pages} pages")
            }
            Record::SetGlobal { global, value: it } => {
                format!("the host sets global {global} to {}", value(it))
            }
            Record::Limits(_) => "the host sets limits".to_owned(),
            Record::Other(what) => format!("the host {}, which cannot be replayed", Escaped(what)),
            Record::End => "end".to_owned(),
        })
    }

    /// What a record says, within a message.
    pub(crate) fn phrase(&self, record: &Record<'_>) -> String {
        match record {
            Record::HostCall {
                function,
                caller,
                args,
            } => self.host_call(*function, *caller, args),
            Record::End => "the end of the run".to_owned(),
            Record::Instantiated { end, .. } | Record::Returned { end, .. } => {
                format!("the end of the guest: {}", self.end(end))
            }
            record => self.text(record).unwrap_or_default(),
        }
    }

    /// The functions of the host so far.
    pub(crate) fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// How many calls of functions of the host began so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// The call of a function of the host that ended last.
    pub(crate) fn ended(&self) -> Option<u64> {
        self.ended
    }

    /// The call of a function of the host that runs now, by its number, and the function's name.
    pub(crate) fn current(&self) -> Option<(u64, String)> {
        let (call, function) = self.open.last()?;
        let function = self.functions.get(*function as usize)?;
        Some((*call, function.name.clone()))
    }

    /// A call of a function of the host, as traces have it.
    pub(crate) fn host_call(&self, function: u32, caller: Option<u32>, args: &[Value]) -> String {
        let caller = match caller {
            None => "<host>",
            Some(at) => self
                .labels
                .get(at as usize)
                .map_or("<unnamed>", String::as_str),
        };
        let function = self.functions.get(function as usize);
        let name = function.map_or("<unknown>", |function| &function.name);
        let named = function.map_or(&[][..], |function| &function.named[..]);
        let args = args
            .iter()
            .enumerate()
            .map(|(at, arg)| match named.get(at) {
                Some((name, how)) => format!("{}={}", Escaped(name), argument(*how, arg)),
                None => value(arg),
            });
        let args: Vec<_> = args.collect();
        format!(
            "{} -> {}({})",
            Escaped(caller),
            Escaped(name),
            args.join(", ")
        )
    }

    /// A call of a guest's function.
    pub(crate) fn guest_call(&self, func: Place, export: Option<&str>, args: &[Value]) -> String {
        let args: Vec<_> = args.iter().map(value).collect();
        let args = args.join(", ");
        match func {
            Place::Func { instance, index } => {
                let label = self.labels.get(instance as usize);
                let label = label.map_or("<unnamed>", String::as_str);
                match export {
                    Some(name) => format!("{}!{}({args})", Escaped(label), Escaped(name)),
                    None => format!("{}!<func {index}>({args})", Escaped(label)),
                }
            }
            _ => format!("<host>({args})"),
        }
    }

    fn outcome(&self, function: Option<u32>, end: &End, errno: Option<&str>) -> String {
        let function = function.and_then(|at| self.functions.get(at as usize));
        let success = function.and_then(|function| function.success.as_deref());
        match (end, errno, success) {
            (End::Results(_), Some(errno), _) => Escaped(errno).to_string(),
            (End::Results(results), None, Some(success)) if results[..] == [Value::I32(0)] => {
                Escaped(success).to_string()
            }
            (end, ..) => self.end(end),
        }
    }

    /// How a call ended.
    pub(crate) fn end(&self, end: &End) -> String {
        match end {
            End::Results(results) => {
                let results: Vec<_> = results.iter().map(value).collect();
                format!("({})", results.join(", "))
            }
            End::Passed => "the same".to_owned(),
            End::Error(failure) => failure_text(failure),
        }
    }
}

fn fuel_text(fuel: Option<u64>) -> String {
    match fuel {
        None => String::new(),
        // Without a limit there is one that is not reached.
        Some(left) if left > u64::MAX / 2 => format!(", {} units of fuel used", u64::MAX - left),
        Some(left) => format!(", {left} units of fuel left"),
    }
}

/// An error, on one line.
pub(crate) fn failure_text(failure: &Failure) -> String {
    Escaped(&failure.to_string()).to_string()
}

fn len(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        _ => format!("{bytes} bytes"),
    }
}

pub(crate) fn seen(bytes: &Seen<'_>) -> String {
    match bytes {
        Seen::Bytes(bytes) => shown(bytes),
        Seen::Sum { sum, .. } => format!("checksum {sum:016x}"),
    }
}

/// Bytes as a string with escapes, or in hexadecimal where they are no text.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let more = if bytes.len() > SHOWN_BYTES { "..." } else { "" };
    let bytes = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let is_text =
        |byte: &u8| byte.is_ascii_graphic() || b" \n\r\t\0".contains(byte) || !byte.is_ascii();
    let text = String::from_utf8_lossy(bytes);
    let printable = bytes.iter().filter(|byte| **byte != 0).all(is_text);
    let has_text = bytes.iter().any(u8::is_ascii_graphic);
    match printable && has_text && !text.contains('\u{fffd}') {
        true => format!("\"{}\"{more}", text.escape_debug()),
        false => format!("{}{more}", hex(bytes)),
    }
}

fn argument(how: How, argument: &Value) -> String {
    let bits = match *argument {
        Value::I32(it) | Value::F32(it) => u64::from(it),
        Value::I64(it) | Value::F64(it) => it,
        ref other => return value(other),
    };
    match how {
        How::Unsigned => bits.to_string(),
        How::Signed => bits.cast_signed().to_string(),
        How::Hex => format!("{bits:#x}"),
    }
}

/// A value, as results are printed.
pub(crate) fn value(value: &Value) -> String {
    match value.to_number() {
        Some(number) => format_number(&number).unwrap_or_default(),
        None if *value == Value::Null => "null".to_owned(),
        None => "reference".to_owned(),
    }
}
