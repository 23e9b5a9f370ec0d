//! Native code of a whole module as bytes: the text, which is the machine code, and tables with a header. The
//! code is made where the module is packed, or in the process, and runs where the text lies.
//!
//! Text and tables are apart, so that only machine code need lie where the processor may execute it. The text
//! lies in one piece, at a multiple of [`TEXT_ALIGNMENT`]. The tables are only read: for the places of
//! functions when a module is made, and for everything else at a trap. They know the size of their text; that
//! the text is theirs is for who keeps the two. Numbers are little-endian, of 32 bits where nothing else is said.

use super::Settings;
use crate::module::{Proposals, Sections, Unfit, checksum};

const MAGIC: [u8; 8] = *b"holdnati";
/// What native code and the executor have agreed on in this build: a digest, in hexadecimal digits.
pub const MEANING_OF_NATIVE_CODE: [u8; 16] = *env!("HOLDALL_MEANING_OF_NATIVE_CODE")
    .as_bytes()
    .as_array()
    .unwrap();

/// Magic, meaning; instruction set, flags, features; the module's checksum, its proposals; how many functions,
/// types, places, inlined places and landings there are; the size of the text.
const HEADER_BYTES: usize = 80;
const FUNCTION_BYTES: usize = 12;
const PLACE_BYTES: usize = 8;
/// A row of the tables of inlined places and of landings.
const ROW_BYTES: usize = 12;
/// In place of an offset: there is none.
const NONE: u32 = u32::MAX;
/// The address of a text is a multiple of this.
pub const TEXT_ALIGNMENT: usize = 64;

const METERING: u32 = 1;
const CANONICAL_NANS: u32 = 2;
const GUARDED_ADDRESSES: u32 = 4;

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// x86-64.
    X86_64,
    /// AArch64.
    Aarch64,
}

impl Isa {
    /// The instruction set of this build; `None` where native code does not run.
    pub const HERE: Option<Self> = if cfg!(all(target_arch = "x86_64", not(windows))) {
        Some(Self::X86_64)
    } else if cfg!(all(
        target_arch = "aarch64",
        target_endian = "little",
        not(windows)
    )) {
        Some(Self::Aarch64)
    } else {
        None
    };

    /// The instruction set with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::X86_64, Self::Aarch64]
            .into_iter()
            .find(|isa| isa.number() == number)
    }

    /// The number that stands for the instruction set where native code is stored.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::X86_64 => 1,
            Self::Aarch64 => 2,
        }
    }
}

/// Where a native function lies, in bytes from the start of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// What is called.
    pub start: u32,
    /// Where the function ends, with its inner code.
    pub end: u32,
    /// The code that may note a tail call ([`TAIL_CALLEE`](super::runtime::TAIL_CALLEE)) and return, in a function
    /// that makes tail calls. It is called as the function is; what lies at `start` calls it, and makes the tail
    /// calls.
    pub inner: Option<u32>,
}

/// An instruction that calls, or where a function ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The offset of the instruction, in bytes from the start of the function's body. Zero where the code is no
    /// instruction's: what happened there happened at the call of the function.
    pub offset: u32,
    /// What happened there: see [`ending`](super::ending).
    pub ending: u8,
    /// Where the instruction is not of the function that has its code, but of one whose code stands there in place of
    /// a call.
    pub inlined: Option<Inlined>,
}

/// A function whose code stands in place of a call in another function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inlined {
    /// The index of the defined function that would have been called.
    pub function: u32,
    /// The offset of the call, in bytes from the start of the body of the function that has the code.
    pub call: u32,
}

impl Place {
    /// As a number, without what is inlined: a body has less than 2^23 bytes.
    fn bits(self) -> u32 {
        self.offset << 8 | u32::from(self.ending)
    }

    fn from_bits(bits: u32, inlined: Option<Inlined>) -> Self {
        Self {
            offset: bits >> 8,
            ending: bits as u8,
            inlined,
        }
    }
}

