//! The sun and four planets under their gravity for n steps: f64 arithmetic with a square root.

use std::array::from_fn;
use std::f64::consts::PI;

const SOLAR_MASS: f64 = 4.0 * PI * PI;
const YEAR: f64 = 365.24;

type Vector = [f64; 3];

#[derive(Clone)]
struct Body {
    position: Vector,
    velocity: Vector,
    mass: f64,
}

/// Positions in astronomical units, velocities in units a day, masses in solar masses: the sun,
/// Jupiter, Saturn, Uranus, Neptune.
const SKY: [Body; 5] = [
    Body {
        position: [0.0, 0.0, 0.0],
        velocity: [0.0, 0.0, 0.0],
        mass: 1.0,
    },
    Body {
        position: [4.841431442464721, -1.1603200440274284, -0.10362204447112311],
        velocity: [
            0.001660076642744037,
            0.007699011184197404,
            -0.0000690460016972063,
        ],
        mass: 0.0009547919384243266,
    },
    Body {
        position: [8.34336671824458, 4.124798564124305, -0.4035234171143214],
        velocity: [
            -0.0027674251072641104,
            0.004998528012349172,
            0.000023041729757376393,
        ],
        mass: 0.0002858859806661308,
    },
    Body {
        position: [
            12.894369562139131,
            -15.111151401698631,
            -0.22330757889265573,
        ],
        velocity: [
            0.002964601375647616,
            0.0023784717395948095,
            -0.000029658956854023756,
        ],
        mass: 0.00004366244043351563,
    },
    Body {
        position: [15.379697114850917, -25.919314609987964, 0.17925877295037118],
        velocity: [
            0.0026806777249038932,
            0.001628241700382423,
            -0.00009515922545197159,
        ],
        mass: 0.000051513890204661145,
    },
];

fn difference(a: Vector, b: Vector) -> Vector {
    from_fn(|axis| a[axis] - b[axis])
}

fn square(a: Vector) -> f64 {
    a[0] * a[0] + a[1] * a[1] + a[2] * a[2]
}

/// The bodies at the start, with a sun that moves so that the whole has no momentum.
fn begin() -> Vec<Body> {
    let mut bodies = SKY.to_vec();
    for body in &mut bodies {
        body.velocity = body.velocity.map(|speed| speed * YEAR);
        body.mass *= SOLAR_MASS;
    }
    let (sun, planets) = bodies.split_first_mut().expect("there is a sun");
    for planet in planets {
        for (speed, other) in sun.velocity.iter_mut().zip(planet.velocity) {
            *speed -= other * planet.mass / SOLAR_MASS;
        }
    }
    bodies
}

fn advance(bodies: &mut [Body], step: f64) {
    let mut left = &mut *bodies;
    while let [a, rest @ ..] = left {
        for b in rest.iter_mut() {
            let between = difference(a.position, b.position);
            let distance_squared = square(between);
            let pull = step / (distance_squared * distance_squared.sqrt());
            for (axis, along) in between.into_iter().enumerate() {
                a.velocity[axis] -= along * b.mass * pull;
                b.velocity[axis] += along * a.mass * pull;
            }
        }
        left = rest;
    }
    for body in bodies {
        for (place, speed) in body.position.iter_mut().zip(body.velocity) {
            *place += step * speed;
        }
    }
}

fn energy(bodies: &[Body]) -> f64 {
    let mut sum = 0.0;
    for (i, a) in bodies.iter().enumerate() {
        sum += 0.5 * a.mass * square(a.velocity);
        for b in &bodies[i + 1..] {
            sum -= a.mass * b.mass / square(difference(a.position, b.position)).sqrt();
        }
    }
    sum
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let mut bodies = begin();
    for _ in 0..n {
        advance(&mut bodies, 0.01);
    }
    energy(&bodies).to_bits() as i64
}
