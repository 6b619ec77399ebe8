"""Rows of benches/peers.py that are more than one gradient: steps of training, and a sparse Hessian.

Each function gives, for every peer by name, a function without arguments that does the work once. Before, the results were checked by numpy,
with derivatives written by hand.
"""

import gzip
import math
import pathlib

try:
    import numpy as np
except ImportError:  # peers.py says so
    np = None


def close(what, got, wanted, within):
    got, wanted = np.asarray(got, dtype=float), np.asarray(wanted, dtype=float)
    if not np.all(np.abs(got - wanted) <= within * np.max(np.abs(wanted))):
        raise SystemExit(f"{what}: {got} where {wanted} is expected")


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def hessian(jax, casadi):
    """W2: what is not 0 of the Hessian of Rosenbrock's function, the diagonal and one beside it."""
    n = 1000
    x = np.sin(np.arange(n))
    diagonal = np.zeros(n)
    diagonal[:-1] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    beside = -400 * x[:-1]
    runs = {}
    if jax:
        jnp = jax.numpy
        f = lambda x: jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
        # Columns k, k + 3, k + 6, … have no row in common: three products, and each entry from the one that has it.
        seeds = jnp.array([[float(i % 3 == k) for i in range(n)] for k in range(3)])
        rows = jnp.arange(n)
        point = jnp.array(x)

        @jax.jit
        def entries(x):
            products = jax.vmap(lambda v: jax.jvp(jax.grad(f), (x,), (v,))[1])(seeds)
            return products[rows % 3, rows], products[rows[1:] % 3, rows[:-1]]

        a, b = entries(point)
        close("w2.hessian by JAX", a, diagonal, 1e-12)
        close("w2.hessian by JAX", b, beside, 1e-12)
        runs["JAX"] = lambda: jax.block_until_ready(entries(point))
    if casadi:
        v = casadi.SX.sym("x", n)
        f = casadi.sum1(100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2)
        h = casadi.Function("h", [v], [casadi.tril(casadi.hessian(f, v)[0])])
        result = np.zeros(h.nnz_out(0))
        # Column by column: of each the diagonal and the entry below.
        runs["CasADi VM"] = buffered(h, [x], [result])
        close("w2.hessian by CasADi", result[0::2], diagonal, 1e-12)
        close("w2.hessian by CasADi", result[1::2], beside, 1e-12)
    return runs


def buffered(function, inputs, outputs):
    """A call of CasADi's virtual machine on arrays where they are."""
    buffer, run = function.buffer()
    for k, array in enumerate(inputs):
        buffer.set_arg(k, memoryview(array))
    for k, array in enumerate(outputs):
        buffer.set_res(k, memoryview(array))
    run()
    # The buffer knows addresses only: what they belong to lives as long as the closure.
    return lambda kept=(function, buffer, inputs, outputs): run()


def epoch(jax, casadi, data):
    """W4: an epoch of 17 steps on batches of 32."""
    x, y = np.array(data[0])[:544].reshape(17, 32, 30), np.array(data[1])[:544].reshape(17, 32)
    start = 0.1 * np.sin(np.arange(31))
    w = start.copy()
    for rows, classes in zip(x, y):
        e = (sigmoid(rows @ w[:30] + w[30]) - classes) / 32
        w -= 0.1 * np.append(e @ rows, e.sum())
    runs = {}
    if jax:
        jnp = jax.numpy

        def loss(w, rows, classes):
            z = rows @ w[:30] + w[30]
            return jnp.mean(jax.nn.softplus(z) - classes * z)

        step = lambda w, batch: (w - 0.1 * jax.grad(loss)(w, *batch), None)
        run = jax.jit(lambda w, x, y: jax.lax.scan(step, w, (x, y))[0])
        arguments = (jnp.array(start), jnp.array(x), jnp.array(y))
        close("w4.epoch by JAX", run(*arguments), w, 1e-9)
        runs["JAX"] = lambda: jax.block_until_ready(run(*arguments))
    if casadi:
        p, rows, classes = casadi.MX.sym("p", 31), casadi.MX.sym("x", 32, 30), casadi.MX.sym("y", 32)
        z = rows @ p[:30] + p[30]
        loss = casadi.sum1(casadi.log1p(casadi.exp(-casadi.fabs(z))) + (z + casadi.fabs(z)) / 2 - classes * z) / 32
        step = casadi.Function("step", [p, rows, classes], [p - 0.1 * casadi.gradient(loss, p)]).mapaccum("steps", 17)
        # Its matrices lie column by column.
        columns = np.ascontiguousarray(np.concatenate([batch.T.reshape(-1) for batch in x]))
        result = np.zeros(17 * 31)
        runs["CasADi VM"] = buffered(step, [start, columns, np.ascontiguousarray(y.reshape(-1))], [result])
        close("w4.epoch by CasADi", result[-31:], w, 1e-9)
    return runs


