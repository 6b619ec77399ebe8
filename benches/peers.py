#!/usr/bin/env python3
"""The workloads of docs/performance.md in JAX, CasADi and PyTorch, where they are installed.

    python3 benches/peers.py                          # all rows
    python3 benches/peers.py w2 w10                   # rows whose names start with these words, to a point
    python3 benches/peers.py --ours PROGRAM [w2 …]    # beside ours, with ratios: PROGRAM is what `cargo bench --no-run` made

A row is value and gradient, or steps of training as they are named. A figure is the least of several samples of a fifth of a millisecond or
more; with `--ours` it is the median of three rounds, in which ours and theirs take turns. What is not installed is named, and its columns are
left empty. Results are checked against values that do not come from any of these packages.
"""

import importlib
import math
import pathlib
import re
import statistics
import subprocess
import sys
import time

SAMPLES = 15
ROUNDS = 3


def load(name):
    try:
        return importlib.import_module(name), ""
    except Exception as why:  # a broken installation counts as none
        return None, f"{type(why).__name__}: {why}"


numpy, _ = load("numpy")
casadi, NO_CASADI = load("casadi")
jax, NO_JAX = load("jax")
peers_steps = importlib.import_module("peers_steps")
torch, NO_TORCH = load("torch")
if numpy is None:
    jax, NO_JAX = None, NO_JAX or "it needs numpy, which is not installed"
    torch, NO_TORCH = None, NO_TORCH or "it needs numpy, which is not installed"
if jax:
    jax.config.update("jax_enable_x64", True)
if torch:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)


def seconds(run):
    """The least time of a run, over several samples."""
    run()
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            run()
        spent = time.perf_counter() - start
        if spent >= 2e-4:
            break
        count *= 4
    best = spent / count
    for _ in range(SAMPLES):
        start = time.perf_counter()
        for _ in range(count):
            run()
        best = min(best, (time.perf_counter() - start) / count)
    return best


# The mathematics, over whatever arithmetic `m` has.


def small_product(m, x):
    return (x[0] + x[1]) * (x[1] + 1.0)


def squares(m, x):
    return x[0] * x[0] + x[1] * x[1]


def priced(m, x, cdf):
    s, k, r, v, t = (x[i] for i in range(5))
    vs = v * m.sqrt(t)
    d1 = (m.log(s / k) + (r + v * v * 0.5) * t) / vs
    return s * cdf(d1) - k * m.exp(-(r * t)) * cdf(d1 - vs)


def option(m, x):
    return priced(m, x, lambda d: 1.0 / (1.0 + m.exp(-(d * (1.5976 + 0.07056 * (d * d))))))


def option_erf(m, x):
    return priced(m, x, lambda d: (1.0 + error_function(m)(d * math.sqrt(0.5))) * 0.5)


def error_function(m):
    return jax.scipy.special.erf if jax and m is jax.numpy else m.erf


def rosenbrock(m, x):
    a, b = x[:-1], x[1:]
    return m.sum(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2)


def product(m, x):
    return m.prod(x)


def log_sum_exp(m, x, a, b):
    z = b + a @ x
    top = m.max(z)
    return top + m.log(m.sum(m.exp(z - top)))


def logistic(m, w, x, y):
    z = x @ w[:30] + w[30]
    return m.sum(m.log1p(m.exp(-m.abs(z))) + (z + m.abs(z)) * 0.5 - y * z) / 569


