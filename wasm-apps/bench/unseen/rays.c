// A picture of n x n points of five spheres with shadows and one reflection, by tracing rays: f64 in
// structures, square roots, branches that depend on them.

#include "../kernel.h"

typedef struct {
    f64 x, y, z;
} vec;

typedef struct {
    vec centre;
    f64 radius, shine;
} sphere;

static const sphere SPHERES[5] = {
    {{0, 0, 6}, 1.5, 0.4},   {{2, 1, 5}, 0.8, 0.2},      {{-2, -1, 4}, 0.6, 0.6},
    {{0.5, -1.5, 3}, 0.4, 0}, {{0, -102, 5}, 100, 0.1},
};

static inline f64 dot(vec a, vec b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline vec along(vec from, vec way, f64 far) {
    return (vec){from.x + way.x * far, from.y + way.y * far, from.z + way.z * far};
}

static inline vec unit(vec a) {
    f64 scale = 1 / __builtin_sqrt(dot(a, a));
    return (vec){a.x * scale, a.y * scale, a.z * scale};
}

// How far the nearest sphere is along a ray, and which; -1 where there is none.
static NOINLINE i32 nearest(const vec *from, const vec *way, f64 *far) {
    i32 found = -1;
    *far = 1e30;
    for (i32 i = 0; i < 5; i++) {
        vec to = along(SPHERES[i].centre, *from, -1);
        f64 middle = dot(to, *way);
        f64 inside = SPHERES[i].radius * SPHERES[i].radius - dot(to, to) + middle * middle;
        if (inside <= 0) {
            continue;
        }
        f64 distance = middle - __builtin_sqrt(inside);
        if (distance > 1e-6 && distance < *far) {
            *far = distance;
            found = i;
        }
    }
    return found;
}

static f64 light_of(vec from, vec way, i32 depth) {
    f64 far;
    i32 hit = nearest(&from, &way, &far);
    if (hit < 0) {
        return 0.3 + 0.2 * way.y;
    }
    vec point = along(from, way, far);
    vec normal = unit(along(point, SPHERES[hit].centre, -1));
    vec sun = {0.57735, 0.57735, -0.57735};
    f64 light = 0.1, bright = dot(normal, sun);
    if (bright > 0 && nearest(&point, &sun, &far) < 0) {
        light += 0.8 * bright;
    }
    if (depth > 0 && SPHERES[hit].shine > 0) {
        vec back = along(way, normal, -2 * dot(way, normal));
        light += SPHERES[hit].shine * light_of(point, back, depth - 1);
    }
    return light;
}

KERNEL {
    u64 sum = CHECKSUM_START;
    for (i32 y = 0; y < n; y++) {
        for (i32 x = 0; x < n; x++) {
            vec way = {(f64)(2 * x - n) / n, (f64)(n - 2 * y) / n, 1.5};
            f64 light = light_of((vec){0, 0, -1}, unit(way), 2);
            sum = checksum(sum, light >= 1 ? 255 : (u64)(i64)(light * 255));
        }
    }
    return (i64)sum;
}
