//! The manifest that says which imports of bundled modules the host defines: `host.txt` beside the
//! modules. Knows types and their text only.
//!
//! One definition to a line, written as messages write it; `#` begins a comment:
//! ```text
//! "wasi_snapshot_preview1"                     everything under this module name
//! "env"."now"                                  one name, of whatever type the modules import
//! "env"."log" (func (param i32 i32))           one name of this type
//! ```

use std::collections::BTreeMap;

use super::source::HostDefinition;
use crate::types::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType,
    TagType, ValType,
};

/// Which imports of bundled modules the host defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostManifest {
    modules: BTreeMap<String, HostModule>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct HostModule {
    /// Whether the host defines every name of the module.
    all: bool,
    names: BTreeMap<String, Option<ExternType>>,
}

/// A line of a host manifest that has none of the three forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: expected \"module\", \"module\".\"name\" or \"module\".\"name\" (func ...), \
     found {text:?}"
)]
pub struct HostManifestError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

impl HostManifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// The first line that has none of the three forms.
    pub fn parse(text: &str) -> Result<Self, HostManifestError> {
        let mut manifest = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            manifest.add(line).ok_or_else(|| HostManifestError {
                line: index + 1,
                text: line.to_owned(),
            })?;
        }
        Ok(manifest)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let (module, rest) = quoted(line)?;
        let module = self.modules.entry(module.to_owned()).or_default();
        let Some(rest) = rest.strip_prefix('.') else {
            module.all = true;
            return end(rest);
        };
        let (name, rest) = quoted(rest)?;
        let ty = match end(rest) {
            Some(()) => None,
            None => Some(Tokens::new(rest).whole(Tokens::extern_type)?),
        };
        module.names.insert(name.to_owned(), ty);
        Some(())
    }

    /// What the host defines under a module name and a name in it.
    #[must_use]
    pub fn definition(&self, module: &str, name: &str) -> Option<HostDefinition> {
        let module = self.modules.get(module)?;
        match module.names.get(name) {
            Some(Some(ty)) => Some(HostDefinition::Typed(ty.clone())),
            Some(None) => Some(HostDefinition::Untyped),
            None => module.all.then_some(HostDefinition::Untyped),
        }
    }

    /// The names that the host defines one by one under a module name.
    #[must_use]
    pub fn names(&self, module: &str) -> Vec<&str> {
        let names = self.modules.get(module).map(|module| module.names.keys());
        names.into_iter().flatten().map(String::as_str).collect()
    }
}

/// The text between quotes at the beginning, and the rest.
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?.split_once('"')
}

/// Whether there is nothing but space and a comment.
fn end(text: &str) -> Option<()> {
    let text = text.trim_start();
    (text.is_empty() || text.starts_with('#')).then_some(())
}