/// Where an exception takes a function that has called within a `try`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// Where the function goes on, in bytes from the start of the text.
    pub at: u32,
    /// How far the stack pointer is then below the frame pointer, in bytes.
    pub below_frame: u32,
}

/// Native code that was made: see [`NativeCode::tables`].
#[derive(Clone, Debug)]
pub struct NativeCode {
    /// The instruction set.
    pub isa: Isa,
    /// What of the instruction set the code needs beyond its baseline: a bit for each
    /// ([`Feature::bit`](super::Feature::bit)).
    pub features: u64,
    /// What the code depends on beside the module.
    pub settings: Settings,
    /// The defined functions. They lie in their order; `None` where the function stays interpreted.
    pub functions: Vec<Option<Function>>,
    /// Where the entrance of each type lies, by the index of the type; `None` where no function needs it.
    pub entrances: Vec<Option<u32>>,
    /// From which offset in the text on the code of an instruction lies that calls or ends, ascending.
    pub places: Vec<(u32, Place)>,
    /// The landings, by the offsets in the text that calls return to, ascending.
    pub landings: Vec<(u32, Landing)>,
    /// The machine code.
    pub text: Vec<u8>,
}

impl NativeCode {
    /// All but the text as bytes, which [`Code::read`] takes together with the text.
    #[must_use]
    pub fn tables(&self, module: &Sections) -> Vec<u8> {
        let Settings {
            metering,
            canonical_nans,
            guarded_addresses,
        } = self.settings;
        let flags = u32::from(metering) * METERING
            + u32::from(canonical_nans) * CANONICAL_NANS
            + u32::from(guarded_addresses) * GUARDED_ADDRESSES;
        let inlined = self.places.iter();
        let inlined = inlined.filter_map(|(at, place)| Some((*at, place.inlined?)));
        let inlined: Vec<(u32, Inlined)> = inlined.collect();
        let sizes = Sizes {
            functions: self.functions.len(),
            types: self.entrances.len(),
            places: self.places.len(),
            inlined: inlined.len(),
            landings: self.landings.len(),
        };
        let end = sizes.end().expect("what is in memory can be counted");
        let mut bytes = Vec::with_capacity(end);
        bytes.extend(MAGIC);
        bytes.extend(MEANING_OF_NATIVE_CODE);
        let mut numbers = |numbers: &[u32]| {
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        };
        let long = |number: u64| [number as u32, (number >> 32) as u32];
        numbers(&[self.isa.number(), flags]);
        numbers(&long(self.features));
        numbers(&long(checksum(&module.bytes)));
        numbers(&long(Proposals::of(&module.bytes).to_bits()));
        // A text has less than 2^32 bytes, and so have the tables.
        numbers(&[
            sizes.functions as u32,
            sizes.types as u32,
            sizes.places as u32,
            sizes.inlined as u32,
            sizes.landings as u32,
            self.text.len() as u32,
        ]);
        // A function that is not there lies, with no bytes, where the next one begins.
        let mut next = self.text.len() as u32;
        let mut functions = Vec::with_capacity(3 * self.functions.len());
        for function in self.functions.iter().rev() {
            match function {
                Some(Function { start, end, inner }) => {
                    functions.extend([inner.unwrap_or(NONE), *end, *start]);
                    next = *start;
                }
                None => functions.extend([NONE, next, next]),
            }
        }
        functions.reverse();
        numbers(&functions);
        let entrances: Vec<u32> = self.entrances.iter().map(|at| at.unwrap_or(NONE)).collect();
        numbers(&entrances);
        for (at, place) in &self.places {
            numbers(&[*at, place.bits()]);
        }
        for (at, Inlined { function, call }) in &inlined {
            numbers(&[*at, *function, *call]);
        }
        for (back, landing) in &self.landings {
            numbers(&[*back, landing.at, landing.below_frame]);
        }
        bytes
    }
}

