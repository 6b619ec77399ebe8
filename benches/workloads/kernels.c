/* The workloads written by hand in C: values and gradients. Compiled by the bench, see c.rs. */
#include <math.h>

/* W1: small functions. */
double small_product(const double *restrict x, double *restrict g) {
    double a = x[0], b = x[1];
    g[0] = b + 1;
    g[1] = (b + 1) + (a + b);
    return (a + b) * (b + 1);
}
double small_squares(const double *restrict x, double *restrict g) {
    g[0] = 2 * x[0];
    g[1] = 2 * x[1];
    return x[0] * x[0] + x[1] * x[1];
}

/* W2: Rosenbrock's function of n numbers. */
double rosenbrock(long n, const double *restrict x, double *restrict g) {
    double t = x[1] - x[0] * x[0], u = 1 - x[0], f = 100 * t * t + u * u;
    g[0] = -400 * t * x[0] - 2 * u;
    for (long i = 1; i < n - 1; i++) {
        double t = x[i + 1] - x[i] * x[i], u = 1 - x[i], before = x[i] - x[i - 1] * x[i - 1];
        f += 100 * t * t + u * u;
        g[i] = -400 * t * x[i] - 2 * u + 200 * before;
    }
    g[n - 1] = 200 * (x[n - 1] - x[n - 2] * x[n - 2]);
    return f;
}

/* W3: the product of n numbers. */
double product(long n, const double *restrict x, double *restrict g) {
    double p = 1, s = 1;
    for (long i = 0; i < n; i++) { g[i] = p; p *= x[i]; }
    for (long i = n; i-- > 0;) { g[i] *= s; s *= x[i]; }
    return p;
}

/* W3: the log-sum-exp of m affine functions of n numbers; z has room for m. */
double log_sum_exp(long m, long n, const double *restrict a, const double *restrict b, const double *restrict x,
                   double *restrict z, double *restrict g) {
    double top = -INFINITY, total = 0;
    for (long j = 0; j < m; j++) {
        double s = b[j];
        for (long i = 0; i < n; i++) s += a[j * n + i] * x[i];
        z[j] = s;
        if (s > top) top = s;
    }
    for (long j = 0; j < m; j++) { z[j] = exp(z[j] - top); total += z[j]; }
    for (long i = 0; i < n; i++) g[i] = 0;
    for (long j = 0; j < m; j++) {
        double w = z[j] / total;
        for (long i = 0; i < n; i++) g[i] += w * a[j * n + i];
    }
    return top + log(total);
}

/* W4: logistic regression on n rows of d features, the bias last; two passes with vectors of exponentials between. z and q have
   room for n. */
double logistic(long n, long d, const double *restrict x, const double *restrict y, const double *restrict w,
                double *restrict g, double *restrict z, double *restrict q) {
    double f = 0, bias = 0;
    for (long i = 0; i < n; i++) {
        double s = w[d];
        for (long j = 0; j < d; j++) s += w[j] * x[i * d + j];
        z[i] = s;
    }
    for (long i = 0; i < n; i++) {
        double e = exp(-fabs(z[i]));
        f += (z[i] > 0 ? z[i] : 0) + log(1 + e) - y[i] * z[i];
        q[i] = (z[i] > 0 ? 1 : e) / (1 + e) - y[i];
    }
    for (long j = 0; j < d; j++) g[j] = 0;
    for (long i = 0; i < n; i++) {
        bias += q[i];
        for (long j = 0; j < d; j++) g[j] += q[i] * x[i * d + j];
    }
    for (long j = 0; j < d; j++) g[j] /= n;
    g[d] = bias / n;
    return f / n;
}

/* W5: steps of gradient descent on exclusive or by a network 2-8-1; the loss before the last one. */
double exclusive_or(long steps, double *restrict p, double rate) {
    static const double x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, y[4] = {0, 1, 1, 0};
    double f = 0;
    for (long step = 0; step < steps; step++) {
        double g[33] = {0};
        f = 0;
        for (int i = 0; i < 4; i++) {
            double h[8], z = p[32];
            for (int k = 0; k < 8; k++) h[k] = x[i][0] * p[k] + x[i][1] * p[8 + k] + p[16 + k];
            for (int k = 0; k < 8; k++) h[k] = tanh(h[k]);
            for (int k = 0; k < 8; k++) z += h[k] * p[24 + k];
            double o = 1 / (1 + exp(-z)), e = o - y[i], dz = 0.5 * e * o * (1 - o);
            f += e * e;
            g[32] += dz;
            for (int k = 0; k < 8; k++) {
                double da = dz * p[24 + k] * (1 - h[k] * h[k]);
                g[24 + k] += dz * h[k];
                g[k] += da * x[i][0];
                g[8 + k] += da * x[i][1];
                g[16 + k] += da;
            }
        }
        for (int k = 0; k < 33; k++) p[k] -= rate * g[k];
    }
    return f / 4;
}

