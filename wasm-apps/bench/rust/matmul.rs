//! The product of two n x n matrices of f64, by the schoolbook's three loops over checked indices.

mod common;

use std::ops::{Index, IndexMut};

use common::{CHECKSUM_START, Random, checksum};

/// A square matrix, row by row.
struct Matrix {
    size: usize,
    cells: Vec<f64>,
}

impl Matrix {
    fn zero(size: usize) -> Self {
        Self {
            size,
            cells: vec![0.0; size * size],
        }
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;

    fn index(&self, (row, column): (usize, usize)) -> &f64 {
        &self.cells[row * self.size + column]
    }
}

impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut f64 {
        &mut self.cells[row * self.size + column]
    }
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let size = a.size;
    let mut c = Matrix::zero(size);
    for row in 0..size {
        for column in 0..size {
            let mut sum = 0.0;
            for k in 0..size {
                sum += a[(row, k)] * b[(k, column)];
            }
            c[(row, column)] = sum;
        }
    }
    c
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let size = n as usize;
    let mut a = Matrix::zero(size);
    let mut b = Matrix::zero(size);
    let mut random = Random(0x2545_f491);
    let mut cell = || f64::from(random.draw() & 0xffff) / 256.0;
    for (a, b) in a.cells.iter_mut().zip(&mut b.cells) {
        *a = cell();
        *b = cell();
    }
    let c = product(&a, &b);
    c.cells
        .iter()
        .map(|cell| cell.to_bits())
        .fold(CHECKSUM_START, checksum) as i64
}
