;; The greatest common divisor.
(module
  (func (export "gcd") (param $a i64) (param $b i64) (result i64)
    (if (result i64) (i64.eqz (local.get $b))
      (then (local.get $a))
      (else
        (return_call 0
          (local.get $b)
          (i64.rem_u (local.get $a) (local.get $b)))))))
