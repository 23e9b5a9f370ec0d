//! The machine code of one function, once Cranelift has made it: what of the tables comes from there, and where the
//! function ends.
//!
//! Where a check fails, Cranelift's code jumps to an instruction that traps. In place of each such instruction comes a
//! call of the text's end: by the address that the call would return to, the executor finds what happened. On
//! x86-64 a call is longer than what traps, so calls are added behind the code, and jumps are made to go there.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, Function};
use cranelift_codegen::{CompiledCode, FinalizedMachExceptionHandler, FinalizedRelocTarget};
use holdall_core::native::{Isa, Landing, MOST_FRAME_BYTES, Place, entry};

use crate::link::ALIGNMENT;
use crate::names::Name;
use crate::sites::{ENDS, Sites};

/// The machine code of one function.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) bytes: Vec<u8>,
    /// Where the code calls what, and what is added to the distance.
    pub(crate) calls: Vec<(u32, Name, i64)>,
    /// Where code begins that calls or ends, and what happens there.
    pub(crate) places: Vec<(u32, Place)>,
    /// Where calls return to, and their landings.
    pub(crate) landings: Vec<(u32, Landing)>,
}

impl Code {
    /// The code of a function with these sites; `None` where the code is not as it has to be.
    pub(crate) fn of(
        made: &CompiledCode,
        function: &Function,
        sites: &Sites,
        isa: Isa,
    ) -> Option<Self> {
        let buffer = &made.buffer;
        let frame = buffer.frame_layout()?.frame_to_fp_offset;
        if frame > MOST_FRAME_BYTES || buffer.alignment as usize > ALIGNMENT {
            return None;
        }
        let names = function.params.user_named_funcs();
        let calls = buffer.relocs().iter().map(|reloc| {
            let (
                Reloc::X86CallPCRel4 | Reloc::Arm64Call,
                FinalizedRelocTarget::ExternalName(ExternalName::User(to)),
            ) = (reloc.kind, &reloc.target)
            else {
                return None;
            };
            let to = &names[*to];
            let to = Name::of((to.namespace, to.index))?;
            Some((reloc.offset, to, reloc.addend))
        });
        let mut landings = Vec::new();
        for call in buffer.call_sites() {
            for handler in call.exception_handlers {
                let FinalizedMachExceptionHandler::Default(at) = *handler else {
                    return None;
                };
                let below_frame = call.frame_offset?;
                landings.push((call.ret_addr, Landing { at, below_frame }));
            }
        }
        let mut code = Self {
            bytes: buffer.data().to_vec(),
            calls: calls.collect::<Option<_>>()?,
            places: Vec::new(),
            landings,
        };
        let traps = buffer.traps().iter().filter(|trap| trap.code == ENDS);
        let traps: Vec<u32> = traps.map(|trap| trap.offset).collect();
        let mut checks = Vec::with_capacity(traps.len());
        let mut trap_of_site = vec![None; sites.0.len()];
        for place in buffer.get_srclocs_sorted() {
            if place.loc.is_default() {
                continue;
            }
            let number = place.loc.bits() as usize;
            let site = sites.0[number];
            if !site.is_check {
                code.places.push((place.start, site.place));
            } else if traps.binary_search(&place.start).is_ok() {
                trap_of_site[number] = Some(place.start);
            } else {
                checks.push((number, place.start as usize..place.end as usize));
            }
        }
        match isa {
            Isa::Aarch64 => {
                for (site, trap) in sites.0.iter().zip(&trap_of_site) {
                    if let Some(trap) = *trap {
                        code.bytes.get_mut(trap as usize..)?[..4].copy_from_slice(&CALL_AARCH64);
                        code.calls.push((trap, Name::End, 0));
                        code.places.push((trap, site.place));
                    }
                }
            }
            _ => {
                code.cut_off(&traps);
                for (number, check) in checks {
                    let trap = trap_of_site[number]?;
                    let end = code.call_end(sites.0[number].place);
                    let jump = code.jump_to(trap, check)?;
                    code.redirect(jump, end);
                }
            }
        }
        code.places.sort_unstable_by_key(|(at, _)| *at);
        Some(code)
    }

    /// Takes traps away that lie behind everything else.
    fn cut_off(&mut self, traps: &[u32]) {
        for trap in traps.iter().rev() {
            if *trap as usize + TRAP_X86_64.len() == self.bytes.len() {
                self.bytes.truncate(*trap as usize);
            }
        }
    }

    /// Adds a call of the text's end. Gives where the call lies.
    fn call_end(&mut self, place: Place) -> u32 {
        // A function that is longer than this is given up.
        let at = self.bytes.len() as u32;
        self.bytes.extend(CALL_X86_64);
        // A distance is from the end of the instruction, where its last four bytes are the distance.
        self.calls.push((at + 1, Name::End, -4));
        self.places.push((at, place));
        at
    }

    /// Where a conditional jump to a trap has its distance, among the bytes of a check; `None` unless there is one.
    fn jump_to(&self, trap: u32, check: std::ops::Range<usize>) -> Option<usize> {
        let mut found = None;
        let bytes = self.bytes.get(check.clone())?;
        for (at, jump) in (check.start..).zip(bytes.windows(6)) {
            let [0x0f, condition, distance @ ..] = jump else {
                continue;
            };
            let target = u32::from_le_bytes(*distance.first_chunk()?).wrapping_add(at as u32 + 6);
            if condition & 0xf0 == 0x80 && target == trap {
                if found.is_some() {
                    return None;
                }
                found = Some(at + 2);
            }
        }
        found
    }