def exclusive_or(m, p):
    total = 0.0
    for (a, b), y in zip([(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0]):
        h = m.tanh(a * p[0:8] + b * p[8:16] + p[16:24])
        e = 1.0 / (1.0 + m.exp(-(m.sum(h * p[24:32]) + p[32]))) - y
        total = total + e * e
    return total / 4


def options(m, x):
    """The sum of prices over rows, so that the gradient has every row's partial derivatives."""
    return m.sum(option(m, [x[i] for i in range(5)]))


def options_erf(m, x):
    return m.sum(option_erf(m, [x[i] for i in range(5)]))


def network(n):
    def f(m, x):
        v, k, operations = [x[i] for i in range(8)], 0, 0
        while operations < n:
            i, j, l = k % 8, (3 * k + 1) % 8, (k + 3) % 8
            if i == 7:
                v[i], operations = m.sin(v[j]), operations + 1
            else:
                v[i], operations = 0.9 * v[i] + 0.1 * v[j] * v[l], operations + 4
            k += 1
        total = v[0]
        for term in v[1:]:
            total = total + term
        return total

    return f


class Plain:
    """Python's numbers: what every package is checked against, by central differences."""

    sum, prod, max = staticmethod(math.fsum), staticmethod(math.prod), staticmethod(max)

    def __getattr__(self, name):
        f = abs if name == "abs" else getattr(math, name)
        return lambda x: Vector(map(f, x)) if isinstance(x, list) else f(x)


class Vector(list):
    """A list with as much arithmetic as the formulas need."""

    def __getitem__(self, at):
        found = list.__getitem__(self, at)
        return Vector(found) if isinstance(at, slice) else found

    def each(self, other, f):
        other = other if isinstance(other, list) else [other] * len(self)
        return Vector(f(a, b) for a, b in zip(self, other))

    def __add__(self, other):
        return self.each(other, lambda a, b: a + b)

    def __sub__(self, other):
        return self.each(other, lambda a, b: a - b)

    def __rsub__(self, other):
        return self.each(other, lambda a, b: b - a)

    def __mul__(self, other):
        return self.each(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __rtruediv__(self, other):
        return self.each(other, lambda a, b: b / a)

    def __truediv__(self, other):
        return self.each(other, lambda a, b: a / b)

    __radd__ = __add__

    def __neg__(self):
        return Vector(-a for a in self)

    def __pow__(self, n):
        return Vector(a**n for a in self)


class Matrix(list):
    def __matmul__(self, x):
        return Vector(math.fsum(a * b for a, b in zip(row, x)) for row in self)


def plain(data):
    """A list of numbers or rows as Python's own arithmetic."""
    return Matrix(map(Vector, data)) if isinstance(data[0], list) else Vector(data)


def check(name, f, x, data, value, gradient):
    """The value, and the gradient's first number against a central difference."""
    at = lambda x: f(Plain(), plain(x), *map(plain, data))
    expected = at(x)
    if not math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-12):
        raise SystemExit(f"{name}: the value is {value}, not {expected}")
    first = x[0] if not isinstance(x[0], list) else x[0][0]
    h = 1e-6 * max(1.0, abs(first))
    moved = lambda d: [first + d] + x[1:] if not isinstance(x[0], list) else [[first + d] + x[0][1:]] + x[1:]
    difference = (at(moved(h)) - at(moved(-h))) / (2 * h)
    if not math.isclose(gradient, difference, rel_tol=1e-4, abs_tol=1e-4 * abs(expected) + 1e-9):
        raise SystemExit(f"{name}: the derivative is {gradient}, where a difference gives {difference}")


def by_jax(f, x, data):
    x, data = jax.numpy.array(x), [jax.numpy.array(part) for part in data]
    run = jax.jit(jax.value_and_grad(lambda x: f(jax.numpy, x, *data)))
    value, gradient = run(x)
    return float(value), float(gradient.ravel()[0]), lambda: jax.block_until_ready(run(x))


def by_torch(f, x, data):
    x, data = torch.tensor(x, requires_grad=True), [torch.tensor(part) for part in data]

    def run():
        value = f(torch, x, *data)
        return value, torch.autograd.grad(value, x)[0]

    value, gradient = run()
    return float(value.detach()), float(gradient.ravel()[0]), run


class Symbols:
    """CasADi's names."""

    def __getattr__(self, name):
        names = {"sum": "sum1", "max": "mmax", "abs": "fabs"}
        if name == "prod":
            return lambda x: math.prod(x[i] for i in range(x.shape[0]))
        return getattr(casadi, names.get(name, name))


def by_casadi(f, x, data):
    if isinstance(x[0], list):
        return by_casadi_rows(option if f is options else option_erf, x)
    # Arrays of data stay arrays; what is short becomes scalar operations, which its machine runs faster.
    v = (casadi.MX if data else casadi.SX).sym("x", len(x))
    value = f(Symbols(), v, *map(casadi.DM, data))
    g = casadi.Function("g", [v], [value, casadi.gradient(value, v)])
    point, results = numpy.array(x), (numpy.zeros(1), numpy.zeros(len(x)))
    buffer, run = g.buffer()
    buffer.set_arg(0, memoryview(point))
    for k, result in enumerate(results):
        buffer.set_res(k, memoryview(result))
    run()
    # The buffer knows addresses only: what they belong to lives as long as the closure.
    return float(results[0][0]), float(results[1][0]), lambda kept=(g, buffer, point, results): run()


def by_casadi_rows(f, x):
    """The function of a row, mapped over columns: value and gradient of each row."""
    v = casadi.SX.sym("x", 5)
    value = f(Symbols(), v)
    row = casadi.Function("row", [v], [value, casadi.gradient(value, v)])
    g = row.map(len(x[0]))
    # Its matrices lie column by column, and a row is a column of them.
    point, results = numpy.ascontiguousarray(numpy.array(x).T), (numpy.zeros(len(x[0])), numpy.zeros(5 * len(x[0])))
    run = peers_steps.buffered(g, [point], list(results))
    return math.fsum(results[0]), float(results[1][0]), run


def rows_in_steps(m, x, y, p):
    """W6: the squared error of a cubic."""
    t2 = x * x
    t3 = t2 * x
    e = p[0] + p[1] * x + p[2] * t2 + p[3] * t3 - y
    return m.sum(e * e)


def point(n):
    return [math.sin(i) for i in range(n)]


def breast_cancer():
    """Rows of standardised features, and the classes."""
    path = pathlib.Path(__file__).parent.parent / "data" / "breast_cancer.csv"
    rows = [[float(v) for v in line.split(",")] for line in path.read_text().splitlines()[1:]]
    x = [[0.0] * 30 for _ in rows]
    for k in range(30):
        column = [row[k] for row in rows]
        mean = math.fsum(column) / len(rows)
        deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in column) / len(rows))
        for to, v in zip(x, column):
            to[k] = (v - mean) / deviation
    return [x, [row[30] for row in rows]]