/// How much there is of what the tables have.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    functions: usize,
    types: usize,
    places: usize,
    inlined: usize,
    landings: usize,
}

impl Sizes {
    fn entrances_at(self) -> Option<usize> {
        HEADER_BYTES.checked_add(self.functions.checked_mul(FUNCTION_BYTES)?)
    }

    fn places_at(self) -> Option<usize> {
        self.entrances_at()?
            .checked_add(self.types.checked_mul(size_of::<u32>())?)
    }

    fn inlined_at(self) -> Option<usize> {
        self.places_at()?
            .checked_add(self.places.checked_mul(PLACE_BYTES)?)
    }

    fn landings_at(self) -> Option<usize> {
        self.inlined_at()?
            .checked_add(self.inlined.checked_mul(ROW_BYTES)?)
    }

    fn end(self) -> Option<usize> {
        self.landings_at()?
            .checked_add(self.landings.checked_mul(ROW_BYTES)?)
    }
}

/// The native code of a module, as it lies in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    bytes: &'a [u8],
    text: &'a [u8],
    sizes: Sizes,
}

impl<'a> Code<'a> {
    /// The code of tables and a text, if it was made by this build for a processor with these features, with
    /// these settings, for a module with this checksum that uses no proposals but those in `on`.
    ///
    /// # Errors
    /// Why the code cannot run here.
    pub fn read(
        bytes: &'a [u8],
        text: &'a [u8],
        settings: Settings,
        features: u64,
        on: Proposals,
        module: u64,
    ) -> Result<Self, Unfit> {
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(&MAGIC) {
            return Err(Unfit::Broken);
        }
        let long = |at| u64::from(number(bytes, at)) | u64::from(number(bytes, at + 4)) << 32;
        if bytes[8..24] != MEANING_OF_NATIVE_CODE {
            return Err(Unfit::Build);
        }
        let is_of_isa = Isa::HERE.is_some_and(|isa| isa.number() == number(bytes, 24));
        if !is_of_isa || long(32) & !features != 0 {
            return Err(Unfit::Processor);
        }
        let flags = number(bytes, 28);
        let found = Settings {
            metering: flags & METERING != 0,
            canonical_nans: flags & CANONICAL_NANS != 0,
            guarded_addresses: flags & GUARDED_ADDRESSES != 0,
        };
        // Code with guarded addresses does whatever code without them does.
        let is_unguarded = settings.guarded_addresses && !found.guarded_addresses;
        if found.metering != settings.metering
            || found.canonical_nans != settings.canonical_nans
            || is_unguarded
        {
            return Err(Unfit::Config);
        }
        if long(40) != module {
            return Err(Unfit::Module);
        }
        let lacking = Proposals::from_bits(long(48)).difference(on);
        if !lacking.is_empty() {
            return Err(Unfit::Proposals(lacking));
        }
        let sizes = Sizes {
            functions: number(bytes, 56) as usize,
            types: number(bytes, 60) as usize,
            places: number(bytes, 64) as usize,
            inlined: number(bytes, 68) as usize,
            landings: number(bytes, 72) as usize,
        };
        if sizes.end() != Some(bytes.len()) || number(bytes, 76) as usize != text.len() {
            return Err(Unfit::Broken);
        }
        if !text.as_ptr().addr().is_multiple_of(TEXT_ALIGNMENT) {
            return Err(Unfit::Place);
        }
        Ok(Self { bytes, text, sizes })
    }

    /// The machine code.
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// How many functions the module defines.
    #[must_use]
    pub fn functions(&self) -> usize {
        self.sizes.functions
    }

    /// How many types the module has.
    #[must_use]
    pub fn types(&self) -> usize {
        self.sizes.types
    }

    /// Where a defined function lies; `None` where the function stays interpreted.
    #[must_use]
    pub fn function(&self, defined_index: u32) -> Option<Function> {
        let at = HEADER_BYTES + defined_index as usize * FUNCTION_BYTES;
        let [start, end, inner] = [0, 4, 8].map(|of| number(self.bytes, at + of));
        let inner = (inner != NONE).then_some(inner);
        (start < end).then_some(Function { start, end, inner })
    }

