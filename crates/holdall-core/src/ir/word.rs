//! The code word: eight bytes, an opcode and three 16-bit fields, free of pointers.

/// One word of lowered code. The opcode's shape says what `a`, `b` and `c` mean. A word that follows an
/// instruction may also be 64 bits of data ([`Word::data`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Word {
    /// The opcode, or a part of the data.
    pub op: u16,
    /// The first field.
    pub a: u16,
    /// The second field.
    pub b: u16,
    /// The third field.
    pub c: u16,
}

const _: () = assert!(size_of::<Word>() == 8);

impl Word {
    /// A word of an opcode and its fields.
    #[inline]
    #[must_use]
    pub const fn new(op: u16, a: u16, b: u16, c: u16) -> Self {
        Self { op, a, b, c }
    }

    /// An instruction whose `b` and `c` are the halves of one 32-bit number.
    #[inline]
    #[must_use]
    pub const fn with_long(op: u16, a: u16, long: u32) -> Self {
        Self::new(op, a, long as u16, (long >> 16) as u16)
    }

    /// The 32-bit number in `b` and `c`.
    #[inline]
    #[must_use]
    pub const fn long(self) -> u32 {
        self.b as u32 | (self.c as u32) << 16
    }

    /// A word of data.
    #[inline]
    #[must_use]
    pub const fn data(bits: u64) -> Self {
        Self::new(
            bits as u16,
            (bits >> 16) as u16,
            (bits >> 32) as u16,
            (bits >> 48) as u16,
        )
    }

    /// A word of two indices.
    #[inline]
    #[must_use]
    pub const fn pair(low: u32, high: u32) -> Self {
        Self::data(low as u64 | (high as u64) << 32)
    }

    /// The two indices of a word.
    #[inline]
    #[must_use]
    pub const fn indices(self) -> (u32, u32) {
        let bits = self.bits();
        (bits as u32, (bits >> 32) as u32)
    }

    /// The 64 bits of a word of data.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.op as u64 | (self.a as u64) << 16 | (self.b as u64) << 32 | (self.c as u64) << 48
    }
}

/// The first word of a function's code: what a call must know of the function.
///
/// A frame is `arguments or results | link | locals | operands`. The caller places the arguments
/// where the frame begins and finds the results in the same place. The link is three slots: the
/// return address, the caller's frame, and the caller's instance where that is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many slots the frame takes.
    pub frame: u32,
    /// The slot of the link: the number of slots that the arguments take, or the results where those take
    /// more.
    pub link: u16,
}

impl Header {
    /// The opcode of the header of a function with a table of handlers behind its instructions. Other
    /// headers have 0.
    pub const HAS_HANDLERS: u16 = 1;

    /// How many slots the link takes.
    pub const LINK: u16 = 3;

    /// The slot of the link in a function with these numbers of parameter and result slots.
    #[must_use]
    pub fn link_slot(param_slots: usize, result_slots: usize) -> u16 {
        // Validation allows 1,000 parameters and 1,000 results, of two slots at most, and so does
        // whatever makes host functions.
        u16::try_from(param_slots.max(result_slots)).expect("at most 2,000 slots")
    }

    /// The header of a function whose frame is only its arguments or results, and the link.
    pub(super) fn bare(param_slots: usize, result_slots: usize) -> Self {
        let link = Self::link_slot(param_slots, result_slots);
        Self {
            frame: u32::from(link) + u32::from(Self::LINK),
            link,
        }
    }

    /// The header as a word.
    #[inline]
    #[must_use]
    pub const fn word(self) -> Word {
        Word::with_long(0, self.link, self.frame)
    }

    /// The header that a word is.
    #[inline]
    #[must_use]
    pub const fn of(word: Word) -> Self {
        Self {
            frame: word.long(),
            link: word.a,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_gives_back_the_long_number_and_the_data_put_in() {
        assert_eq!(Word::with_long(7, 8, 0xdead_beef).long(), 0xdead_beef);
        assert_eq!(
            Word::data(0x0123_4567_89ab_cdef).bits(),
            0x0123_4567_89ab_cdef
        );
    }

    #[test]
    fn a_frame_of_more_slots_than_16_bits_count_does_not_wrap() {
        let most = usize::from(u16::MAX);
        assert_eq!(Header::bare(most, 0).frame, u32::from(u16::MAX) + 3);
        assert_eq!(Header::bare(0, most - 2).frame, u32::from(u16::MAX) + 1);
    }

    #[test]
    fn a_header_survives_its_word() {
        let header = Header {
            frame: 1_234_567,
            link: 1000,
        };
        assert_eq!(Header::of(header.word()), header);
    }
}
