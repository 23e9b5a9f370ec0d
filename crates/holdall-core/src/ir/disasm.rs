//! The text of lowered code, derived from the instruction table.

use std::fmt::Write as _;

use super::{Field, HandlerTable, Header, Row, Token, Word, instructions, instructions_of, length};

/// The instruction whose words start at `pc`.
struct Instr<'a> {
    pc: usize,
    words: &'a [Word],
}

impl Instr<'_> {
    fn wide(&self) -> u64 {
        self.words.get(1).map_or(0, |word| word.bits())
    }

    /// An operand that is a value.
    fn value(&self, operand: Token, field: u16) -> String {
        match operand {
            Token::S => format!("s{field}"),
            Token::A => "acc".to_owned(),
            Token::B => "acc'".to_owned(),
            Token::I => format!("#{}", field.cast_signed()),
            Token::W => format!("#{:#x}", self.wide()),
            other => format!("{other:?}"),
        }
    }

    /// An operand that is an address.
    fn address(&self, operand: Token, field: u16) -> String {
        let near = self.words[0].c;
        let (first, second) = match operand {
            Token::K => return format!("[{}]", self.wide()),
            Token::S | Token::A | Token::B => (operand, near.to_string()),
            Token::SW => (Token::S, self.wide().to_string()),
            Token::AW => (Token::A, self.wide().to_string()),
            Token::BW => (Token::B, self.wide().to_string()),
            Token::SS => (Token::S, format!("s{near}")),
            Token::AS => (Token::A, format!("s{near}")),
            Token::BS => (Token::B, format!("s{near}")),
            Token::AB => (Token::A, "acc'".to_owned()),
            Token::SI => (Token::S, format!("#{}", near.cast_signed())),
            Token::AI => (Token::A, format!("#{}", near.cast_signed())),
            Token::BI => (Token::B, format!("#{}", near.cast_signed())),
            other => return format!("[{other:?}]"),
        };
        format!("[{} + {second}]", self.value(first, field))
    }

    fn target(&self, offset: i64) -> String {
        let pc = i64::try_from(self.pc).unwrap_or(i64::MAX);
        format!("@{}", pc.saturating_add(offset))
    }

    /// Fills in the text of a row: `{0} {1}` operands and `[0]` an address, `sa sb sc` slots, `#b #c #l`
    /// numbers, `#W` the second word, `#w #h` its halves, `#X` the third, `#x #y` its halves, `@l @c` a target.
    fn operands(&self, row: Row, mode: u16) -> String {
        let (word, layout) = (self.words[0], row.shape().layout());
        let mut text = row.shape().fields().to_owned();
        for (at, (operand, field)) in layout.operands(mode).iter().zip(layout.fields).enumerate() {
            let field = match field {
                Field::a => word.a,
                Field::b => word.b,
                Field::c => word.c,
                Field::w => self.wide() as u16,
            };
            text = text.replace(&format!("{{{at}}}"), &self.value(*operand, field));
            text = text.replace(&format!("[{at}]"), &self.address(*operand, field));
        }
        let long = word.long().cast_signed();
        let halves = |at: usize| self.words.get(at).map_or((0, 0), |word| word.indices());
        let ((low, high), (third_low, third_high)) = (halves(1), halves(2));
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
            (
                "#X",
                format!("{:#x}", self.words.get(2).map_or(0, |word| word.bits())),
            ),
            ("#x", third_low.to_string()),
            ("#y", third_high.to_string()),
            ("@l", self.target(long.into())),
            ("@c", self.target(word.c.cast_signed().into())),
        ] {
            text = text.replace(field, &value);
        }
        match (layout.has_result, layout.is_acc_only(mode)) {
            (false, _) => text,
            (true, true) => format!("acc <- {text}"),
            (true, false) => format!("s{}, acc <- {text}", word.a),
        }
    }
}

/// The text of a function's lowered code: a line for the header, then a line for each instruction. A digit
/// behind an instruction's place says how many instructions, counted from this one, share one handler.
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
    let handlers = HandlerTable::of(words);
    let words = instructions(words);
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
            // The number of instructions in the sequence, which one handler executes.
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
    if let Some(handlers) = handlers {
        text.push_str(&handlers.text());
    }
    text
}
