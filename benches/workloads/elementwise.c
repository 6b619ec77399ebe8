/* One function over arrays, by the platform's vector mathematics. Compiled by the bench, see c.rs. */
#include <math.h>

#define OVER_ARRAY(NAME, CALL)                                              \
    void NAME(long n, const double *restrict x, double *restrict y) {       \
        for (long i = 0; i < n; i++) y[i] = CALL(x[i]);                     \
    }
OVER_ARRAY(array_exp, exp)
OVER_ARRAY(array_ln, log)
OVER_ARRAY(array_sin, sin)
OVER_ARRAY(array_tanh, tanh)
OVER_ARRAY(array_erf, erf)
