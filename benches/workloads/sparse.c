/* W2: the lower triangle of the Hessian of Rosenbrock's function of n numbers; its diagonal and what is below it. */
void rosenbrock_hessian(long n, const double *restrict x, double *restrict d, double *restrict o) {
    d[0] = 1200 * x[0] * x[0] - 400 * x[1] + 2;
    for (long i = 1; i < n - 1; i++) d[i] = 1200 * x[i] * x[i] - 400 * x[i + 1] + 202;
    d[n - 1] = 200;
    for (long i = 0; i < n - 1; i++) o[i] = -400 * x[i];
}