def exclusive_or(jax, casadi, symbols, loss):
    """W5: 10,000 steps of the network 2-8-1 on all four rows. The loss then is known from C."""
    start = np.sin(np.arange(1, 34))
    runs = {}
    if jax:
        step = lambda _, p: p - 0.5 * jax.grad(lambda p: loss(jax.numpy, p))(p)
        run = jax.jit(lambda p: jax.lax.fori_loop(0, 10_000, step, p))
        point = jax.numpy.array(start)
        close("w5 by JAX", [loss(jax.numpy, run(point))], [1.02788e-4], 1e-4)
        runs["JAX"] = lambda: jax.block_until_ready(run(point))
    if casadi:
        p = casadi.SX.sym("p", 33)
        step = casadi.Function("step", [p], [p - 0.5 * casadi.gradient(loss(symbols, p), p)])
        runs["CasADi VM"], result = many(step, start, 10_000)
        value = casadi.Function("value", [p], [loss(symbols, p)])
        close("w5 by CasADi", [float(value(result))], [1.02788e-4], 1e-4)
    return runs


def many(step, start, times):
    """A step of CasADi's, again and again from a start, and what comes out: its virtual machine is called for each."""
    state = start.copy()
    once = buffered(step, [state], [state])

    def run():
        state[:] = start
        for _ in range(times):
            once()

    run()
    return run, state


def cubic(jax, casadi, gradient):
    """W6: 10,000 steps on all of 2,000 points."""
    x = np.linspace(-1.0, 1.0, 2000)
    y = x + 2 * x**2 + 3 * x**3
    runs = {}
    if jax:
        xs, ys = jax.numpy.array(x), jax.numpy.array(y)
        step = lambda _, p: p - 1e-4 * jax.grad(lambda p: gradient(jax.numpy, xs, ys, p))(p)
        run = jax.jit(lambda p: jax.lax.fori_loop(0, 10_000, step, p))
        zero = jax.numpy.zeros(4)
        close("w6 by JAX", run(zero), [0.0, 1.0, 2.0, 3.0], 1e-3)
        runs["JAX"] = lambda: jax.block_until_ready(run(zero))
    if casadi:
        p, xs, ys = casadi.MX.sym("p", 4), casadi.DM(x), casadi.DM(y)
        e = p[0] + p[1] * xs + p[2] * xs**2 + p[3] * xs**3 - ys
        step = casadi.Function("step", [p], [p - 1e-4 * casadi.gradient(casadi.sum1(e * e), p)])
        runs["CasADi VM"], result = many(step, np.zeros(4), 10_000)
        close("w6 by CasADi", result, [0.0, 1.0, 2.0, 3.0], 1e-3)
    return runs


