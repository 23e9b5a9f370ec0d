//! Mocks: functions that a test has in the place of what nobody defines.

mod answer;
mod caller;
mod fit;
mod log;

use std::fmt;
use std::sync::Arc;

use holdall::Val;

use answer::MockModule;
pub(crate) use answer::Running;
pub use caller::MockCaller;
pub(crate) use fit::types_of_mocks;
pub use log::{MockLog, MockedCall};

use crate::value::Value;

/// A function that stands in for one that modules import and nobody defines; or for one of WASI
/// (`Mock::func("wasi_snapshot_preview1", "clock_time_get")`), or of another module, whose place it
/// takes.
///
/// Its type is that of the imports. It gives its [results](Self::returns), or what a
/// [closure](Self::call) or a [function of a module](Self::module) gives; and it looks with which
/// arguments and how often it is called.
///
/// ```
/// use holdall_test::{Case, Mock, Modules, Val};
///
/// let app = Modules::new().wat(r#"(module
///     (import "env" "now" (func $now (result i64)))
///     (func (export "twice") (result i64) (i64.sub (call $now) (call $now))))"#)?;
/// let now = Mock::func("env", "now").returns_each([[30_i64], [10]]).times(2);
/// let outcome = Case::call(&app, "twice").mock(now).run()?;
/// outcome.assert_results([20_i64]);
/// assert_eq!(outcome.mock("env", "now").count(), 2);
/// # Ok::<(), holdall_test::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Mock {
    pub(crate) module: String,
    pub(crate) name: String,
    answer: Answer,
    /// Bytes that are put into the caller's memory, at the address that an argument is.
    writes: Vec<(usize, Arc<[u8]>)>,
    args: Vec<ArgCheck>,
    count: Count,
}

/// What a mock does.
#[derive(Clone)]
enum Answer {
    Results(Vec<Value>),
    /// The results of each call; there is none after the last.
    Each(Vec<Vec<Value>>),
    Call(Arc<Closure>),
    /// A function that a module exports.
    Module {
        module: Arc<MockModule>,
        function: String,
    },
    Trap(String),
}

type Closure = dyn Fn(&mut MockCaller<'_>, &[Val]) -> anyhow::Result<Vec<Val>> + Send + Sync;

type Predicate = dyn Fn(&[Val]) -> bool + Send + Sync;

/// What is true of the arguments of every call.
#[derive(Clone)]
enum ArgCheck {
    All(Vec<Value>),
    One(usize, Value),
    Predicate(Arc<Predicate>),
}

/// How often a mock is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) least: Option<u64>,
    pub(crate) most: Option<u64>,
}

impl Mock {
    /// A mock of the function that modules import as `name` from `module`. It gives no results, and
    /// may be called as often as one likes, until the methods say otherwise.
    pub fn func(module: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            module: module.into(),
            name: name.into(),
            answer: Answer::Results(Vec::new()),
            writes: Vec::new(),
            args: Vec::new(),
            count: Count::default(),
        }
    }

    /// Gives these results at every call.
    pub fn returns(mut self, results: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        self.answer = Answer::Results(values(results));
        self
    }

    /// Gives other results at each call, in order. A call after the last of them ends the guest.
    pub fn returns_each<R>(mut self, calls: impl IntoIterator<Item = R>) -> Self
    where
        R: IntoIterator,
        R::Item: Into<Value>,
    {
        let each = calls.into_iter().map(|results| values(results));
        self.answer = Answer::Each(each.collect());
        self
    }

    /// Gives what a closure returns. An error of the closure ends the guest with it, and so does a
    /// panic. The closure gets the arguments, and a [`MockCaller`] for the caller's memory and the
    /// case's time.
    pub fn call(
        mut self,
        closure: impl Fn(&mut MockCaller<'_>, &[Val]) -> anyhow::Result<Vec<Val>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.answer = Answer::Call(Arc::new(closure));
        self
    }

    /// Gives what a function of a module returns, in the binary format or text. The module has an
    /// instance of its own in each run, which keeps its state from call to call, and which all mocks
    /// of the case share that have the same module. It can import what the subject's modules can, but
    /// not what is mocked.
    pub fn module(mut self, bytes: impl Into<Vec<u8>>, function: impl Into<String>) -> Self {
        self.answer = Answer::Module {
            module: Arc::new(MockModule::new(bytes.into())),
            function: function.into(),
        };
        self
    }

    /// Ends the guest with a trap of this message.
    pub fn traps(mut self, message: impl Into<String>) -> Self {
        self.answer = Answer::Trap(message.into());
        self
    }

    /// Puts bytes into the caller's memory at every call, at the address that argument `arg` is,
    /// counted from 0, before results are given.
    pub fn writes(mut self, arg: usize, bytes: impl Into<Vec<u8>>) -> Self {
        self.writes.push((arg, bytes.into().into()));
        self
    }

    /// Expects these arguments at every call; `"_"` stands for any.
    pub fn expect_args(mut self, args: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        self.args.push(ArgCheck::All(values(args)));
        self
    }

    /// Expects a value as argument `arg` at every call, counted from 0.
    pub fn expect_arg(mut self, arg: usize, value: impl Into<Value>) -> Self {
        self.args.push(ArgCheck::One(arg, value.into()));
        self
    }

    /// Expects arguments at every call that this is true of.
    pub fn expect(mut self, is_right: impl Fn(&[Val]) -> bool + Send + Sync + 'static) -> Self {
        self.args.push(ArgCheck::Predicate(Arc::new(is_right)));
        self
    }

    /// Expects so many calls.
    pub fn times(self, count: u64) -> Self {
        self.at_least(count).at_most(count)
    }

    /// Expects so many calls or more.
    pub fn at_least(mut self, count: u64) -> Self {
        self.count.least = Some(count);
        self
    }

    /// Expects so many calls or fewer.
    pub fn at_most(mut self, count: u64) -> Self {
        self.count.most = Some(count);
        self
    }

    /// Expects no call.
    pub fn never(self) -> Self {
        self.times(0)
    }

    /// Whether the mock looks at anything.
    pub(crate) fn expects(&self) -> bool {
        !self.args.is_empty() || self.count != Count::default()
    }
}

fn values(values: impl IntoIterator<Item = impl Into<Value>>) -> Vec<Value> {
    values.into_iter().map(Into::into).collect()
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock")
            .field("module", &self.module)
            .field("name", &self.name)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
