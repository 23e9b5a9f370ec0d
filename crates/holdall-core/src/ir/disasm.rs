//! The text of lowered code, derived from the instruction table.

use std::fmt::Write as _;

use super::{
    Addr, CMP_PAIRS, FLOAT_PAIRS, Header, INT_PAIRS, LOAD_MODES, Row, SELECT_PAIRS, STORE_MODES,
    Shape, Src, UNARY_SRCS, Word, instructions_of, length,
};

/// The instruction whose words start at `pc`.
struct Instr<'a> {
    pc: usize,
    words: &'a [Word],
}

impl Instr<'_> {
    fn wide(&self) -> u64 {
        self.words.get(1).map_or(0, |word| word.bits())
    }

    fn src(&self, src: Src, field: u16) -> String {
        match src {
            Src::S => format!("s{field}"),
            Src::A => "acc".to_owned(),
            Src::B => "acc'".to_owned(),
            Src::I => format!("#{}", field.cast_signed()),
            Src::W => format!("#{:#x}", self.wide()),
        }
    }

    fn addr(&self, addr: Addr, field: u16) -> String {
        let near = self.words[0].c;
        match addr {
            Addr::S => format!("[s{field} + {near}]"),
            Addr::A => format!("[acc + {near}]"),
            Addr::SW => format!("[s{field} + {}]", self.wide()),
            Addr::AW => format!("[acc + {}]", self.wide()),
            Addr::B => format!("[acc' + {near}]"),
            Addr::BW => format!("[acc' + {}]", self.wide()),
            Addr::BS => format!("[acc' + s{near}]"),
            Addr::AB => "[acc + acc']".to_owned(),
            Addr::BI => format!("[acc' + #{}]", near.cast_signed()),
            Addr::K => format!("[{}]", self.wide()),
            Addr::SS => format!("[s{field} + s{near}]"),
            Addr::AS => format!("[acc + s{near}]"),
            Addr::SI => format!("[s{field} + #{}]", near.cast_signed()),
            Addr::AI => format!("[acc + #{}]", near.cast_signed()),
        }
    }

    fn target(&self, offset: i64) -> String {
        let pc = i64::try_from(self.pc).unwrap_or(i64::MAX);
        format!("@{}", pc.saturating_add(offset))
    }

    /// Fills in the fields of a plain row: `sa sb sc` slots, `#b #c #l` numbers, `#W` the second
    /// word, `#w #h` its halves, `#x #y` those of the third, `@l` a target.
    fn plain(&self, fields: &str) -> String {
        let word = self.words[0];
        let long = word.long().cast_signed();
        let halves = |at: usize| self.words.get(at).map_or((0, 0), |word| word.indices());
        let ((low, high), (third_low, third_high)) = (halves(1), halves(2));
        let mut text = fields.to_owned();
        for (field, value) in [
            ("sa", format!("s{}", word.a)),
            ("sb", format!("s{}", word.b)),
            ("sc", format!("s{}", word.c)),
            ("#b", word.b.to_string()),
            ("#c", word.c.to_string()),
            ("#l", long.to_string()),
            ("#W", format!("{:#x}", self.wide())),
            ("#w", low.to_string()),
            ("#h", high.to_string()),
            ("#x", third_low.to_string()),
            ("#y", third_high.to_string()),
            ("@l", self.target(long.into())),
        ] {
            text = text.replace(field, &value);
        }
        text
    }

    fn operands(&self, row: Row, mode: u16) -> String {
        let word = self.words[0];
        let mode = usize::from(mode);
        let binary = |pairs: &[(Src, Src)]| {
            let (lhs, rhs) = pairs[mode / 2];
            format!("{}, {}", self.src(lhs, word.b), self.src(rhs, word.c))
        };
        let branch = |pairs: &[(Src, Src)]| {
            let (lhs, rhs) = pairs[mode];
            format!(
                "{}, {}, {}",
                self.src(lhs, word.a),
                self.src(rhs, word.b),
                self.target(word.c.cast_signed().into())
            )
        };
        let value = match row.shape() {
            Shape::Int => binary(INT_PAIRS),
            Shape::Cmp => binary(CMP_PAIRS),
            Shape::Float => binary(FLOAT_PAIRS),
            Shape::Unary => self.src(UNARY_SRCS[mode / 2], word.b),
            Shape::Load => self.addr(LOAD_MODES[mode / 2], word.b),
            Shape::Store => {
                let (addr, value) = STORE_MODES[mode];
                return format!("{} <- {}", self.addr(addr, word.a), self.src(value, word.b));
            }
            Shape::StoreAcc => return format!("{} <- acc", self.addr(LOAD_MODES[mode], word.b)),
            Shape::BrCmp => return branch(CMP_PAIRS),
            Shape::BrFloat => return branch(FLOAT_PAIRS),
            Shape::Select => {
                let (one, other) = SELECT_PAIRS[mode];
                let (one, other) = (self.src(one, word.b), self.src(other, word.c));
                return format!("s{}, acc <- acc ? {one} : {other}", word.a);
            }
            Shape::Simple(fields) | Shape::Plain(fields) => return self.plain(fields),
        };
        if mode % 2 == 0 {
            format!("acc <- {value}")
        } else {
            format!("s{}, acc <- {value}", word.a)
        }
    }
}

/// The text of a function's lowered code: its header, then an instruction a line. A digit after an
/// instruction's place says how many instructions from there on one handler executes.
pub fn disassemble(words: &[Word]) -> String {
    let mut text = String::new();
    let Some((header, _)) = words.split_first() else {
        return text;
    };
    let header = Header::of(*header);
    let _ = writeln!(
        text,
        "frame {} slots, link at s{}",
        header.frame, header.link
    );
    let mut pc = 1;
    while let Some(rest) = words.get(pc..).filter(|rest| !rest.is_empty()) {
        let sequence = instructions_of(&rest[0].op);
        let Some((row, mode)) = Row::of(sequence[0]) else {
            let _ = writeln!(text, "{pc:>6}  {:#018x}", rest[0].bits());
            pc += 1;
            continue;
        };
        let length = length(Word {
            op: sequence[0],
            ..rest[0]
        });
        let instr = Instr { pc, words: rest };
        let operands = instr.operands(row, mode);
        let joined = match sequence.len() {
            1 => ' ',
            // As many instructions as this are one handler's.
            count => char::from_digit(count as u32, 36).unwrap_or('*'),
        };
        let _ = writeln!(
            text,
            "{}",
            format!("{pc:>6} {joined} {:<16} {operands}", row.text()).trim_end()
        );
        if matches!(row, Row::BrTableS | Row::BrTableA) {
            for index in 0..=rest[0].long() as usize {
                let target = instr.target(rest[1 + index].long().cast_signed().into());
                let _ = writeln!(text, "        {index:>6}: {target}");
            }
        }
        pc += length;
    }
    text
}
