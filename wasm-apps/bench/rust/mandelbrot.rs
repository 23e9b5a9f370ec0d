//! The Mandelbrot set on n x n points, at most 50 steps each: f64 arithmetic on a small struct.

use std::ops::{Add, Mul};

const STEPS: u64 = 50;

#[derive(Clone, Copy)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    fn norm_squared(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
}

impl Add for Complex {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            re: self.re + other.re,
            im: self.im + other.im,
        }
    }
}

impl Mul for Complex {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

/// How many steps it takes until the point has escaped.
fn escape(c: Complex) -> u64 {
    let mut z = Complex { re: 0.0, im: 0.0 };
    let mut steps = 0;
    while steps < STEPS && z.norm_squared() <= 4.0 {
        z = z * z + c;
        steps += 1;
    }
    steps
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let size = f64::from(n);
    let mut total = 0;
    for row in 0..n {
        for column in 0..n {
            let c = Complex {
                re: 3.0 * f64::from(column) / size - 2.0,
                im: 2.0 * f64::from(row) / size - 1.0,
            };
            total += escape(c) * (column as u64 + 1);
        }
    }
    total as i64
}
