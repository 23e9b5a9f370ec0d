//! The directives of a script, one after another. Knows nothing of how values look in a script.

use std::collections::HashMap;

use wast::core::EncodeOptions;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::{Id, Span};
use wast::{QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute, WastInvoke, Wat};

use super::expect::{is_exception, is_unlinkable, keyword, trap_matches};
use super::spectest::{self, Printed};
use super::{Failure, Report, values};
use holdall::{
    Config, Engine, Error, ErrorKind, Escaped, Instance, Linker, Module, ModuleError, Proposals,
    Store, Val,
};

/// Runs a script: the body of [`super::Script::run`].
pub(super) fn run(name: &str, text: &str, config: &Config) -> Report {
    let mut runner = match Runner::new(name, text, config) {
        Ok(runner) => runner,
        Err(error) => {
            let mut report = Report::default();
            let fault = error.to_string().into();
            report
                .failures
                .push(failure(name, text, 0, "script", fault));
            return report;
        }
    };
    let read = buffer(text).and_then(|buffer| runner.script(&buffer));
    if let Err(error) = read {
        let message = Escaped(&error.message()).to_string();
        runner.fail(error.span(), "script", message.into());
    }
    let mut report = runner.report;
    report.printed = runner.store.into_data().0;
    report
}

/// Tokens of a script. The specification's scripts test names with characters that look like
/// others, so those are let through.
fn buffer(text: &str) -> Result<ParseBuffer<'_>, wast::Error> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    ParseBuffer::new_with_lexer(lexer)
}

fn failure(
    name: &str,
    text: &str,
    offset: usize,
    directive: &'static str,
    fault: Fault,
) -> Failure {
    let (line, column) = Span::from_offset(offset.min(text.len())).linecol_in(text);
    Failure {
        script: name.to_owned(),
        line: line + 1,
        column: column + 1,
        directive,
        message: fault.message,
        lacking: fault.lacking,
    }
}

/// Why a directive failed.
struct Fault {
    message: String,
    /// The proposals that holdall lacks and the directive's module needs.
    lacking: Option<Proposals>,
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self {
            message,
            lacking: None,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let lacking = match error.kind() {
            ErrorKind::Module(ModuleError::Lacking { proposals, .. }) => Some(*proposals),
            _ => None,
        };
        Self {
            message: error.to_string(),
            lacking,
        }
    }
}

impl From<wast::Error> for Fault {
    fn from(error: wast::Error) -> Self {
        Escaped(&error.message()).to_string().into()
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Script(fault) => fault,
            Stop::Guest(error) => error.into(),
        }
    }
}

impl Fault {
    /// The fault of a directive that is about what could not be made, since it needs `lacking`.
    fn lacking(what: &str, lacking: Proposals) -> Self {
        Self {
            message: format!("{what} needs {lacking}"),
            lacking: Some(lacking),
        }
    }

    /// The fault of an assertion that expected something else than this fault.
    fn instead_of(mut self, expected: &str) -> Self {
        self.message = format!("expected {expected}, found: {}", self.message);
        self
    }
}

/// Why an action of a script did not end in values.
enum Stop {
    /// The script asks for what is not there, or what holdall does not have.
    Script(Fault),
    /// The guest's execution ended, or it could not be linked.
    Guest(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Guest(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Script(fault)
    }
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Script(message.into())
    }
}

impl From<wast::Error> for Stop {
    fn from(error: wast::Error) -> Self {
        Self::Script(error.into())
    }
}

/// A module or an instance of a script, or the proposals that the engine lacks for it.
type Made<T> = Result<T, Proposals>;

/// What to remember of an attempt to make a module or an instance: nothing, where it failed.
fn made<T: Clone>(attempt: &Result<T, Fault>) -> Option<Made<T>> {
    match attempt {
        Ok(value) => Some(Ok(value.clone())),
        Err(fault) => fault.lacking.map(Err),
    }
}

struct Runner<'a> {
    name: &'a str,
    text: &'a str,
    engine: Engine,
    store: Store<Printed>,
    linker: Linker<Printed>,
    /// Modules and instances by the identifiers that the script gives them, and the last of each.
    modules: HashMap<String, Made<Module>>,
    last_module: Option<Made<Module>>,
    instances: HashMap<String, Made<Instance>>,
    last_instance: Option<Made<Instance>>,
    /// The names that instances were registered under which could not be made.
    lacking: HashMap<String, Proposals>,
    report: Report,
}

impl<'a> Runner<'a> {
    fn new(name: &'a str, text: &'a str, config: &Config) -> Result<Self, Error> {
        let engine = Engine::new(config.clone());
        let mut store = Store::try_new(&engine, Printed::default())?;
        let mut linker = Linker::new(&engine);
        linker.allow_shadowing(true);
        spectest::define(&mut linker, &mut store)?;
        Ok(Self {
            name,
            text,
            engine,
            store,
            linker,
            modules: HashMap::new(),
            last_module: None,
            instances: HashMap::new(),
            last_instance: None,
            lacking: HashMap::new(),
            report: Report::default(),
        })
    }

