//! The directives of a script, one after another. Knows nothing of how values look in a script.

use std::collections::HashMap;

use wast::core::EncodeOptions;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::{Id, Span};
use wast::{QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute, WastInvoke, Wat};

use super::expect::{is_unlinkable, keyword, trap_matches};
use super::spectest::{self, Printed};
use super::{Failure, Report, values};
use holdall::{Config, Engine, Error, Escaped, Instance, Linker, Module, Store, Val};

/// Runs a script: the body of [`super::Script::run`].
pub(super) fn run(name: &str, text: &str, config: &Config) -> Report {
    let mut runner = match Runner::new(name, text, config) {
        Ok(runner) => runner,
        Err(error) => {
            let mut report = Report::default();
            report
                .failures
                .push(failure(name, text, 0, "script", error.to_string()));
            return report;
        }
    };
    let read = buffer(text).and_then(|buffer| runner.script(&buffer));
    if let Err(error) = read {
        let message = Escaped(&error.message()).to_string();
        runner.fail(error.span(), "script", message);
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
    message: String,
) -> Failure {
    let (line, column) = Span::from_offset(offset.min(text.len())).linecol_in(text);
    Failure {
        script: name.to_owned(),
        line: line + 1,
        column: column + 1,
        directive,
        message,
    }
}

/// Why an action of a script did not end in values.
enum Stop {
    /// The script asks for what is not there, or what holdall does not have.
    Script(String),
    /// The guest's execution ended, or it could not be linked.
    Guest(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Guest(error)
    }
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Script(message)
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Script(message) => f.write_str(message),
            Self::Guest(error) => error.fmt(f),
        }
    }
}

struct Runner<'a> {
    name: &'a str,
    text: &'a str,
    engine: Engine,
    store: Store<Printed>,
    linker: Linker<Printed>,
    /// Modules and instances by the identifiers that the script gives them, and the last of each.
    modules: HashMap<String, Module>,
    last_module: Option<Module>,
    instances: HashMap<String, Instance>,
    last_instance: Option<Instance>,
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
                Err(message) => self.fail(span, keyword, message),
            }
        }
        Ok(())
    }

    fn fail(&mut self, span: Span, directive: &'static str, message: String) {
        let failure = failure(self.name, self.text, span.offset(), directive, message);
        self.report.failures.push(failure);
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<(), String> {
        match directive {
            WastDirective::Module(module) => self.module(module),
            WastDirective::ModuleDefinition(module) => self.define(module),
            WastDirective::ModuleInstance {
                instance, module, ..
            } => self.instance_of(instance, module),
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke).map_err(|stop| stop.to_string())?;
                Ok(())
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec).map_err(|stop| stop.to_string())?;
                values::check(&self.store, &found, &results)
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
            WastDirective::AssertException { .. } => Err("exceptions are not supported".to_owned()),
            WastDirective::AssertSuspension { .. } => {
                Err("stack switching is not supported".to_owned())
            }
            WastDirective::Thread(_) | WastDirective::Wait { .. } => {
                Err("threads are not supported".to_owned())
            }
        }
    }

    // Modules and instances.

    fn compile(&self, bytes: Vec<u8>) -> Result<Module, String> {
        Module::new(&self.engine, bytes).map_err(|error| error.to_string())
    }

    /// `(module ...)`: a definition and its instance under the same identifier.
    fn module(&mut self, module: QuoteWat<'_>) -> Result<(), String> {
        let id = module.name();
        self.last_instance = None;
        self.define(module)?;
        self.instance_of(id, id)
    }

    fn define(&mut self, mut module: QuoteWat<'_>) -> Result<(), String> {
        let id = module.name();
        self.last_module = None;
        if let Some(id) = id {
            self.modules.remove(id.name());
        }
        let bytes = encode(&mut module).map_err(|error| Escaped(&error.message()).to_string())?;
        let module = self.compile(bytes)?;
        if let Some(id) = id {
            self.modules.insert(id.name().to_owned(), module.clone());
        }
        self.last_module = Some(module);
        Ok(())
    }

    fn instance_of(
        &mut self,
        instance: Option<Id<'_>>,
        module: Option<Id<'_>>,
    ) -> Result<(), String> {
        // So that a failure leaves no older instance for the assertions that follow.
        self.last_instance = None;
        if let Some(id) = instance {
            self.instances.remove(id.name());
        }
        let found = match module {
            Some(id) => self.modules.get(id.name()),
            None => self.last_module.as_ref(),
        };
        let module = found.ok_or_else(|| missing("module", module))?;
        let made = self
            .linker
            .instantiate(&mut self.store, module)
            .map_err(|error| error.to_string())?;
        if let Some(id) = instance {
            self.instances.insert(id.name().to_owned(), made);
        }
        self.last_instance = Some(made);
        Ok(())
    }

    fn instance(&self, id: Option<Id<'_>>) -> Result<Instance, String> {
        let found = match id {
            Some(id) => self.instances.get(id.name()).copied(),
            None => self.last_instance,
        };
        found.ok_or_else(|| missing("instance", id))
    }

    fn register(&mut self, name: &str, id: Option<Id<'_>>) -> Result<(), String> {
        let instance = self.instance(id)?;
        self.linker
            .undefine(&self.store, name)
            .instance(&mut self.store, name, instance)
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    // Actions.

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Vec<Val>, Stop> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(mut module) => {
                let bytes = encode_wat(&mut module)
                    .map_err(|error| Escaped(&error.message()).to_string())?;
                let module = self.compile(bytes)?;
                self.linker.instantiate(&mut self.store, &module)?;
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

    fn check_trap(&self, outcome: Result<Vec<Val>, Stop>, expected: &str) -> Result<(), String> {
        let found = match outcome {
            Ok(results) => {
                let found = values::show(&self.store, &results);
                return Err(format!("expected trap {expected:?}, found {found}"));
            }
            Err(Stop::Guest(error)) => match error.trap() {
                Some(trap) if trap_matches(trap.code(), expected) => return Ok(()),
                _ => error.to_string(),
            },
            Err(Stop::Script(message)) => message,
        };
        Err(format!("expected trap {expected:?}, found: {found}"))
    }

    fn assert_unlinkable(&mut self, mut module: Wat<'_>, expected: &str) -> Result<(), String> {
        let bytes =
            encode_wat(&mut module).map_err(|error| Escaped(&error.message()).to_string())?;
        let module = self.compile(bytes)?;
        let found = match self.linker.instantiate(&mut self.store, &module) {
            Ok(_) => "the module links".to_owned(),
            Err(error) if is_unlinkable(&error, expected) => return Ok(()),
            Err(error) => error.to_string(),
        };
        Err(format!(
            "expected a link failure, {expected:?}, found: {found}"
        ))
    }

    /// A module that the text format's reader or [`Module::new`] has to refuse. How a refusal is
    /// worded is each implementation's own.
    fn assert_refused(&self, mut module: QuoteWat<'_>, expected: &str) -> Result<(), String> {
        let Ok(bytes) = encode(&mut module) else {
            return Ok(());
        };
        match self.compile(bytes) {
            Ok(_) => Err(format!(
                "expected a refusal, {expected:?}, found a valid module"
            )),
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
