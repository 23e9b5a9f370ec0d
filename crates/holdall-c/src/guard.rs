//! Panics end here: none unwinds into C.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of a function that C calls. A panic in the body is a fault of holdall's: the panic hook
/// has told it on standard error, and the function gives `on_panic`.
///
/// What a body that panicked has left half done is the body's own to keep safe: locks of this crate are
/// taken again where a panic has poisoned them.
#[inline]
pub(crate) fn guard<R>(on_panic: R, body: impl FnOnce() -> R) -> R {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(payload) => {
            // The payload's destructor could panic, too.
            std::mem::forget(payload);
            on_panic
        }
    }
}

#[cfg(test)]
mod tests {
    use super::guard;

    #[test]
    fn a_panic_becomes_the_answer_for_panics() {
        struct PanicsAgain;
        impl Drop for PanicsAgain {
            fn drop(&mut self) {
                panic!("the payload's own");
            }
        }
        assert_eq!(guard(1, || 2), 2);
        assert_eq!(guard(1, || panic!("a fault")), 1);
        assert_eq!(guard(1, || std::panic::panic_any(PanicsAgain)), 1);
    }

    /// The one way to be sure that no function was forgotten: all sources are looked through.
    #[test]
    fn every_function_that_c_calls_is_guarded() {
        let mut folders = vec![std::path::PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src"
        ))];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                // Written apart, so that this file has no such function.
                for function in source.split(concat!("#[unsa", "fe(")).skip(1) {
                    let (head, body) = function.split_once("{\n").unwrap();
                    let mut lines = body.lines().map(str::trim);
                    let first = lines.find(|line| !line.starts_with("//"));
                    assert!(
                        first.is_some_and(|line| line.starts_with("guard(")),
                        "{}: a body without guard:{head}",
                        path.display()
                    );
                }
            }
        }
    }
}