def affine():
    a = [[math.sin(1000 * j + i) / math.sqrt(1000) for i in range(1000)] for j in range(100)]
    return [a, [math.cos(j) for j in range(100)]]


def option_columns(n):
    rows = range(n)
    return [
        [100 + 10 * math.sin(i) for i in rows],
        [105.0] * n,
        [0.05] * n,
        [0.2 + 0.05 * math.cos(i) for i in rows],
        [0.75 + 0.25 * math.sin(2 * i) for i in rows],
    ]


# Name of our row, what, unit, how many the figure is divided by, the function, the point, further data.
GRADIENT = "value and gradient"
ROWS = [
    ("w1.f1.call", GRADIENT, "ns", 1, small_product, [2.0, 1.0], list),
    ("w1.f2.call", GRADIENT, "ns", 1, squares, [3.0, 4.0], list),
    ("w1.bs_l.call", GRADIENT, "ns", 1, option, [100.0, 105.0, 0.05, 0.25, 0.75], list),
    ("w1.bs_erf.call", GRADIENT, "ns", 1, option_erf, [100.0, 105.0, 0.05, 0.25, 0.75], list),
    ("w2.array.1k", GRADIENT, "µs", 1, rosenbrock, point(1000), list),
    ("w2.array.10k", GRADIENT, "µs", 1, rosenbrock, point(10_000), list),
    ("w3.array.product", GRADIENT, "µs", 1, product, [1 + 0.01 * math.sin(i) for i in range(1000)], list),
    ("w3.array.lse", GRADIENT, "µs", 1, log_sum_exp, point(1000), affine),
    ("w4.full", GRADIENT + ", per row", "ns", 569, logistic, [0.1 * math.sin(j) for j in range(31)], breast_cancer),
    ("w9.bs_l", GRADIENT + ", per row", "ns", 1_000_000, options, option_columns(1_000_000), list),
    ("w9.bs_erf", GRADIENT + ", per row", "ns", 1_000_000, options_erf, option_columns(1_000_000), list),
    ("w10.exec.1k", GRADIENT, "µs", 1, network(1000), [0.1 * (i + 1) for i in range(8)], list),
    ("w10.first.100", "from the function to its first value and gradient", "ms", 1, network(100), [0.1 * (i + 1) for i in range(8)], list),
]
# Of a thousand operations one after the other JAX 0.10 gives no result within minutes.
LEFT_OUT = {("w10.exec.1k", "JAX")}
# What is more than one gradient: the work of each peer. (Not in PyTorch.)
STEPS = [
    ("sparse.terms.1k", "the sparse Hessian of W2", "µs", lambda: peers_steps.hessian(jax, casadi)),
    ("w4.epoch", "17 steps on batches of 32", "µs", lambda: peers_steps.epoch(jax, casadi, breast_cancer())),
    ("w5.array", "10,000 steps", "ms", lambda: peers_steps.exclusive_or(jax, casadi, Symbols(), exclusive_or)),
    ("w6.full", "10,000 steps on 2,000 points", "ms", lambda: peers_steps.cubic(jax, casadi, rows_in_steps)),
    ("w6.single", "10,000 steps on a point each", "ms", lambda: peers_steps.single(jax, casadi)),
    ("w7.digits", "an epoch of 28 steps, f32", "ms", lambda: peers_steps.digits(jax)),
    ("w8.mlp", "100 steps, f32", "ms", lambda: peers_steps.classifier(jax)),
    ("w8.ae", "100 steps, f32", "ms", lambda: peers_steps.autoencoder(jax)),
]
UNITS = {"ns": 1e9, "µs": 1e6, "ms": 1e3, "s": 1.0}
PEERS = [("JAX", jax, by_jax, NO_JAX), ("CasADi VM", casadi, by_casadi, NO_CASADI), ("PyTorch", torch, by_torch, NO_TORCH)]