/// Reads the types that `Display` writes.
struct Tokens<'a> {
    tokens: Vec<&'a str>,
    next: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        let text = text.split('#').next().unwrap_or_default();
        let mut tokens = Vec::new();
        for word in text.split_whitespace() {
            let mut rest = word;
            while let Some(at) = rest.find(['(', ')']) {
                tokens.extend(
                    [&rest[..at], &rest[at..=at]]
                        .into_iter()
                        .filter(|token| !token.is_empty()),
                );
                rest = &rest[at + 1..];
            }
            tokens.extend((!rest.is_empty()).then_some(rest));
        }
        Self { tokens, next: 0 }
    }

    /// What `read` reads, if that is all there is.
    fn whole<T>(mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let value = read(&mut self)?;
        (self.next == self.tokens.len()).then_some(value)
    }

    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.next).copied()
    }

    fn take(&mut self) -> Option<&'a str> {
        let token = self.peek()?;
        self.next += 1;
        Some(token)
    }

    fn eat(&mut self, token: &str) -> Option<()> {
        (self.take()? == token).then_some(())
    }

    fn extern_type(&mut self) -> Option<ExternType> {
        self.eat("(")?;
        let ty = match self.take()? {
            "func" => ExternType::Func(FuncType::new(self.types("param")?, self.types("result")?)),
            "memory" => {
                let (is_64, min, max) = self.limits()?;
                let shared = self.peek() == Some("shared");
                self.next += usize::from(shared);
                ExternType::Memory(MemoryType {
                    is_64,
                    shared,
                    page_size_log2: self.page_size_log2()?,
                    ..MemoryType::new64(min, max)
                })
            }
            "table" => {
                let (is_64, min, max) = self.limits()?;
                let ValType::Ref(element) = self.val_type()? else {
                    return None;
                };
                ExternType::Table(TableType {
                    element,
                    min,
                    max,
                    is_64,
                })
            }
            "global" => ExternType::Global(self.global()?),
            "tag" => ExternType::Tag(TagType::new(FuncType::new(self.types("param")?, []))),
            _ => return None,
        };
        self.eat(")")?;
        Some(ty)
    }

    /// The types of all `(param ...)` or `(result ...)` that follow.
    fn types(&mut self, keyword: &str) -> Option<Vec<ValType>> {
        let mut types = Vec::new();
        while self.peek() == Some("(") && self.tokens.get(self.next + 1) == Some(&keyword) {
            self.next += 2;
            while self.peek()? != ")" {
                types.push(self.val_type()?);
            }
            self.next += 1;
        }
        Some(types)
    }

    fn limits(&mut self) -> Option<(bool, u64, Option<u64>)> {
        let is_64 = self.peek() == Some("i64");
        self.next += usize::from(is_64);
        let min = self.take()?.parse().ok()?;
        let max = self.peek().and_then(|token| token.parse().ok());
        self.next += usize::from(max.is_some());
        Some((is_64, min, max))
    }

    /// The page size of a memory: that of `(pagesize N)` where that follows, else the usual one.
    fn page_size_log2(&mut self) -> Option<u8> {
        if self.peek() != Some("(") {
            return Some(MemoryType::USUAL_PAGE_SIZE_LOG2);
        }
        self.eat("(")?;
        self.eat("pagesize")?;
        let log2 = match self.take()? {
            "1" => 0,
            "65536" => MemoryType::USUAL_PAGE_SIZE_LOG2,
            _ => return None,
        };
        self.eat(")")?;
        Some(log2)
    }

    fn global(&mut self) -> Option<GlobalType> {
        let is_mut = self.peek() == Some("(") && self.tokens.get(self.next + 1) == Some(&"mut");
        if !is_mut {
            return Some(GlobalType {
                content: self.val_type()?,
                mutability: Mutability::Const,
            });
        }
        self.next += 2;
        let content = self.val_type()?;
        self.eat(")")?;
        Some(GlobalType {
            content,
            mutability: Mutability::Var,
        })
    }

    fn val_type(&mut self) -> Option<ValType> {
        let null = |heap| {
            ValType::Ref(RefType {
                nullable: true,
                heap,
            })
        };
        Some(match self.take()? {
            "i32" => ValType::I32,
            "i64" => ValType::I64,
            "f32" => ValType::F32,
            "f64" => ValType::F64,
            "v128" => ValType::V128,
            "funcref" => ValType::FUNCREF,
            "externref" => ValType::EXTERNREF,
            "exnref" => ValType::EXNREF,
            "nullfuncref" => null(HeapType::NoFunc),
            "nullexternref" => null(HeapType::NoExtern),
            "nullexnref" => null(HeapType::NoExn),
            "(" => {
                self.eat("ref")?;
                let nullable = self.peek() == Some("null");
                self.next += usize::from(nullable);
                let heap = match self.take()? {
                    "func" => RefType::FUNCREF.heap,
                    "extern" => RefType::EXTERNREF.heap,
                    "exn" => HeapType::Exn,
                    "nofunc" => HeapType::NoFunc,
                    "noextern" => HeapType::NoExtern,
                    "noexn" => HeapType::NoExn,
                    _ => return None,
                };
                self.eat(")")?;
                ValType::Ref(RefType { nullable, heap })
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_they_are_written() {
        for text in [
            "(func)",
            "(func (param i32 i64) (result f32 f64))",
            "(func (result (ref func)))",
            "(memory 1)",
            "(memory i64 0 7)",
            "(memory 1 2 shared)",
            "(memory i64 0 7 shared (pagesize 1))",
            "(table 1 2 funcref)",
            "(table 0 externref)",
            "(global i32)",
            "(global (mut v128))",
            "(tag)",
            "(tag (param i32 exnref (ref exn) nullexnref (ref noexn)))",
        ] {
            let ty = Tokens::new(text).whole(Tokens::extern_type);
            assert_eq!(ty.map(|ty| ty.to_string()).as_deref(), Some(text));
        }
        for text in [
            "",
            "func",
            "(func",
            "(func))",
            "(func (param x))",
            "(table 1 i32)",
            "(memory)",
            "(memory 1 (pagesize 2))",
        ] {
            assert_eq!(
                Tokens::new(text).whole(Tokens::extern_type),
                None,
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_three_forms_and_comments() {
        let manifest = HostManifest::parse(
            "# the host\n\n\"wasi_snapshot_preview1\"  # all\n\"env\".\"now\"\n\
             \"env\".\"log\" (func (param i32)) # typed\n",
        )
        .unwrap();
        assert_eq!(
            manifest.definition("wasi_snapshot_preview1", "anything"),
            Some(HostDefinition::Untyped)
        );
        assert_eq!(
            manifest.definition("env", "now"),
            Some(HostDefinition::Untyped)
        );
        let log = ExternType::Func(FuncType::new([ValType::I32], []));
        assert_eq!(
            manifest.definition("env", "log"),
            Some(HostDefinition::Typed(log))
        );
        assert_eq!(manifest.definition("env", "exit"), None);
        assert_eq!(manifest.names("env"), ["log", "now"]);
    }

    #[test]
    fn a_line_of_no_form_is_told_with_its_number() {
        for line in [
            "env",
            "\"env",
            "\"env\".log",
            "\"env\" x",
            "\"env\".\"log\" (func",
        ] {
            let error = HostManifest::parse(&format!("# one\n{line}\n")).unwrap_err();
            assert_eq!((error.line, error.text.as_str()), (2, line));
        }
    }
}
