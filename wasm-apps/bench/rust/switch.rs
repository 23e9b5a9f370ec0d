//! A virtual machine's loop: n instructions of a small program, each decoded and run by a match of
//! sixteen arms.

mod common;

use common::{CHECKSUM_START, Random, checksum};

const PROGRAM: usize = 256;

#[derive(Clone, Copy)]
enum Operation {
    Add,
    Sub,
    Mul,
    Xor,
    And,
    Or,
    ShiftLeft,
    ShiftRight,
    Rotate,
    Not,
    Load,
    Store,
    Swap,
    Increment,
    SkipIfOdd,
    Constant,
}

/// The operation of an instruction, and its operand.
fn decode(code: u8) -> (Operation, u32) {
    use Operation::*;
    const OPERATIONS: [Operation; 16] = [
        Add, Sub, Mul, Xor, And, Or, ShiftLeft, ShiftRight, Rotate, Not, Load, Store, Swap,
        Increment, SkipIfOdd, Constant,
    ];
    (OPERATIONS[usize::from(code & 15)], u32::from(code >> 4))
}

struct Machine {
    program: Vec<u8>,
    /// The index of the next instruction.
    at: usize,
    a: u32,
    b: u32,
    cells: [u32; 16],
}

impl Machine {
    fn new() -> Self {
        let mut random = Random(0xabcd_ef01);
        Self {
            program: (0..PROGRAM).map(|_| (random.draw() >> 11) as u8).collect(),
            at: 0,
            a: 1,
            b: 2,
            cells: std::array::from_fn(|i| i as u32 * 0x0101_0101),
        }
    }

    fn skip(&mut self, instructions: usize) {
        self.at = (self.at + instructions) % PROGRAM;
    }

    fn step(&mut self) {
        let (operation, operand) = decode(self.program[self.at]);
        self.skip(1);
        let Self { a, b, cells, .. } = self;
        match operation {
            Operation::Add => *a = a.wrapping_add(*b),
            Operation::Sub => *a = a.wrapping_sub(*b ^ operand),
            Operation::Mul => *a = a.wrapping_mul(*b | 1),
            Operation::Xor => *a ^= *b,
            Operation::And => *b &= *a | operand,
            Operation::Or => *b |= *a >> operand,
            Operation::ShiftLeft => *a <<= operand & 3,
            Operation::ShiftRight => *b >>= operand & 3,
            Operation::Rotate => *a = a.rotate_left(5),
            Operation::Not => *b = !*b,
            Operation::Load => *a = cells[operand as usize],
            Operation::Store => cells[operand as usize] = *b,
            Operation::Swap => std::mem::swap(a, b),
            Operation::Increment => *b = b.wrapping_add(operand + 1),
            Operation::SkipIfOdd => {
                let odd = *a % 2;
                self.skip(odd as usize);
            }
            Operation::Constant => *b = b.wrapping_add(0x9e37_79b9_u32.wrapping_mul(operand)),
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let mut machine = Machine::new();
    for _ in 0..n {
        machine.step();
    }
    [machine.a, machine.b]
        .into_iter()
        .chain(machine.cells)
        .map(u64::from)
        .fold(CHECKSUM_START, checksum) as i64
}
