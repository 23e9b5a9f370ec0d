;; The guest of the WASI calls: a loop for each function, n times around. Each gives how many calls
;; returned the error number that is expected, so what stands in the loops besides the call is the
;; same, and the loop without a call can be subtracted. Those that read or write one byte give zero
;; where the last call did not.
(module
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; At 0 one buffer of one byte, at 64; at 16 the paths; at 48 what functions write.
  (data (i32.const 0) "\40\00\00\00\01\00\00\00")
  (data (i32.const 16) "Cargo.toml" "missing")
  (data (i32.const 64) "x")

  (func (export "none") (param $n i32) (result i32)
    (local $value i32) (local $errno i32)
    (loop $again
      (local.set $value (i32.add (local.get $value) (i32.eq (local.get $errno) (i32.const 0))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "clock_time_get") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (i32.add (local.get $value) (i32.eq
        (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 48))
        (i32.const 0))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  (func (export "fd_write") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (i32.add (local.get $value) (i32.eq
        (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 48))
        (i32.const 0))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.mul (local.get $value) (i32.load (i32.const 48))))

  (func (export "fd_read") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (i32.add (local.get $value) (i32.eq
        (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 48))
        (i32.const 0))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.mul (local.get $value) (i32.load (i32.const 48))))

  ;; Of a file that is there.
  (func (export "path_filestat_get") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (i32.add (local.get $value) (i32.eq
        (call $path_filestat_get
          (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 10) (i32.const 256))
        (i32.const 0))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))

  ;; Of one that is not: ENOENT.
  (func (export "path_filestat_get_missing") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (i32.add (local.get $value) (i32.eq
        (call $path_filestat_get
          (i32.const 3) (i32.const 0) (i32.const 26) (i32.const 7) (i32.const 256))
        (i32.const 44))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value)))