def single(jax, casadi):
    """W6: 10,000 steps, a point each."""
    x = np.linspace(-1.0, 1.0, 2000)
    y = x + 2 * x**2 + 3 * x**3
    known = np.zeros(4)
    for s in range(10_000):
        t = x[s % 2000]
        powers = np.array([1.0, t, t * t, t * t * t])
        known -= 0.01 * 2 * (powers @ known - y[s % 2000]) * powers
    square = lambda p, t, y: (p[0] + p[1] * t + p[2] * t * t + p[3] * t * t * t - y) ** 2
    runs = {}
    if jax:
        xs, ys = jax.numpy.array(x), jax.numpy.array(y)
        step = lambda s, p: p - 0.01 * jax.grad(lambda p: square(p, xs[s % 2000], ys[s % 2000]))(p)
        run = jax.jit(lambda p: jax.lax.fori_loop(0, 10_000, step, p))
        zero = jax.numpy.zeros(4)
        close("w6.single by JAX", run(zero), known, 1e-9)
        runs["JAX"] = lambda: jax.block_until_ready(run(zero))
    if casadi:
        p, t, v = casadi.SX.sym("p", 4), casadi.SX.sym("t"), casadi.SX.sym("y")
        step = casadi.Function("step", [p, t, v], [p - 0.01 * casadi.gradient(square(p, t, v), p)]).mapaccum("steps", 10_000)
        result = np.zeros(40_000)
        runs["CasADi VM"] = buffered(step, [np.zeros(4), np.tile(x, 5), np.tile(y, 5)], [result])
        close("w6.single by CasADi", result[-4:], known, 1e-9)
    return runs


def network(jax, sizes, x, labels, rate, scales, steps):
    """W7 and W8 in f32: steps of a network of one hidden layer on batches of 64. CasADi has no f32."""
    inputs, hidden, outputs = sizes
    waves = lambda n, scale: np.sin(np.arange(1, n + 1)) * scale
    start = [
        waves(inputs * hidden, scales[0]).reshape(inputs, hidden),
        np.zeros(hidden),
        waves(hidden * outputs, scales[1]).reshape(hidden, outputs),
        np.zeros(outputs),
    ]
    batches = x.reshape(-1, 64, inputs)
    wanted = np.eye(10)[labels].reshape(-1, 64, 10) if labels is not None else batches
    # By hand, in f64.
    w1, b1, w2, b2 = (part.copy() for part in start)
    for s in range(steps):
        rows, aims = batches[s % len(batches)].astype(float), wanted[s % len(batches)].astype(float)
        z = rows @ w1 + b1
        h = np.maximum(z, 0)
        o = h @ w2 + b2
        if labels is None:
            d = 2 * (o - aims) / o.size
        else:
            e = np.exp(o - o.max(1, keepdims=True))
            d = (e / e.sum(1, keepdims=True) - aims) / 64
        dz = (d @ w2.T) * (z > 0)
        w2, b2, w1, b1 = w2 - rate * h.T @ d, b2 - rate * d.sum(0), w1 - rate * rows.T @ dz, b1 - rate * dz.sum(0)
    if not jax:
        return {}
    jnp = jax.numpy

    def loss(p, rows, aims):
        w1, b1, w2, b2 = p
        o = jax.nn.relu(rows @ w1 + b1) @ w2 + b2
        if labels is None:
            return jnp.mean((o - aims) ** 2)
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(o) * aims, axis=1))

    def step(p, s):
        slopes = jax.grad(loss)(p, all_rows[s % len(batches)], all_aims[s % len(batches)])
        return [a - jnp.float32(rate) * b for a, b in zip(p, slopes)], None

    all_rows, all_aims = jnp.array(batches, jnp.float32), jnp.array(wanted, jnp.float32)
    p = [jnp.array(part, jnp.float32) for part in start]
    run = jax.jit(lambda p: jax.lax.scan(step, p, jnp.arange(steps))[0])
    for got, by_hand in zip(run(p), [w1, b1, w2, b2]):
        close("a network by JAX", got, by_hand, 1e-2)
    return {"JAX": lambda: jax.block_until_ready(run(p))}


def digits(jax):
    path = pathlib.Path(__file__).parent.parent / "data" / "digits.csv.gz"
    rows = np.array([[float(v) for v in line.split(",")] for line in gzip.open(path, "rt").read().splitlines()])[: 28 * 64]
    return network(jax, [64, 32, 10], rows[:, :64] / 16, rows[:, 64].astype(int), 0.1, [1 / 8, 1 / 6], 28)


def pictures():
    return 0.5 + 0.5 * np.sin(0.37 * np.arange(640 * 784))


def classifier(jax):
    return network(jax, [784, 128, 10], pictures(), np.arange(640) % 10, 0.01, [1 / 28, 1 / math.sqrt(128)], 100)


def autoencoder(jax):
    return network(jax, [784, 64, 784], pictures(), None, 0.1, [1 / 28, 1 / 8], 100)
