//! From the text format to the binary format, by the crate `wat`. Nothing can interrupt that crate:
//! under a deadline, a text is read only where there is time for the longest that it may take.

use std::time::Duration;

use wast::lexer::{Lexer, TokenKind};
use wat::Detect;

use super::fault::Fault;
use crate::limits::Clock;

/// The most nanoseconds, on a slow machine, that it takes to look at a byte, to read a byte, and to
/// compare a label with one of the blocks around it.
const NANOS_OF_LOOK: u64 = 20;
const NANOS_OF_BYTE: u64 = 200;
const NANOS_OF_BLOCK: u64 = 2;

/// The binary format of a text; `None` where the bytes are no text.
pub(super) fn parse(bytes: &[u8], clock: &Clock) -> Result<Option<Vec<u8>>, Fault> {
    let admit =
        |number: u64, nanos: u64| clock.admit(Duration::from_nanos(number.saturating_mul(nanos)));
    admit(bytes.len() as u64, NANOS_OF_LOOK)?;
    let (Detect::WasmText, Ok(text)) = (Detect::from_bytes(bytes), str::from_utf8(bytes)) else {
        return Ok(None);
    };
    admit(bytes.len() as u64, NANOS_OF_BYTE)?;
    if clock.has_deadline() {
        admit(blocks_around_names(text), NANOS_OF_BLOCK)?;
    }
    let binary = wat::parse_str(text);
    binary
        .map(Some)
        .map_err(|error| Fault::Text(error.to_string()))
}

/// The number of blocks around each name of a text, added up: a label is looked for in the blocks
/// around it, one after another.
fn blocks_around_names(text: &str) -> u64 {
    let (mut all, mut open) = (0_u64, 0_u64);
    // Whether each open parenthesis is one of a block, which ends with it.
    let mut parens: Vec<bool> = Vec::new();
    let mut after_paren = false;
    // Nothing behind the first invalid token is read.
    for token in Lexer::new(text).iter(0).map_while(Result::ok) {
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment => continue,
            TokenKind::LParen => parens.push(false),
            TokenKind::RParen => open -= open.min(u64::from(parens.pop().unwrap_or(false))),
            TokenKind::Id => all = all.saturating_add(open),
            TokenKind::Keyword => match token.keyword(text) {
                "block" | "loop" | "if" | "try" | "try_table" => {
                    open += 1;
                    if let (true, Some(paren)) = (after_paren, parens.last_mut()) {
                        *paren = true;
                    }
                }
                "end" | "delegate" => open = open.saturating_sub(1),
                "func" if after_paren => open = 0,
                _ => {}
            },
            _ => {}
        }
        after_paren = token.kind == TokenKind::LParen;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::blocks_around_names;

    #[test]
    fn names_are_counted_with_the_blocks_around_them() {
        for (text, expected) in [
            ("", 0),
            ("(func $f block $a br $a end br 0)", 1 + 1),
            (
                "block $a loop $b br $a end br $a end (; $x ;) local.get $x",
                1 + 2 + 2 + 1,
            ),
            (
                "(block $a (loop $b (br $a)) (br $a)) (br $c)",
                1 + 2 + 2 + 1,
            ),
            ("(if $a (i32.const 0) (then (block (nop)) (br $a)))", 1 + 1),
            ("block $a (func $f) (func $g (br $a))", 1),
            ("end end block $a", 1),
            (
                "(data \"block (; $x\") ;; block $x\n (; (; block $x ;) $x ;) block $y",
                1,
            ),
        ] {
            assert_eq!(blocks_around_names(text), expected, "{text}");
        }
    }
}
