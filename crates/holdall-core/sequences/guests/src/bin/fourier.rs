//! Fourier transforms of f64, of lengths that are powers of two and of others.
use rustfft::{FftPlanner, num_complex::Complex};
fn main() {
    let mut planner = FftPlanner::new();
    let mut sum = 0.0;
    for turn in 0..guests::size() {
        for length in [1024, 1000, 729, 1009] {
            let mut data: Vec<_> = (0..length)
                .map(|n| Complex::new((n * turn % 97) as f64, 1.0))
                .collect();
            planner.plan_fft_forward(length).process(&mut data);
            planner.plan_fft_inverse(length).process(&mut data);
            sum += data[7].re / length as f64;
        }
    }
    println!("{sum}");
}