    fn script(&mut self, buffer: &ParseBuffer<'_>) -> Result<(), wast::Error> {
        let script: Wast<'_> = parser::parse(buffer)?;
        for directive in script.directives {
            let (span, keyword) = (directive.span(), keyword(&directive));
            match self.directive(directive) {
                Ok(()) if keyword.starts_with("assert_") => self.report.passed += 1,
                Ok(()) => {}
                Err(fault) => self.fail(span, keyword, fault),
            }
        }
        Ok(())
    }

    fn fail(&mut self, span: Span, directive: &'static str, fault: Fault) {
        let failure = failure(self.name, self.text, span.offset(), directive, fault);
        self.report.failures.push(failure);
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<(), Fault> {
        match directive {
            WastDirective::Module(module) => self.module(module),
            WastDirective::ModuleDefinition(module) => self.define(module),
            WastDirective::ModuleInstance {
                instance, module, ..
            } => self.instance_of(instance, module),
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke)?;
                Ok(())
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec)?;
                Ok(values::check(&self.store, &found, &results)?)
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec);
                self.check_trap(outcome, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(&call);
                self.check_trap(outcome, message)
            }
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => self.assert_unlinkable(module, message),
            WastDirective::AssertMalformed {
                module, message, ..
            }
            | WastDirective::AssertInvalid {
                module, message, ..
            }
            | WastDirective::AssertMalformedCustom {
                module, message, ..
            }
            | WastDirective::AssertInvalidCustom {
                module, message, ..
            } => self.assert_refused(module, message),
            WastDirective::AssertException { exec, .. } => {
                let outcome = self.execute(exec);
                self.check_exception(outcome)
            }
            WastDirective::AssertSuspension { .. } => {
                Err("stack switching is not supported".to_owned().into())
            }
            WastDirective::Thread(_) | WastDirective::Wait { .. } => {
                Err("threads are not supported".to_owned().into())
            }
        }
    }

    // Modules and instances.

    fn compile(&self, bytes: Vec<u8>) -> Result<Module, Error> {
        Module::new(&self.engine, bytes)
    }

    /// `(module ...)`: a definition and its instance under the same identifier.
    fn module(&mut self, module: QuoteWat<'_>) -> Result<(), Fault> {
        let id = module.name();
        self.last_instance = None;
        let defined = self.define(module);
        // Where the engine lacks what the module needs, so does the instance.
        let made = self.instance_of(id, id);
        defined.and(made)
    }

    fn define(&mut self, mut module: QuoteWat<'_>) -> Result<(), Fault> {
        let id = module.name();
        self.last_module = None;
        if let Some(id) = id {
            self.modules.remove(id.name());
        }
        let compiled = self.compile(encode(&mut module)?).map_err(Fault::from);
        self.last_module = made(&compiled);
        if let (Some(id), Some(made)) = (id, &self.last_module) {
            self.modules.insert(id.name().to_owned(), made.clone());
        }
        compiled.map(drop)
    }

    fn instance_of(
        &mut self,
        instance: Option<Id<'_>>,
        module: Option<Id<'_>>,
    ) -> Result<(), Fault> {
        // So that a failure leaves no older instance for the assertions that follow.
        self.last_instance = None;
        if let Some(id) = instance {
            self.instances.remove(id.name());
        }
        let found = match module {
            Some(id) => self.modules.get(id.name()),
            None => self.last_module.as_ref(),
        };
        let module = found.ok_or_else(|| missing("module", module))?.clone();
        let instantiated = match module {
            Ok(module) => self.instantiate(&module).map_err(Fault::from),
            Err(proposals) => Err(Fault::lacking("the module", proposals)),
        };
        self.last_instance = made(&instantiated);
        if let (Some(id), Some(made)) = (instance, self.last_instance) {
            self.instances.insert(id.name().to_owned(), made);
        }
        instantiated.map(drop)
    }

    fn instantiate(&mut self, module: &Module) -> Result<Instance, Stop> {
        let made = self.linker.instantiate(&mut self.store, module);
        made.map_err(|error| {
            let ErrorKind::Link(_) = error.kind() else {
                return Stop::Guest(error);
            };
            let imported = |import: holdall::ImportType<'_>| {
                let proposals = self.lacking.get(import.module())?;
                Some(Fault::lacking(import.module(), *proposals))
            };
            let lacking = module.imports().find_map(imported);
            lacking.map_or(Stop::Guest(error), Stop::Script)
        })
    }

    fn instance(&self, id: Option<Id<'_>>) -> Result<Instance, Fault> {
        let found = match id {
            Some(id) => self.instances.get(id.name()).copied(),
            None => self.last_instance,
        };
        let found = found.ok_or_else(|| missing("instance", id))?;
        found.map_err(|proposals| Fault::lacking("the instance", proposals))
    }

    fn register(&mut self, name: &str, id: Option<Id<'_>>) -> Result<(), Fault> {
        self.lacking.remove(name);
        let instance = self.instance(id).inspect_err(|fault| {
            if let Some(proposals) = fault.lacking {
                self.lacking.insert(name.to_owned(), proposals);
            }
        })?;
        self.linker
            .undefine(&self.store, name)
            .instance(&mut self.store, name, instance)?;
        Ok(())
    }

    // Actions.

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Vec<Val>, Stop> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(mut module) => {
                let module = self.compile(encode_wat(&mut module)?)?;
                self.instantiate(&module)?;
                Ok(Vec::new())
            }
            WastExecute::Get { module, global, .. } => {
                let found = self.instance(module)?.get_export(&mut self.store, global);
                let found = found.and_then(|export| export.into_global());
                let found = found.ok_or_else(|| format!("no exported global {global:?}"))?;
                Ok(vec![found.get(&mut self.store)])
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>, Stop> {
        let name = invoke.name;
        let found = self
            .instance(invoke.module)?
            .get_export(&mut self.store, name);
        let func = found
            .and_then(|export| export.into_func())
            .ok_or_else(|| format!("no exported function {name:?}"))?;
        let mut args = Vec::with_capacity(invoke.args.len());
        for arg in &invoke.args {
            args.push(values::argument(&mut self.store, arg)?);
        }
        let ty = func.ty(&self.store);
        let mut results: Vec<Val> = ty.results().iter().copied().map(Val::default_of).collect();
        func.call(&mut self.store, &args, &mut results)?;
        Ok(results)
    }

    // Assertions.

    fn check_trap(&self, outcome: Result<Vec<Val>, Stop>, expected: &str) -> Result<(), Fault> {
        let found = match outcome {
            Ok(results) => {
                let found = values::show(&self.store, &results);
                return Err(format!("expected trap {expected:?}, found {found}").into());
            }
            Err(Stop::Guest(error)) => match error.trap() {
                Some(trap) if trap_matches(trap.code(), expected) => return Ok(()),
                _ => Fault::from(error),
            },
            Err(Stop::Script(fault)) => fault,
        };
        Err(found.instead_of(&format!("trap {expected:?}")))
    }

    fn check_exception(&self, outcome: Result<Vec<Val>, Stop>) -> Result<(), Fault> {
        let found = match outcome {
            Ok(results) => values::show(&self.store, &results).into(),
            Err(Stop::Guest(error)) if is_exception(&error) => return Ok(()),
            Err(stop) => Fault::from(stop),
        };
        Err(found.instead_of("an exception"))
    }

    fn assert_unlinkable(&mut self, mut module: Wat<'_>, expected: &str) -> Result<(), Fault> {
        let module = self.compile(encode_wat(&mut module)?)?;
        let found = match self.instantiate(&module) {
            Ok(_) => Fault::from("the module links".to_owned()),
            Err(Stop::Guest(error)) if is_unlinkable(&error, expected) => return Ok(()),
            Err(stop) => stop.into(),
        };
        Err(found.instead_of(&format!("a link failure, {expected:?}")))
    }

    /// A module that the text format's reader or [`Module::new`] has to refuse. How a refusal is
    /// worded is each implementation's own.
    fn assert_refused(&self, mut module: QuoteWat<'_>, expected: &str) -> Result<(), Fault> {
        let Ok(bytes) = encode(&mut module) else {
            return Ok(());
        };
        match self.compile(bytes) {
            Ok(_) => Err(format!("expected a refusal, {expected:?}, found a valid module").into()),
            Err(_) => Ok(()),
        }
    }
}

fn missing(what: &str, id: Option<Id<'_>>) -> String {
    id.map_or_else(
        || format!("no {what} before this directive"),
        |id| format!("no {what} ${}", Escaped(id.name())),
    )
}

fn encode_wat(module: &mut Wat<'_>) -> Result<Vec<u8>, wast::Error> {
    EncodeOptions::default().encode_wat(module)
}

/// The bytes of a module, whichever way the script writes it.
fn encode(module: &mut QuoteWat<'_>) -> Result<Vec<u8>, wast::Error> {
    let span = module.span();
    match module.to_test()? {
        QuoteWatTest::Binary(bytes) => Ok(bytes),
        QuoteWatTest::Text(text) => {
            let text = std::str::from_utf8(&text)
                .map_err(|_| wast::Error::new(span, "malformed UTF-8 encoding".to_owned()))?;
            encode_wat(&mut parser::parse(&buffer(text)?)?)
        }
    }
}
