;; A plugin that keeps a journal: it reads a line from its standard input and appends the line to the file
;; `journal.txt`, behind the number of the day. Its host tells it the time.
(module
  (import "env" "now" (func $now (result i64)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open
    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  (memory (export "memory") 1)
  ;; 0: a piece of memory for fd_read and fd_write: its address and its length. 8: a number that calls return.
  (data (i32.const 64) "journal.txt")
  (data (i32.const 128) "journal: keeps a line of its standard input in journal.txt\n")
  (data (i32.const 256) "journal: the line is not kept\n")
  ;; 512: the digits of the day, right before the line, which is at 536.

  ;; The number of the day that a second since 1970 is in.
  (func $day (export "day") (param $second i64) (result i64)
    (i64.div_u (local.get $second) (i64.const 86400)))

  ;; Writes the bytes at an address, and returns whether not all of them were written.
  (func $write (param $fd i32) (param $address i32) (param $length i32) (result i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (return (i32.const 1))))
    (i32.ne (i32.load (i32.const 8)) (local.get $length)))

  ;; Puts the digits of a number and a space before the address 536, and returns where they begin.
  (func $digits (param $number i64) (result i32)
    (local $at i32)
    (local.set $at (i32.const 535))
    (i32.store8 (local.get $at) (i32.const 32))
    (loop $next
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
      (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
      (br_if $next (i64.ne (local.get $number) (i64.const 0))))
    (local.get $at))

  (func (export "_start")
    (local $start i32)
    ;; With an argument beside its name, it prints its help.
    (drop (call $args_sizes_get (i32.const 8) (i32.const 12)))
    (if (i32.gt_u (i32.load (i32.const 8)) (i32.const 1))
      (then
        (drop (call $write (i32.const 1) (i32.const 128) (i32.const 59)))
        (call $proc_exit (i32.const 0))))
    ;; The line, of at most 1,000 bytes.
    (i32.store (i32.const 0) (i32.const 536))
    (i32.store (i32.const 4) (i32.const 1000))
    (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (call $fails)))
    (local.set $start (call $digits (call $day (call $now))))
    ;; Descriptor 3 is the directory that it was given; 64 is the right to write, 1 to create and 1 to append.
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 11)
          (i32.const 1) (i64.const 64) (i64.const 64) (i32.const 1) (i32.const 12))
      (then (call $fails)))
    (if (call $write (i32.load (i32.const 12)) (local.get $start)
          (i32.sub (i32.add (i32.const 536) (i32.load (i32.const 8))) (local.get $start)))
      (then (call $fails))))

  (func $fails
    (drop (call $write (i32.const 2) (i32.const 256) (i32.const 30)))
    (call $proc_exit (i32.const 1))))
