//! Calls of C functions whose types are known at run time only, in the platform's convention: System V on x86-64,
//! AAPCS64 on AArch64.
//!
//! In both, integers and pointers go to one file of registers and floats to another, in order, whatever comes
//! between them. What finds no register goes to the stack, in order, each argument in a word of its own. So one
//! type of function serves for all: as many integers as there are registers for them, then as many floats, then
//! words of the stack. Whoever is called finds each argument where its own type says, and does not look at the
//! rest, which its caller takes away again.

#[cfg(target_arch = "x86_64")]
const INTS: usize = 6;
#[cfg(not(target_arch = "x86_64"))]
const INTS: usize = 8;
const FLOATS: usize = 8;
/// The most words of the stack that a call can have.
const MAX_WORDS: usize = 128;

/// Whether C functions can be called here at all.
pub(super) const IS_THERE: bool = cfg!(all(
    unix,
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64"
));

/// What a parameter is to the convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// An integer of 32 bits.
    Int,
    /// An integer of 64 bits, or a pointer.
    Long,
    Float,
    Double,
}

impl Class {
    fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Double)
    }
}

/// Where a function looks for an argument.
#[derive(Clone, Copy, Debug)]
enum Place {
    Int(usize),
    Float(usize),
    /// Bytes from the first argument on the stack.
    Stack(usize),
}

/// Where a function looks for its arguments, the first of which is a pointer that no guest gives.
#[derive(Debug)]
pub(super) struct Places {
    places: Box<[Place]>,
    words: usize,
}

impl Places {
    /// The places of parameters of these classes; `None` where they are too many.
    pub(super) fn new(classes: &[Class]) -> Option<Self> {
        let (mut ints, mut floats, mut bytes) = (1, 0, 0_usize);
        let place = |class: &Class| {
            if class.is_float() && floats < FLOATS {
                floats += 1;
                return Place::Float(floats - 1);
            }
            if !class.is_float() && ints < INTS {
                ints += 1;
                return Place::Int(ints - 1);
            }
            // Apple packs arguments on the stack by their own sizes.
            let is_short =
                matches!(class, Class::Int | Class::Float) && cfg!(target_vendor = "apple");
            let size = if is_short { 4 } else { 8 };
            let at = bytes.next_multiple_of(size);
            bytes = at + size;
            Place::Stack(at)
        };
        let places = classes.iter().map(place).collect();
        let words = bytes.div_ceil(8);
        (words <= MAX_WORDS).then_some(Self { places, words })
    }

    /// Calls the function at `function` with a pointer and the arguments that `argument` gives by their index.
    /// Gives the bits of its result, which are in the low half where it has 32.
    ///
    /// # Safety
    ///
    /// The function takes a pointer, and parameters of the classes that the places were made for. It returns
    /// nothing, or a float where `returns_float`, or else an integer. It does not unwind.
    #[inline]
    pub(super) unsafe fn call(
        &self,
        function: *const (),
        first: *mut (),
        returns_float: bool,
        argument: impl Fn(usize) -> u64,
    ) -> u64 {
        let mut ints = [0; INTS];
        let mut floats = [0.0; FLOATS];
        ints[0] = first.expose_provenance() as u64;
        if self.words == 0 {
            for (index, place) in self.places.iter().enumerate() {
                match *place {
                    Place::Int(at) => ints[at] = argument(index),
                    Place::Float(at) | Place::Stack(at) => {
                        floats[at] = f64::from_bits(argument(index))
                    }
                }
            }
            // SAFETY: the caller's duty.
            return unsafe { with_0(function, &ints, &floats, &[], returns_float) };
        }
        let mut stack = [0; MAX_WORDS];
        for (index, place) in self.places.iter().enumerate() {
            match *place {
                Place::Int(at) => ints[at] = argument(index),
                Place::Float(at) => floats[at] = f64::from_bits(argument(index)),
                // Two that share a word do not overlap: one of them is shifted by 32 bits.
                Place::Stack(at) => stack[at / 8] |= argument(index) << (at % 8 * 8),
            }
        }
        // SAFETY: the caller's duty.
        unsafe {
            match self.words {
                0..=8 => with_8(function, &ints, &floats, &stack[..], returns_float),
                9..=32 => with_32(function, &ints, &floats, &stack[..], returns_float),
                _ => with_128(function, &ints, &floats, &stack[..], returns_float),
            }
        }
    }
}

/// The type of any literal.
macro_rules! word {
    ($index:literal) => {
        u64
    };
}

