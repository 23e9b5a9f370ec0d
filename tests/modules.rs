//! Tests that are manifests: those of this directory, and those of the examples.

holdall_test::main!("tests/modules", "examples/testing/tests");
