// The sun and four planets under their gravity for n steps: f64 arithmetic with a square root.

#include "kernel.h"

#define BODIES 5
#define PI 3.141592653589793
#define SOLAR_MASS (4 * PI * PI)
#define YEAR 365.24

typedef struct {
    f64 x, y, z, vx, vy, vz, mass;
} Body;

// Positions in astronomical units, velocities in units a day, masses in solar masses: the sun,
// Jupiter, Saturn, Uranus, Neptune.
static const f64 SKY[BODIES][7] = {
    {0, 0, 0, 0, 0, 0, 1},
    {4.84143144246472090, -1.16032004402742839, -0.103622044471123109, 0.00166007664274403694,
     0.00769901118419740425, -0.0000690460016972063023, 0.000954791938424326609},
    {8.34336671824457987, 4.12479856412430479, -0.403523417114321381, -0.00276742510726411048,
     0.00499852801234917238, 0.0000230417297573763929, 0.000285885980666130812},
    {12.8943695621391310, -15.1111514016986312, -0.223307578892655734, 0.00296460137564761618,
     0.00237847173959480950, -0.0000296589568540237556, 0.0000436624404335156298},
    {15.3796971148509165, -25.9193146099879641, 0.179258772950371181, 0.00268067772490389322,
     0.00162824170038242295, -0.0000951592254519715870, 0.0000515138902046611451},
};

static Body bodies[BODIES];

static void begin(void) {
    for (i32 i = 0; i < BODIES; i++) {
        const f64 *from = SKY[i];
        bodies[i] = (Body){from[0],        from[1],        from[2],        from[3] * YEAR,
                           from[4] * YEAR, from[5] * YEAR, from[6] * SOLAR_MASS};
    }
    // The sun moves so that the whole has no momentum.
    for (i32 i = 1; i < BODIES; i++) {
        bodies[0].vx -= bodies[i].vx * bodies[i].mass / SOLAR_MASS;
        bodies[0].vy -= bodies[i].vy * bodies[i].mass / SOLAR_MASS;
        bodies[0].vz -= bodies[i].vz * bodies[i].mass / SOLAR_MASS;
    }
}

static NOINLINE void advance(f64 step) {
#pragma clang loop unroll(disable)
    for (i32 i = 0; i < BODIES; i++) {
        Body *a = &bodies[i];
#pragma clang loop unroll(disable)
        for (i32 k = i + 1; k < BODIES; k++) {
            Body *b = &bodies[k];
            f64 dx = a->x - b->x;
            f64 dy = a->y - b->y;
            f64 dz = a->z - b->z;
            f64 square = dx * dx + dy * dy + dz * dz;
            f64 pull = step / (square * __builtin_sqrt(square));
            a->vx -= dx * b->mass * pull;
            a->vy -= dy * b->mass * pull;
            a->vz -= dz * b->mass * pull;
            b->vx += dx * a->mass * pull;
            b->vy += dy * a->mass * pull;
            b->vz += dz * a->mass * pull;
        }
    }
#pragma clang loop unroll(disable)
    for (i32 i = 0; i < BODIES; i++) {
        Body *a = &bodies[i];
        a->x += step * a->vx;
        a->y += step * a->vy;
        a->z += step * a->vz;
    }
}

static f64 energy(void) {
    f64 sum = 0;
    for (i32 i = 0; i < BODIES; i++) {
        const Body *a = &bodies[i];
        sum += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
        for (i32 k = i + 1; k < BODIES; k++) {
            const Body *b = &bodies[k];
            f64 dx = a->x - b->x;
            f64 dy = a->y - b->y;
            f64 dz = a->z - b->z;
            sum -= a->mass * b->mass / __builtin_sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return sum;
}

KERNEL {
    begin();
    for (i32 i = 0; i < n; i++) {
        advance(0.01);
    }
    return (i64)bits_of(energy());
}