/// A function that calls with so many words of the stack.
macro_rules! with_words {
    ($name:ident: $($int:literal)*; $($index:literal)*) => {
        /// # Safety
        ///
        /// As for [`Places::call`].
        #[inline]
        #[allow(clippy::allow_attributes, reason = "where there are no words")]
        #[allow(unused_variables, reason = "where there are no words")]
        unsafe fn $name(
            function: *const (),
            ints: &[u64; INTS],
            floats: &[f64; FLOATS],
            stack: &[u64],
            returns_float: bool,
        ) -> u64 {
            type Call<R> = unsafe extern "C" fn(
                $(word!($int),)* f64, f64, f64, f64, f64, f64, f64, f64, $(word!($index)),*
            ) -> R;
            let [f0, f1, f2, f3, f4, f5, f6, f7] = *floats;
            // SAFETY: the convention, as this file's head says: the function finds what it takes, and does not
            // look at the rest. It may write to its arguments on the stack, which are this call's own.
            unsafe {
                if returns_float {
                    let call: Call<f64> = std::mem::transmute(function);
                    call($(ints[$int],)* f0, f1, f2, f3, f4, f5, f6, f7, $(stack[$index]),*).to_bits()
                } else {
                    let call: Call<u64> = std::mem::transmute(function);
                    call($(ints[$int],)* f0, f1, f2, f3, f4, f5, f6, f7, $(stack[$index]),*)
                }
            }
        }
    };
}

/// [`with_words`], with the integers of the architecture.
macro_rules! with_words_here {
    ($name:ident: $($index:literal)*) => {
        #[cfg(target_arch = "x86_64")]
        with_words!($name: 0 1 2 3 4 5; $($index)*);
        #[cfg(not(target_arch = "x86_64"))]
        with_words!($name: 0 1 2 3 4 5 6 7; $($index)*);
    };
}

with_words_here!(with_0:);
with_words_here!(with_8: 0 1 2 3 4 5 6 7);
with_words_here!(with_32:
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
);
with_words_here!(with_128:
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
    64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95
    96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120
    121 122 123 124 125 126 127
);

#[cfg(test)]
mod tests {
    use super::{Class, IS_THERE, MAX_WORDS, Places};

    /// A function of these parameters, four of each turn.
    macro_rules! function {
        ($($a:ident $b:ident $c:ident $d:ident)*) => {
            /// Whether the arguments are 1, 2, 3 and so on, the integers of 32 bits negative.
            extern "C" fn in_order(first: *const u8, $($a: i32, $b: f32, $c: i64, $d: f64),*) -> u64 {
                let mut expected = 0;
                let mut is = |value: f64| {
                    expected += 1;
                    value == f64::from(expected)
                };
                let in_order = [$(is(-f64::from($a)), is($b.into()), is($c as f64), is($d)),*];
                u64::from(first.addr() == 7 && in_order.iter().all(|it| *it))
            }
        };
    }
    // More of each class than there are registers for.
    function! {
        a0 b0 c0 d0 a1 b1 c1 d1 a2 b2 c2 d2 a3 b3 c3 d3 a4 b4 c4 d4 a5 b5 c5 d5 a6 b6 c6 d6
    }

    extern "C" fn half(_: *const u8, x: f32) -> f32 {
        x / 2.0
    }

    #[test]
    fn arguments_are_where_functions_look_for_them() {
        if !IS_THERE {
            return;
        }
        let turn = [Class::Int, Class::Float, Class::Long, Class::Double];
        let classes = turn.repeat(7);
        let places = Places::new(&classes).unwrap();
        let argument = |index: usize| {
            let value = index as u32 + 1;
            match classes[index] {
                Class::Int => u64::from(value.cast_signed().wrapping_neg().cast_unsigned()),
                Class::Long => value.into(),
                Class::Float => (value as f32).to_bits().into(),
                Class::Double => f64::from(value).to_bits(),
            }
        };
        let first = std::ptr::without_provenance_mut(7);
        // SAFETY: the functions take what the places were made for.
        unsafe {
            assert_eq!(
                places.call(in_order as *const (), first, false, argument),
                1
            );
            let places = Places::new(&[Class::Float]).unwrap();
            let bits = places.call(half as *const (), first, true, |_| 5.0_f32.to_bits().into());
            assert_eq!(f32::from_bits(bits as u32), 2.5);
        }
        assert!(Places::new(&[Class::Long; MAX_WORDS + 5]).is_some());
        assert!(Places::new(&[Class::Long; MAX_WORDS + 8]).is_none());
    }
}