    /// Makes a jump that has its distance at `at` go somewhere else.
    fn redirect(&mut self, at: usize, target: u32) {
        let distance = target.wrapping_sub(at as u32 + 4);
        self.bytes[at..][..4].copy_from_slice(&distance.to_le_bytes());
    }

    /// The text's end: finds the entry of the executor, and goes on as the entry says.
    pub(crate) fn end(isa: Isa) -> Self {
        const RAISE: u8 = entry::RAISE as u8;
        let bytes: Vec<u8> = match isa {
            Isa::Aarch64 => [
                0xaa1e_03e1_u32,                        // mov x1, x30: where this was called from
                0xaa1d_03e2,                            // mov x2, x29: the frame
                0xaa1d_03e0,                            // mov x0, x29
                0x3700_0060,                            // tbnz w0, #0, 3 instructions on
                0xf940_0000,                            // ldr x0, [x0]
                0x17ff_fffe,                            // b 2 instructions back
                0xd100_0400,                            // sub x0, x0, #1
                0xf940_0003 | (RAISE as u32 / 8) << 10, // ldr x3, [x0, #RAISE]
                0xd61f_0060,                            // br x3
            ]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect(),
            _ => [
                &[0x5e][..],               // pop rsi: where this was called from
                &[0x48, 0x89, 0xea],       // mov rdx, rbp: the frame
                &[0x48, 0x89, 0xe8],       // mov rax, rbp
                &[0xa8, 0x01],             // test al, 1
                &[0x75, 0x05],             // jnz 5 bytes on
                &[0x48, 0x8b, 0x00],       // mov rax, [rax]
                &[0xeb, 0xf7],             // jmp 9 bytes back
                &[0x48, 0x8d, 0x78, 0xff], // lea rdi, [rax - 1]
                &[0xff, 0x67, RAISE],      // jmp [rdi + RAISE]
            ]
            .concat(),
        };
        Self {
            bytes,
            calls: Vec::new(),
            places: Vec::new(),
            landings: Vec::new(),
        }
    }
}

/// What traps on x86-64.
const TRAP_X86_64: [u8; 2] = [0x0f, 0x0b];
/// A call on x86-64, without its distance.
const CALL_X86_64: [u8; 5] = [0xe8, 0, 0, 0, 0];
/// A call on AArch64, without its distance.
const CALL_AARCH64: [u8; 4] = 0x9400_0000_u32.to_le_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    fn code(bytes: &[u8]) -> Code {
        Code {
            bytes: bytes.to_vec(),
            calls: Vec::new(),
            places: Vec::new(),
            landings: Vec::new(),
        }
    }

    #[test]
    fn a_check_is_understood_only_if_exactly_one_jump_goes_to_its_trap() {
        // A comparison, a jump of 4 bytes forward, and a trap behind a return.
        let check = [0x48, 0x39, 0xc8, 0x0f, 0x87, 1, 0, 0, 0];
        let rest = [0xc3, 0x0f, 0x0b];
        let one = code(&[&check[..], &rest].concat());
        assert_eq!(one.jump_to(10, 0..9), Some(5));
        // Another trap, and a check that ends before the jump does.
        assert_eq!(one.jump_to(11, 0..9), None);
        assert_eq!(one.jump_to(10, 0..8), None);
        let [first, second] = [7_u8, 1].map(|distance| [0x0f, 0x87, distance, 0, 0, 0]);
        let two = code(&[&first[..], &second, &rest].concat());
        assert_eq!(two.jump_to(13, 0..12), None);
        assert_eq!(two.jump_to(13, 0..6), Some(2));
        assert_eq!(two.jump_to(13, 6..12), Some(8));
    }

    #[test]
    fn a_jump_that_is_redirected_goes_to_the_call_that_is_added() {
        let mut code = code(&[0x0f, 0x87, 1, 0, 0, 0, 0xc3, 0x0f, 0x0b]);
        let jump = code.jump_to(7, 0..6).unwrap();
        code.cut_off(&[7]);
        let place = Place {
            offset: 3,
            ending: 1,
            inlined: None,
        };
        let end = code.call_end(place);
        code.redirect(jump, end);
        assert_eq!(code.bytes, [0x0f, 0x87, 1, 0, 0, 0, 0xc3, 0xe8, 0, 0, 0, 0]);
        assert_eq!(code.calls, [(8, Name::End, -4)]);
        assert_eq!(code.places, [(7, place)]);
    }

    #[test]
    fn a_trap_that_is_followed_by_something_is_not_cut_off() {
        let mut code = code(&[0xc3, 0x0f, 0x0b, 0x0f, 0x0b, 1, 2, 0x0f, 0x0b, 0x0f, 0x0b]);
        code.cut_off(&[1, 3, 7, 9]);
        assert_eq!(code.bytes, [0xc3, 0x0f, 0x0b, 0x0f, 0x0b, 1, 2]);
    }
}