    /// Where the entrance of a type lies; `None` where no native function is of the type.
    #[must_use]
    pub fn entrance(&self, type_index: u32) -> Option<u32> {
        let at = self.sizes.entrances_at()? + type_index as usize * size_of::<u32>();
        Some(number(self.bytes, at)).filter(|at| *at != NONE)
    }

    /// The defined function whose code lies at an offset in the text.
    #[must_use]
    pub fn function_at(&self, offset: u32) -> Option<u32> {
        let start = |index: usize| number(self.bytes, HEADER_BYTES + index * FUNCTION_BYTES);
        let after = partition_point(self.sizes.functions, |index| start(index) <= offset);
        let index = u32::try_from(after.checked_sub(1)?).ok()?;
        let found = self.function(index)?;
        (offset < found.end).then_some(index)
    }

    /// What happened where code lies at an offset in the text that calls or ends a function.
    #[must_use]
    pub fn place_at(&self, offset: u32) -> Option<Place> {
        let places = self.sizes.places_at()?;
        let at = |index: usize| places + index * PLACE_BYTES;
        let starts_before = |index| number(self.bytes, at(index)) <= offset;
        let after = partition_point(self.sizes.places, starts_before);
        let found = at(after.checked_sub(1)?);
        let [start, bits] = [0, 4].map(|of| number(self.bytes, found + of));
        let inlined = self.row(self.sizes.inlined_at()?, self.sizes.inlined, start);
        let inlined = inlined.map(|[function, call]| Inlined { function, call });
        Some(Place::from_bits(bits, inlined))
    }

    /// The landing of a call within a `try`, by the offset in the text that the call returns to.
    #[must_use]
    pub fn landing_of(&self, back: u32) -> Option<Landing> {
        let row = self.row(self.sizes.landings_at()?, self.sizes.landings, back);
        row.map(|[at, below_frame]| Landing { at, below_frame })
    }

    /// What stands beside a key in a table of `count` rows of three numbers each, the ascending keys first.
    fn row(&self, table: usize, count: usize, key: u32) -> Option<[u32; 2]> {
        let row =
            |index: usize| [0, 4, 8].map(|of| number(self.bytes, table + index * ROW_BYTES + of));
        let index = partition_point(count, |index| row(index)[0] < key);
        let [found, rest @ ..] = (index < count).then(|| row(index))?;
        (found == key).then_some(rest)
    }
}

/// The number of 32 bits at an offset.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the sizes were checked"))
}

