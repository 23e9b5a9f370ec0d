//! Machine code for a program that is being built: from modules to an archive that the linker takes. Knows what cargo
//! tells of the program's target, and formats of object files.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use holdall_core::bounds::Bounds;
use holdall_core::bundle::BundledFile;
use holdall_core::clock::Clock;
use holdall_core::module::Sections;
use holdall_core::native::{Feature, Isa, Settings, TEXT_ALIGNMENT};
use holdall_native::Options;
use object::write::{Object, StandardSegment, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use sha2::{Digest, Sha256};

use crate::record::{Native, hexadecimal};
use crate::{Bundler, Error, write};

/// Which modules become machine code, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) names: BTreeSet<String>,
    pub(crate) all: bool,
    pub(crate) guarded_addresses: bool,
}

impl Wanted {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }
}

/// What compiles modules, and has the linker take what came of them.
pub(crate) struct Compiler {
    /// None where modules are to be interpreted.
    options: Option<Options<'static>>,
    /// The symbols and the texts.
    texts: Vec<(String, Vec<u8>)>,
}

impl Compiler {
    /// A compiler for the program's target.
    ///
    /// # Errors
    /// A module is to have no lowered code, and native code.
    pub(crate) fn of(bundler: &Bundler) -> Result<Self, Error> {
        let Bundler {
            lazy,
            native,
            settings,
            ..
        } = bundler;
        if let Some(name) = lazy.intersection(&native.names).next() {
            return Err(Error::of(format!(
                "module {name:?} is both lazy and native: native code needs the lowered code beside it; \
                 leave one out"
            )));
        }
        let settings = Settings {
            metering: settings.metering,
            canonical_nans: settings.canonical_nans,
            guarded_addresses: native.guarded_addresses,
        };
        let is_asked = native.all || !native.names.is_empty();
        let options = is_asked.then(|| options(settings)).flatten();
        if is_asked && options.is_none() {
            println!(
                "cargo::warning=holdall: no native code for the target {}: its modules are interpreted",
                env::var("TARGET").unwrap_or_default()
            );
        }
        Ok(Self {
            options,
            texts: Vec::new(),
        })
    }

    /// The native code of a checked module, whose tables `put` keeps. None where there is none.
    pub(crate) fn compile(
        &mut self,
        file: &BundledFile,
        put: impl FnOnce(&[u8]) -> Result<PathBuf, Error>,
    ) -> Result<Option<Native>, Error> {
        let bytes = file.bytes.clone().into();
        let sections = Sections::read(bytes, &Bounds::default(), &Clock::default());
        let (Some(options), Ok(sections)) = (&self.options, sections) else {
            return Ok(None);
        };
        let code = holdall_native::compile(&sections, options);
        if code.text.is_empty() {
            return Ok(None);
        }
        let symbol = symbol(&code.text);
        let native = Native {
            tables: put(&code.tables(&sections))?,
            symbol: symbol.clone(),
            size: code.text.len(),
        };
        if self.texts.iter().all(|(other, _)| *other != symbol) {
            self.texts.push((symbol, code.text));
        }
        Ok(Some(native))
    }

    /// Has the linker take the texts.
    pub(crate) fn link(self, out: &Path) -> Result<(), Error> {
        let (Some(options), [(first, _), ..]) = (&self.options, &self.texts[..]) else {
            return Ok(());
        };
        let object =
            object(options.isa, &self.texts).map_err(|error| Error::of(error.to_string()))?;
        let symbols: Vec<&str> = self.texts.iter().map(|(symbol, _)| &**symbol).collect();
        write(
            &out.join(format!("lib{first}.a")),
            &archive(&symbols, &object),
        )?;
        println!("cargo::rustc-link-search=native={}", out.display());
        println!("cargo::rustc-link-lib=static={first}");
        Ok(())
    }
}

/// How code for the program's target is made; `None` where the target is not covered.
fn options(settings: Settings) -> Option<Options<'static>> {
    let of_target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let is_covered = of_target("POINTER_WIDTH") == "64"
        && of_target("ENDIAN") == "little"
        && matches!(
            &*of_target("OS"),
            "linux" | "android" | "freebsd" | "netbsd" | "openbsd"
        );
    let isa = match &*of_target("ARCH") {
        "x86_64" => Isa::X86_64,
        "aarch64" => Isa::Aarch64,
        _ => return None,
    };
    let names = of_target("FEATURE");
    let has = |feature: &Feature| {
        feature.isa() == isa && names.split(',').any(|name| name == feature.name())
    };
    let features = Feature::ALL.into_iter().filter(has);
    is_covered.then(|| Options {
        features: features.fold(0, |bits, feature| bits | feature.bit()),
        settings,
        ..Options::baseline(isa)
    })
}

