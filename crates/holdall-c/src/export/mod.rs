//! `wasm_export.h`: the interface of the multi-module document.