/// The first of `count` numbers for which `holds` does not hold; it holds for all before that one.
fn partition_point(count: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::bounds::Bounds;
    use crate::clock::Clock;

    fn module() -> Sections {
        let bytes = wat::parse_str("(module (func) (func) (func) (func))").unwrap();
        Sections::read(Cow::Owned(bytes), &Bounds::default(), &Clock::default()).unwrap()
    }

    fn function(start: u32, end: u32) -> Option<Function> {
        let inner = None;
        Some(Function { start, end, inner })
    }

    fn place(offset: u32) -> Place {
        Place {
            offset,
            ending: 3,
            inlined: None,
        }
    }

    fn inlined() -> Place {
        let inlined = Some(Inlined {
            function: 3,
            call: 90,
        });
        Place {
            inlined,
            ..place(101)
        }
    }

    fn landing(at: u32) -> Landing {
        let below_frame = 64;
        Landing { at, below_frame }
    }

    fn code() -> NativeCode {
        NativeCode {
            isa: Isa::HERE.unwrap_or(Isa::X86_64),
            features: 0,
            settings: Settings::default(),
            functions: vec![None, function(0, 10), None, function(16, 20)],
            entrances: vec![Some(20)],
            places: vec![(0, place(100)), (4, inlined()), (16, place(200))],
            landings: vec![(7, landing(8)), (18, landing(19))],
            text: TEXT.0.to_vec(),
        }
    }

    #[repr(align(64))]
    struct Text([u8; 30]);
    static TEXT: Text = Text([0x90; 30]);

    fn read_with<'a>(tables: &'a [u8], text: &'a [u8]) -> Result<Code<'a>, Unfit> {
        let module = checksum(&module().bytes);
        let (settings, on) = (Settings::default(), Proposals::AVAILABLE);
        Code::read(tables, text, settings, 0, on, module)
    }

    fn read(tables: &[u8]) -> Result<Code<'_>, Unfit> {
        read_with(tables, &TEXT.0)
    }

    #[test]
    fn what_was_written_is_found() {
        if Isa::HERE.is_none() {
            return;
        }
        let bytes = code().tables(&module());
        let found = read(&bytes).unwrap();
        assert_eq!(found.text().len(), 30);
        let functions: Vec<_> = (0..4).map(|index| found.function(index)).collect();
        assert_eq!(functions, code().functions);
        assert_eq!(found.entrance(0), Some(20));
        let at = [0, 9, 10, 16, 19, 20].map(|offset| found.function_at(offset));
        assert_eq!(at, [Some(1), Some(1), None, Some(3), Some(3), None]);
        let places = [0, 3, 4, 15, 16].map(|offset| found.place_at(offset));
        let (first, last) = (place(100), place(200));
        let expected = [first, first, inlined(), inlined(), last];
        assert_eq!(places, expected.map(Some));
        let landings = [6, 7, 8, 18, 19].map(|back| found.landing_of(back));
        let expected = [None, Some(8), None, Some(19), None];
        assert_eq!(landings, expected.map(|at| at.map(landing)));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let bytes = code().tables(&module());
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = bytes.clone();
            change(&mut bytes);
            read(&bytes).unwrap_err()
        };
        assert_eq!(refused(&|bytes| bytes.truncate(40)), Unfit::Broken);
        assert_eq!(refused(&|bytes| bytes.push(0)), Unfit::Broken);
        assert_eq!(refused(&|bytes| bytes[8] ^= 1), Unfit::Build);
        assert_eq!(refused(&|bytes| bytes[24] = 9), Unfit::Processor);
        if Isa::HERE.is_some() {
            assert_eq!(refused(&|bytes| bytes[32] = 1), Unfit::Processor);
            assert_eq!(refused(&|bytes| bytes[28] = 1), Unfit::Config);
            assert_eq!(refused(&|bytes| bytes[40] ^= 1), Unfit::Module);
            assert_eq!(refused(&|bytes| bytes[56] = 200), Unfit::Broken);
            assert_eq!(refused(&|bytes| bytes[76] = 29), Unfit::Broken);
            let unfit = |text| read_with(&bytes, text).unwrap_err();
            assert_eq!(unfit(&TEXT.0[..29]), Unfit::Broken);
            let moved = [TEXT.0, TEXT.0].concat();
            let at = 1 - moved.as_ptr().addr() % 2;
            assert_eq!(unfit(&moved[at..at + 30]), Unfit::Place);
        }
    }

    #[test]
    fn code_without_guarded_addresses_is_refused_where_they_are_asked_for_and_not_the_other_way_round()
     {
        if Isa::HERE.is_none() {
            return;
        }
        let module = checksum(&module().bytes);
        let guarded = |guarded_addresses| Settings {
            guarded_addresses,
            ..Settings::default()
        };
        let reads = |found, asked| {
            let code = NativeCode {
                settings: guarded(found),
                ..code()
            };
            let (bytes, settings) = (code.tables(&self::module()), guarded(asked));
            Code::read(&bytes, &TEXT.0, settings, 0, Proposals::AVAILABLE, module).err()
        };
        assert_eq!(reads(false, true), Some(Unfit::Config));
        assert_eq!(reads(true, false), None);
        assert_eq!(reads(true, true), None);
    }
}