/// A symbol for a text, which no other package has, nor this one for another text.
fn symbol(text: &[u8]) -> String {
    let mut digest = Sha256::new();
    for variable in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        digest.update(env::var(variable).unwrap_or_default());
        digest.update([0]);
    }
    digest.update(text);
    format!("holdall_text_{}", &hexadecimal(&digest.finalize())[..32])
}

/// An object file with these texts, each in a section of its own that is read and executed.
fn object(isa: Isa, texts: &[(String, Vec<u8>)]) -> Result<Vec<u8>, object::write::Error> {
    let architecture = match isa {
        Isa::Aarch64 => Architecture::Aarch64,
        _ => Architecture::X86_64,
    };
    let mut object = Object::new(BinaryFormat::Elf, architecture, Endianness::Little);
    let segment = object.segment_name(StandardSegment::Text).to_vec();
    for (symbol, text) in texts {
        let name = format!(".text.{symbol}").into_bytes();
        let section = object.add_section(segment.clone(), name, SectionKind::Text);
        object.set_section_data(section, text.clone(), TEXT_ALIGNMENT as u64);
        object.add_symbol(Symbol {
            name: symbol.clone().into_bytes(),
            value: 0,
            size: text.len() as u64,
            kind: SymbolKind::Data,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        });
    }
    // Says that no stack has to be executable.
    object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
    object.write()
}

/// An archive with one object file that has these symbols, in the form of System V: an index, and the file. Each has
/// a header of 60 letters before it.
fn archive(symbols: &[&str], object: &[u8]) -> Vec<u8> {
    let mut names = symbols
        .iter()
        .flat_map(|symbol| [symbol.as_bytes(), &[0]].concat());
    let mut index = (symbols.len() as u32).to_be_bytes().to_vec();
    let size = index.len() * (1 + symbols.len()) + names.clone().count();
    let size = size.next_multiple_of(2);
    let at = MAGIC.len() + HEADER_BYTES + size;
    for _ in symbols {
        index.extend((at as u32).to_be_bytes());
    }
    index.extend(&mut names);
    index.resize(size, 0);
    let mut archive = MAGIC.to_vec();
    for (name, bytes) in [("/", &index[..]), ("text.o/", object)] {
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            0,
            644,
            bytes.len()
        );
        archive.extend(header.into_bytes());
        archive.extend(bytes);
        archive.resize(archive.len().next_multiple_of(2), b'\n');
    }
    archive
}

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER_BYTES: usize = 60;

#[cfg(test)]
mod tests {
    use object::read::archive::ArchiveFile;
    use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

    use super::*;

    #[test]
    fn the_linker_finds_each_text_by_its_symbol_and_whole() {
        for isa in [Isa::X86_64, Isa::Aarch64] {
            let texts = [b"one".to_vec(), vec![7; 1000], b"three".to_vec()];
            let texts = texts.map(|text| (symbol(&text), text));
            let object = object(isa, &texts).unwrap();
            let symbols: Vec<&str> = texts.iter().map(|(symbol, _)| &**symbol).collect();
            let bytes = archive(&symbols, &object);
            let archive = ArchiveFile::parse(&*bytes).unwrap();
            let found: Vec<_> = archive
                .symbols()
                .unwrap()
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let names: Vec<_> = found.iter().map(|symbol| symbol.name()).collect();
            assert_eq!(
                names,
                symbols.iter().map(|it| it.as_bytes()).collect::<Vec<_>>()
            );
            for symbol in found {
                let member = archive.member(symbol.offset()).unwrap();
                assert_eq!(member.data(&*bytes).unwrap(), object);
            }
            let file = object::File::parse(&*object).unwrap();
            for (name, text) in &texts {
                let symbol = file.symbol_by_name(name).unwrap();
                let section = file
                    .section_by_index(symbol.section_index().unwrap())
                    .unwrap();
                assert_eq!(section.data().unwrap(), text);
                assert_eq!(symbol.size(), text.len() as u64);
                assert_eq!(section.kind(), SectionKind::Text);
            }
        }
    }
}