/* W6: steps of gradient descent of a cubic on n points; the loss before the last one. */
double cubic(long steps, long n, const double *restrict x, const double *restrict y, double *restrict p, double rate) {
    double f = 0;
    for (long step = 0; step < steps; step++) {
        double g0 = 0, g1 = 0, g2 = 0, g3 = 0, a = p[0], b = p[1], c = p[2], d = p[3];
        f = 0;
        for (long i = 0; i < n; i++) {
            double t = x[i], t2 = t * t, t3 = t2 * t, e = a + b * t + c * t2 + d * t3 - y[i];
            f += e * e; g0 += e; g1 += e * t; g2 += e * t2; g3 += e * t3;
        }
        p[0] -= 2 * rate * g0; p[1] -= 2 * rate * g1; p[2] -= 2 * rate * g2; p[3] -= 2 * rate * g3;
    }
    return f;
}

/* W6: the same on one point a step. */
double cubic_single(long steps, long n, const double *restrict x, const double *restrict y, double *restrict p, double rate) {
    double f = 0;
    for (long s = 0; s < steps; s++) {
        double t = x[s % n], t2 = t * t, t3 = t2 * t, e = p[0] + p[1] * t + p[2] * t2 + p[3] * t3 - y[s % n], q = 2 * rate * e;
        f = e * e;
        p[0] -= q; p[1] -= q * t; p[2] -= q * t2; p[3] -= q * t3;
    }
    return f;
}

/* W1 and W9: an option's price and its five partial derivatives, given Phi and its density at both arguments: at a point, and
   for n rows. */
#define OPTION(NAME, CDF)                                                                                                     \
    static inline __attribute__((always_inline)) double NAME##_at(double s, double k, double r, double v, double t,           \
                                                                  double *g0, double *g1, double *g2, double *g3, double *g4) { \
        double root = sqrt(t), vs = v * root, d1 = (log(s / k) + (r + 0.5 * v * v) * t) / vs, d2 = d1 - vs;                    \
        double discount = exp(-r * t), n1, n2, p1, p2;                                                                        \
        CDF(d1, n1, p1);                                                                                                      \
        CDF(d2, n2, p2);                                                                                                      \
        double ke = k * discount, a2 = -ke * p2, a1 = s * p1 + a2, inverse = 1 / vs;                                          \
        double avs = -a2 - a1 * d1 * inverse, aln = a1 * inverse;                                                             \
        *g0 = n1 + aln / s;                                                                                                   \
        *g1 = -discount * n2 - aln / k;                                                                                       \
        *g2 = ke * n2 * t + aln * t;                                                                                          \
        *g3 = aln * v * t + avs * root;                                                                                       \
        *g4 = ke * n2 * r + aln * (r + 0.5 * v * v) + avs * v * 0.5 / root;                                                   \
        return s * n1 - ke * n2;                                                                                              \
    }                                                                                                                         \
    double NAME##_point(const double *restrict x, double *restrict g) {                                                       \
        return NAME##_at(x[0], x[1], x[2], x[3], x[4], g, g + 1, g + 2, g + 3, g + 4);                                        \
    }                                                                                                                         \
    /* Of parameters, gcc believes that they are apart, and takes vectors. */                                                 \
    static __attribute__((noinline)) void NAME##_columns(                                                                     \
        long n, const double *restrict S, const double *restrict K, const double *restrict R, const double *restrict V,       \
        const double *restrict T, double *restrict P, double *restrict D0, double *restrict D1, double *restrict D2,          \
        double *restrict D3, double *restrict D4) {                                                                           \
        for (long i = 0; i < n; i++)                                                                                          \
            P[i] = NAME##_at(S[i], K[i], R[i], V[i], T[i], D0 + i, D1 + i, D2 + i, D3 + i, D4 + i);                            \
    }                                                                                                                         \
    void NAME(long n, const double *x[5], double *out[6]) {                                                                   \
        NAME##_columns(n, x[0], x[1], x[2], x[3], x[4], out[0], out[1], out[2], out[3], out[4], out[5]);                      \
    }
#define LOGISTIC(d, n, p)                                                                                                     \
    n = 1 / (1 + exp(-(d) * (1.5976 + 0.07056 * (d) * (d))));                                                                 \
    p = n * (1 - n) * (1.5976 + 3 * 0.07056 * (d) * (d))
#define NORMAL(d, n, p)                                                                                                       \
    n = 0.5 * (1 + erf((d) * 0.70710678118654752440));                                                                        \
    p = 0.3989422804014327 * exp(-0.5 * (d) * (d))
OPTION(option_logistic, LOGISTIC)
OPTION(option_erf, NORMAL)
