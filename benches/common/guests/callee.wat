;; The other module of benches/calls.rs.
(module
  (func (export "step") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1))))
