;; Prints a fraction in its lowest terms.
(module
  (import "numbers@1.0" "gcd" (func $gcd (param i64 i64) (result i64)))
  (import "host" "print" (func $print (param i64)))
  (func (export "reduce") (param $numerator i64) (param $denominator i64)
    (local $common i64)
    (local.set $common (call $gcd (local.get $numerator) (local.get $denominator)))
    (call $print (i64.div_u (local.get $numerator) (local.get $common)))
    (call $print (i64.div_u (local.get $denominator) (local.get $common)))))
