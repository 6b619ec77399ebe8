/* A training step of a network of one hidden layer with ReLU, written by hand: what w7 and w8 are measured against. Matrices are
   in row-major order; the product is that of a BLAS library if one was found, and plain loops otherwise. */
#include <math.h>
#define R restrict

typedef void (*sgemm_fn)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
sgemm_fn sgemm = 0;

/* C[m,n] = A·B; A is stored transposed if ta, B if tb. */
static void product(int ta, int tb, int m, int n, int k, const float *R a, const float *R b, float *R c) {
    if (sgemm) {
        sgemm(101, ta ? 112 : 111, tb ? 112 : 111, m, n, k, 1.f, a, ta ? m : k, b, tb ? k : n, 0.f, c, n);
        return;
    }
    for (int i = 0; i < m; i++) {
        float *row = c + (long)i * n;
        if (tb) {
            for (int j = 0; j < n; j++) {
                float sum = 0;
                for (int p = 0; p < k; p++) sum += a[ta ? (long)p * m + i : (long)i * k + p] * b[(long)j * k + p];
                row[j] = sum;
            }
        } else {
            for (int j = 0; j < n; j++) row[j] = 0;
            for (int p = 0; p < k; p++) {
                float f = a[ta ? (long)p * m + i : (long)i * k + p];
                for (int j = 0; j < n; j++) row[j] += f * b[(long)p * n + j];
            }
        }
    }
}

/* One step of gradient descent on `rows` rows. Softmax and cross-entropy over the labels, or, without labels, the mean squared
   distance to the input. Gives the loss before the step. */
float step(int rows, int in, int hidden, int out, const float *R x, const float *R labels, float *R w1, float *R b1, float *R w2,
           float *R b2, float *R space, float rate) {
    float *h = space, *o = h + rows * hidden, *dh = o + rows * out, *g1 = dh + rows * hidden, *g2 = g1 + (long)in * hidden;
    float loss = 0;
    product(0, 0, rows, hidden, in, x, w1, h);
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < hidden; k++) {
            float t = h[i * hidden + k] + b1[k];
            h[i * hidden + k] = t > 0 ? t : 0;
        }
    product(0, 0, rows, out, hidden, h, w2, o);
    if (labels) {
        for (int i = 0; i < rows; i++) {
            float *q = o + i * out, most = -1e30f, sum = 0;
            for (int k = 0; k < out; k++) {
                q[k] += b2[k];
                if (q[k] > most) most = q[k];
            }
            int label = (int)labels[i];
            float of_label = q[label];
            for (int k = 0; k < out; k++) {
                q[k] = expf(q[k] - most);
                sum += q[k];
            }
            loss += most + logf(sum) - of_label;
            float scale = 1.f / (sum * rows);
            for (int k = 0; k < out; k++) q[k] *= scale;
            q[label] -= 1.f / rows;
        }
        loss /= rows;
    } else {
        float scale = 2.f / ((float)rows * out);
        for (int i = 0; i < rows; i++)
            for (int k = 0; k < out; k++) {
                float e = o[i * out + k] + b2[k] - x[i * out + k];
                loss += e * e;
                o[i * out + k] = scale * e;
            }
        loss /= (float)rows * out;
    }
    product(1, 0, hidden, out, rows, h, o, g2);
    product(0, 1, rows, hidden, out, o, w2, dh);
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < out; k++) b2[k] -= rate * o[i * out + k];
    for (int i = 0; i < rows * hidden; i++) dh[i] = h[i] > 0 ? dh[i] : 0;
    product(1, 0, in, hidden, rows, x, dh, g1);
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < hidden; k++) b1[k] -= rate * dh[i * hidden + k];
    for (long i = 0; i < (long)in * hidden; i++) w1[i] -= rate * g1[i];
    for (long i = 0; i < (long)hidden * out; i++) w2[i] -= rate * g2[i];
    return loss;
}
