/* How far numbers are from exact values, by the 113-bit arithmetic of the C library. Compiled by the test, see quad.rs. */
#define _GNU_SOURCE
#include <math.h>

typedef _Float128 quad;

/* The distance of a number from the exact value r, in units of the last place of r in a width of so many digits, whose smallest
   normal number is 2^smallest. An infinity is as the number that follows the largest one. */
static double distance(double got, quad r, int digits, int smallest) {
    if (r != r) return got != got ? 0 : INFINITY;
    quad top = ldexpf128(1, 2 - smallest), a = fabsf128(r);
    if (isinf(got) && a >= top) return got > 0 ? (r > 0 ? 0 : INFINITY) : (r < 0 ? 0 : INFINITY);
    if (a == 0) return got == 0 ? 0 : INFINITY;
    int e = ilogbf128(a);
    if (e < smallest) e = smallest;
    if (e > 1 - smallest) e = 1 - smallest;
    quad z = isinf(got) ? copysignf128(top, got) : (quad)got;
    return (double)fabsf128(ldexpf128(z - r, digits - e));
}

#define ROW(NAME, VALUE)                                                                                                     \
    void quad_##NAME(long n, const double *xs, const double *ys, const double *got, int digits, int smallest, double *out) { \
        for (long i = 0; i < n; i++) {                                                                                       \
            quad x = xs[i], y = ys[i];                                                                                       \
            (void)y;                                                                                                         \
            out[i] = distance(got[i], VALUE, digits, smallest);                                                              \
        }                                                                                                                    \
    }

static quad sigmoid(quad x) { return 1 / (1 + expf128(-x)); }
static quad logistic_density(quad x) { quad e = expf128(x > 0 ? -x : x); return e / ((1 + e) * (1 + e)); }
static quad sech_squared(quad x) { return 4 * logistic_density(2 * x); }
static quad softplus(quad x) { return x > 0 ? x + log1pf128(expf128(-x)) : log1pf128(expf128(x)); }
static quad norm_cdf(quad x) { return erfcf128(-x * sqrtf128(0.5f128)) / 2; }

ROW(exp, expf128(x))
ROW(exp2, exp2f128(x))
ROW(exp_m1, expm1f128(x))
ROW(ln, logf128(x))
ROW(ln_1p, log1pf128(x))
ROW(log2, log2f128(x))
ROW(log10, log10f128(x))
ROW(sin, sinf128(x))
ROW(cos, cosf128(x))
ROW(tan, tanf128(x))
ROW(sinh, sinhf128(x))
ROW(cosh, coshf128(x))
ROW(tanh, tanhf128(x))
ROW(sech_squared, sech_squared(x))
ROW(sigmoid, sigmoid(x))
ROW(logistic_density, logistic_density(x))
ROW(softplus, softplus(x))
ROW(asin, asinf128(x))
ROW(acos, acosf128(x))
ROW(atan, atanf128(x))
ROW(atan2, atan2f128(x, y))
ROW(hypot, hypotf128(x, y))
ROW(asinh, asinhf128(x))
ROW(acosh, acoshf128(x))
ROW(atanh, atanhf128(x))
ROW(cbrt, cbrtf128(x))
ROW(powf, powf128(x, y))
ROW(powi, powf128(x, y))
ROW(erf, erff128(x))
ROW(erfc, erfcf128(x))
ROW(norm_cdf, norm_cdf(x))
ROW(lgamma, lgammaf128(x))
