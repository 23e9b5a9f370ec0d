;; The caller of benches/calls.rs: a loop for each way of a call, n times around. What stands in each
;; loop besides the call is the same, so that the loop without a call can be subtracted.
(module
  (type $step (func (param i32) (result i32)))
  (import "callee" "step" (func $across (type $step)))
  (import "host" "step" (func $host (type $step)))
  (table 2 2 funcref)
  (elem (i32.const 0) $inside $across)

  (func $inside (type $step)
    (i32.add (local.get 0) (i32.const 1)))

  (func (export "empty"))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))

  (func (export "loop_none") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (i32.add (local.get $value) (i32.const 1)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "loop_inside") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (call $inside (local.get $value)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "loop_across") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (call $across (local.get $value)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "loop_indirect") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (call_indirect (type $step) (local.get $value) (i32.const 0)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "loop_indirect_across") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (call_indirect (type $step) (local.get $value) (i32.const 1)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "loop_host") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (call $host (local.get $value)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value)))
