//! What a packer notes of a module, so that a program which carries the module need not read all of it to
//! start.

use wasmparser::BinaryReader;

use super::fault::Fault;
use super::sections::Sections;
use super::segments::DataMode;
use super::weight::reckon;

/// Where the head of a module ends, and what its tail comes to. The head has all sections before the
/// first one of code or data. Only modules whose data segments are all active have an outline: such
/// segments are not needed any more once they are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The size of the head in bytes.
    pub head_bytes: u64,
    /// What the module weighs in an account, in bytes, as a part of the program.
    pub weight: u64,
    /// The number of data segments.
    pub num_data: u64,
}

impl Outline {
    /// The outline of a module; `None` where there is none.
    #[must_use]
    pub fn of(module: &Sections) -> Option<Self> {
        let is_active = |mode: &DataMode| matches!(mode, DataMode::Active { .. });
        let data = module.data()?;
        let outlined = data.iter().all(|segment| is_active(&segment.mode));
        outlined.then(|| Self {
            head_bytes: head_bytes(&module.bytes) as u64,
            // Bytes that are owned would weigh more than those that are a part of the program.
            weight: (reckon(&module.bytes) - own_bytes(module)) as u64,
            num_data: data.len() as u64,
        })
    }

    /// The head of a module.
    ///
    /// # Errors
    /// The module has fewer bytes.
    pub fn head<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
        let end = usize::try_from(self.head_bytes).ok();
        let head = end.and_then(|end| bytes.get(..end));
        head.ok_or_else(Self::misfit)
    }

    pub(super) fn misfit() -> Fault {
        Fault::malformed_at("its outline is of another module", 0)
    }
}

fn own_bytes(module: &Sections) -> usize {
    match &module.bytes {
        std::borrow::Cow::Owned(bytes) => bytes.len(),
        std::borrow::Cow::Borrowed(_) => 0,
    }
}

/// Where the first section of code or data begins; the end of the module, where there is none.
fn head_bytes(bytes: &[u8]) -> usize {
    /// The magic number and the version.
    const PREAMBLE_BYTES: usize = 8;
    const CODE: u8 = 10;
    const DATA: u8 = 11;
    let mut at = PREAMBLE_BYTES.min(bytes.len());
    loop {
        let mut reader = BinaryReader::new(&bytes[at..], 0);
        let (Ok(id), Ok(size)) = (reader.read_u8(), reader.read_var_u32()) else {
            return at;
        };
        let section = reader.current_position().saturating_add(size as usize);
        if matches!(id, CODE | DATA) || section > bytes.len() - at {
            return at;
        }
        at += section;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of one module that ends too early lacks types or exports; too late, every start reads
    /// what it does not need.
    #[test]
    fn a_head_ends_before_code_and_data() {
        let preamble = b"\0asm\x01\0\0\0";
        for (sections, head) in [
            (&b""[..], 8),
            (b"\x01\x01\0", 11),
            (b"\x01\x01\0\x0a\x01\0\0\x01n", 11),
            (b"\0\x02\x01n\x0b\x01\0", 12),
        ] {
            let bytes = [preamble, sections].concat();
            assert_eq!(head_bytes(&bytes), head, "{sections:?}");
        }
    }
}
