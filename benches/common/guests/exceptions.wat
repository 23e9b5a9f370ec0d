;; The guest of benches/calls.rs that throws: a loop for each case, n times around, and for each the same
;; loop without what is timed.
(module
  (tag $thrown (param i32))

  (func $inside (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1)))

  ;; Throws $value + 1, $depth calls further down.
  (func $down (param $value i32) (param $depth i32)
    (if (i32.eqz (local.get $depth))
      (then (throw $thrown (i32.add (local.get $value) (i32.const 1)))))
    (call $down (local.get $value) (i32.sub (local.get $depth) (i32.const 1))))

  (func (export "none") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (i32.add (local.get $value) (i32.const 1)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "call") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (call $inside (local.get $value)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "try") (param $n i32) (result i32)
    (local $value i32)
    (block $caught (result i32)
      (loop $again
        (try_table (catch $thrown $caught)
          (local.set $value (call $inside (local.get $value))))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $value)))

  (func (export "throw") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (block $caught (result i32)
        (try_table (catch $thrown $caught)
          (call $down (local.get $value) (i32.const 9)))
        (unreachable))
      (local.set $value)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "throw_ref") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (block $caught (result i32 exnref)
        (try_table (catch_ref $thrown $caught)
          (call $down (local.get $value) (i32.const 9)))
        (unreachable))
      (drop)
      (local.set $value)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value)))