def gradients(name, each, f, x, data):
    """The work of each peer, and how long it took to get there."""
    runs, first, data = {}, {}, data()
    for peer, module, by, _ in PEERS:
        if module is None or (name, peer) in LEFT_OUT:
            continue
        start = time.perf_counter()
        value, gradient, run = by(f, x, data)
        first[peer] = time.perf_counter() - start
        check(f"{name} by {peer}", f, x, data, value, gradient)
        runs[peer] = run
    return runs, first


def ours(program, name):
    """The time of our row, by the bench."""
    root = pathlib.Path(__file__).resolve().parent.parent
    said = subprocess.run([program, "--bench", name], cwd=root, text=True, capture_output=True).stdout
    for line in said.splitlines():
        found = re.match(rf"\s*{re.escape(name)}\s+([0-9.]+) (ns|µs|ms|s)\b", line)
        if found:
            return float(found[1]) / UNITS[found[2]]
    print(f"{program} printed no row {name}", file=sys.stderr)
    return None


def main():
    words, program = sys.argv[1:], None
    if words[:1] == ["--ours"]:
        program, words = words[1], words[2:]
    wants = lambda name: not words or any(f"{name}.".startswith(f"{word}.") for word in words)
    for name, module, _, why in PEERS:
        print(f"{name}: left out ({why})" if module is None else f"{name}: {getattr(module, '__version__', 'of unknown version')}")
    peers = [name for name, module, *_ in PEERS if module]
    if not peers:
        print("None of them is installed (`pip install jax casadi torch`): there is nothing to measure.")
        return
    columns = ["ours"] * bool(program) + [cell for peer in peers for cell in [peer, "÷ ours"][: 1 + bool(program)]]
    print("\n| row | what | " + " | ".join(columns) + " |\n|---|---|" + "---|" * len(columns))

    def show(name, what, unit, our_time, times):
        figure = lambda t: "–" if t is None else f"{t * UNITS[unit]:.3g} {unit}"
        cells = [figure(our_time)] * bool(program)
        for peer in peers:
            cells.append(figure(times.get(peer)))
            if program:
                cells.append("–" if peer not in times or our_time is None else f"{times[peer] / our_time:.3g}")
        print(f"| `{name}` | {what} | " + " | ".join(cells) + " |", flush=True)

    def measure(name, what, unit, each, runs):
        rounds = []
        for _ in range(ROUNDS if program else 1):
            our_time = ours(program, name) if program else None
            rounds.append((our_time, {peer: seconds(run) / each for peer, run in runs.items()}))
        known = [our_time for our_time, _ in rounds if our_time is not None]
        middle = statistics.median(known) if known else None
        show(name, what, unit, middle, {peer: statistics.median(times[peer] for _, times in rounds) for peer in runs})

    for name, what, unit, each, f, x, data in ROWS:
        if wants(name):
            runs, first = gradients(name, each, f, x, data)
            if ".first." in name:
                show(name, what, unit, ours(program, name) if program else None, first)
            else:
                measure(name, what, unit, each, runs)
    for name, what, unit, work in STEPS:
        if wants(name):
            measure(name, what, unit, 1, work())


if __name__ == "__main__":
    main()
