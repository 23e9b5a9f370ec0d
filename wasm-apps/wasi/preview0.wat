;; preview0: a program of WASI preview 0 (`wasi_unstable`). It does what preview 1 lays out
;; differently: fd_seek numbers its origins otherwise, a filestat is shorter, a subscription to a
;; clock longer. It makes and removes `preview0.txt` in descriptor 3, says `preview 0: ok`, and ends
;; with 0; or with the number of the first step that gave something else.
(module
  (import "wasi_unstable" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_unstable" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_unstable" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_unstable" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_unstable" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)

  (data (i32.const 0) "preview0.txt")
  (data (i32.const 16) "0123456789")
  (data (i32.const 32) "preview 0: ok\n")

  ;; Where answers go: a number, a buffer, a filestat, a subscription, an event.
  (global $out i32 (i32.const 64))
  (global $iovec i32 (i32.const 80))
  (global $buffer i32 (i32.const 96))
  (global $filestat i32 (i32.const 128))
  (global $subscription i32 (i32.const 256))
  (global $event i32 (i32.const 384))

  ;; What a byte holds that no call may change.
  (global $untouched i32 (i32.const 0xaa))

  ;; The origins of fd_seek in preview 0; preview 1 has SET first.
  (global $cur i32 (i32.const 0))
  (global $end i32 (i32.const 1))
  (global $set i32 (i32.const 2))

  (func $expect (param $step i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $step)) unreachable)))

  (func $iovec_of (param $at i32) (param $length i32) (result i32)
    (i32.store (global.get $iovec) (local.get $at))
    (i32.store offset=4 (global.get $iovec) (local.get $length))
    (global.get $iovec))

  ;; Seeks, and whether the answer is `place`.
  (func $seeks_to (param $fd i32) (param $by i64) (param $origin i32) (param $place i64) (result i32)
    (i64.store (global.get $out) (i64.const -1))
    (if (call $fd_seek (local.get $fd) (local.get $by) (local.get $origin) (global.get $out))
      (then (return (i32.const 0))))
    (i64.eq (i64.load (global.get $out)) (local.get $place)))

  ;; Whether a filestat is that of the file of ten bytes and one link, and 56 bytes long.
  (func $is_filestat (result i32)
    (i32.and
      (i32.and
        (i32.eq (i32.load8_u offset=16 (global.get $filestat)) (i32.const 4))
        (i32.eq (i32.load offset=20 (global.get $filestat)) (i32.const 1)))
      (i32.and
        (i64.eq (i64.load offset=24 (global.get $filestat)) (i64.const 10))
        (i32.eq (i32.load8_u offset=56 (global.get $filestat)) (global.get $untouched)))))

  (func $nanos (result i64)
    (call $expect (i32.const 40)
      (i32.eqz (call $clock_time_get (i32.const 1) (i64.const 0) (global.get $out))))
    (i64.load (global.get $out)))

  (func $files (local $fd i32)
    ;; CREAT and TRUNC; FD_READ, FD_SEEK, FD_WRITE, FD_FILESTAT_GET.
    (call $expect (i32.const 1)
      (i32.eqz (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 12)
        (i32.const 9) (i64.const 0x200046) (i64.const 0) (i32.const 0) (global.get $out))))
    (local.set $fd (i32.load (global.get $out)))
    (call $expect (i32.const 2)
      (i32.eqz (call $fd_write (local.get $fd) (call $iovec_of (i32.const 16) (i32.const 10))
        (i32.const 1) (global.get $out))))
    (call $expect (i32.const 3) (i32.eq (i32.load (global.get $out)) (i32.const 10)))

    (call $expect (i32.const 10)
      (call $seeks_to (local.get $fd) (i64.const 0) (global.get $cur) (i64.const 10)))
    (call $expect (i32.const 11)
      (call $seeks_to (local.get $fd) (i64.const -3) (global.get $end) (i64.const 7)))
    (call $expect (i32.const 12)
      (call $seeks_to (local.get $fd) (i64.const 4) (global.get $set) (i64.const 4)))
    (call $expect (i32.const 13)
      (call $seeks_to (local.get $fd) (i64.const 2) (global.get $cur) (i64.const 6)))
    (call $expect (i32.const 14)
      (i32.eqz (call $fd_read (local.get $fd) (call $iovec_of (global.get $buffer) (i32.const 4))
        (i32.const 1) (global.get $out))))
    (call $expect (i32.const 15) (i32.eq (i32.load (global.get $out)) (i32.const 4)))
    (call $expect (i32.const 16)
      (i32.eq (i32.load (global.get $buffer)) (i32.load (i32.const 22))))

    (memory.fill (global.get $filestat) (global.get $untouched) (i32.const 80))
    (call $expect (i32.const 20)
      (i32.eqz (call $fd_filestat_get (local.get $fd) (global.get $filestat))))
    (call $expect (i32.const 21) (call $is_filestat))
    (memory.fill (global.get $filestat) (global.get $untouched) (i32.const 80))
    (call $expect (i32.const 22)
      (i32.eqz (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 12)
        (global.get $filestat))))
    (call $expect (i32.const 23) (call $is_filestat))

    (call $expect (i32.const 30) (i32.eqz (call $fd_close (local.get $fd))))
    (call $expect (i32.const 31)
      (i32.eqz (call $path_unlink_file (i32.const 3) (i32.const 0) (i32.const 12)))))

  ;; Waits five milliseconds on the monotonic clock.
  (func $waiting (local $start i64)
    (local.set $start (call $nanos))
    (i64.store (global.get $subscription) (i64.const 0x1122334455667788))
    (i64.store offset=16 (global.get $subscription) (i64.const 77)) ;; identifier, gone in preview 1
    (i32.store offset=24 (global.get $subscription) (i32.const 1))
    (i64.store offset=32 (global.get $subscription) (i64.const 5000000))
    (call $expect (i32.const 41)
      (i32.eqz (call $poll_oneoff (global.get $subscription) (global.get $event) (i32.const 1)
        (global.get $out))))
    (call $expect (i32.const 42) (i32.eq (i32.load (global.get $out)) (i32.const 1)))
    (call $expect (i32.const 43)
      (i64.eq (i64.load (global.get $event)) (i64.const 0x1122334455667788)))
    ;; No errno, and the type is that of a clock.
    (call $expect (i32.const 44) (i32.eqz (i32.load16_u offset=8 (global.get $event))))
    (call $expect (i32.const 45) (i32.eqz (i32.load8_u offset=10 (global.get $event))))
    (call $expect (i32.const 46)
      (i64.ge_u (i64.sub (call $nanos) (local.get $start)) (i64.const 5000000))))

  (func (export "_start")
    (call $files)
    (call $waiting)
    (call $expect (i32.const 50)
      (i32.eqz (call $fd_write (i32.const 1) (call $iovec_of (i32.const 32) (i32.const 14))
        (i32.const 1) (global.get $out))))
    (call $proc_exit (i32.const 0))))
