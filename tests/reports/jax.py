"""Writes jax.json: random array programs, with their values and derivatives by JAX in double precision.

    pip install "jax[cpu]" && python tests/reports/jax.py

A program is a list of steps; each has a name, the values it takes (inputs first, then earlier steps), and numbers. The result is the
sum of the means of all values that no step takes. jax.rs reads the file, and has the same interpreter.
"""

import json
import pathlib
import random
import sys

# This file has the package's name.
sys.path = [path for path in sys.path if pathlib.Path(path or ".").resolve() != pathlib.Path(__file__).resolve().parent]

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

jax.config.update("jax_enable_x64", True)

UNARY = {
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tanh": jnp.tanh,
    "exp": jnp.exp,
    "exp_m1": jnp.expm1,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "atan": jnp.arctan,
    "asinh": jnp.arcsinh,
    "erf": jax.scipy.special.erf,
    "relu": jax.nn.relu,
    "abs": jnp.abs,
    "square": lambda x: x * x,
    "neg": jnp.negative,
}
# Of positive numbers.
POSITIVE = {"sqrt": jnp.sqrt, "ln": jnp.log, "recip": lambda x: 1 / x, "ln_1p": jnp.log1p, "cbrt": jnp.cbrt, "lgamma": jax.scipy.special.gammaln}
BINARY = {
    "add": jnp.add,
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "max": jnp.maximum,
    "min": jnp.minimum,
    "atan2": jnp.arctan2,
    "log_add_exp": jnp.logaddexp,
}
AXIS = {
    "sum": jnp.sum,
    "mean": jnp.mean,
    "max_of": jnp.max,
    "prod": jnp.prod,
    "log_sum_exp": jax.scipy.special.logsumexp,
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
    "cumsum": jnp.cumsum,
    "cumprod": jnp.cumprod,
}


def scan(c, x, w):
    def step(c, x):
        c = jnp.tanh(c * w + x)
        return c, c

    return jax.lax.scan(step, c, x)[1]


def apply(name, x, n):
    if name in UNARY:
        return UNARY[name](x[0])
    if name in POSITIVE:
        return POSITIVE[name](x[0])
    if name in BINARY:
        return BINARY[name](x[0], x[1])
    if name in AXIS:
        return AXIS[name](x[0], axis=n[0])
    return {
        "shift": lambda: x[0] + n[0],
        "scale": lambda: x[0] * n[0],
        "div": lambda: x[0] / x[1],
        "powf": lambda: jnp.power(x[0], x[1]),
        "plus_identity": lambda: x[0] + jnp.eye(x[0].shape[0]),
        "norm": lambda: jnp.sqrt(jnp.sum(x[0] * x[0])),
        "matmul": lambda: x[0] @ x[1],
        "t": lambda: jnp.swapaxes(x[0], -1, -2),
        "reshape": lambda: jnp.reshape(x[0], n),
        "slice": lambda: jax.lax.slice_in_dim(x[0], n[1], n[2], n[3], n[0]),
        "pad": lambda: jnp.pad(x[0], [(n[1], n[2]) if k == n[0] else (0, 0) for k in range(x[0].ndim)]),
        "concat": lambda: jnp.concatenate(x, n[0]),
        "solve": lambda: jnp.linalg.solve(x[0], x[1]),
        "det": lambda: jnp.linalg.det(x[0]),
        "cholesky": lambda: jnp.linalg.cholesky(x[0]),
        "select": lambda: jnp.where(x[0] > x[1], x[2], x[3]),
        "scan": lambda: scan(x[0], x[1], x[2]),
    }[name]()


def call(steps, inputs):
    values = list(inputs)
    for name, of, numbers in steps:
        values.append(apply(name, [values[k] for k in of], numbers))
    used = {k for _, of, _ in steps for k in of}
    return sum(jnp.mean(v) for k, v in enumerate(values) if k not in used)


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        a, b, c = (self.rng.randint(2, 4) for _ in range(3))
        self.shapes = self.rng.choice([[(a, b), (b,), ()], [(a, b), (b, c), (c,)], [(b,), (a, b), (b,)], [(a, a), (a,), (a, b)], [(a, b, c), (c,), (b, c)]])
        draw = lambda shape: np.round(np.array([self.rng.uniform(-1.5, 1.5) for _ in range(int(np.prod(shape)))]).reshape(shape), 3)
        self.inputs = [draw(shape) for shape in self.shapes]
        self.directions = [draw(shape) for shape in self.shapes]
        self.steps = []
        # Shapes, until the program is whole.
        self.values = [jax.eval_shape(lambda x=x: jnp.asarray(x)) for x in self.inputs]

    def push(self, name, of, numbers=()):
        value = jax.eval_shape(lambda *x: apply(name, x, list(numbers)), *[self.values[k] for k in of])
        if value.size > 200:
            raise ValueError
        self.steps.append([name, list(of), list(numbers)])
        self.values.append(value)
        return len(self.values) - 1

    def pick(self, fits=lambda x: True):
        all = [k for k, x in enumerate(self.values) if fits(x)]
        if not all:
            raise ValueError
        # Late values more often.
        return max(self.rng.choice(all), self.rng.choice(all))

    def positive(self, k):
        return self.push("shift", [self.push("square", [k])], [round(self.rng.uniform(0.3, 1.5), 2)])

    def broadcastable(self, k):
        def fits(x):
            try:
                np.broadcast_shapes(x.shape, self.values[k].shape)
                return True
            except ValueError:
                return False

        return self.pick(fits)

    def square_matrix(self):
        k = self.pick(lambda x: x.ndim == 2)
        return self.push("matmul", [k, self.push("t", [k])])

    def step(self):
        rng, v = self.rng, self.values
        kind = rng.choice(["unary", "unary", "positive", "binary", "binary", "div", "powf", "axis", "axis", "matmul", "matmul", "move", "move", "linear", "select", "scan", "scale"])
        if kind == "unary":
            self.push(rng.choice(list(UNARY)), [self.pick()])
        elif kind == "positive":
            self.push(rng.choice(list(POSITIVE)), [self.positive(self.pick())])
        elif kind == "binary":
            k = self.pick()
            self.push(rng.choice(list(BINARY)), [k, self.broadcastable(k)])
        elif kind == "div":
            k = self.pick()
            self.push("div", [k, self.positive(self.broadcastable(k))])
        elif kind == "powf":
            k = self.pick()
            self.push("powf", [self.positive(k), self.broadcastable(k)])
        elif kind == "scale":
            self.push("scale", [self.pick()], [round(rng.uniform(-2, 2), 2)])
        elif kind == "axis":
            k = self.pick(lambda x: x.ndim > 0)
            self.push(rng.choice(list(AXIS)), [k], [rng.randrange(v[k].ndim)])
        elif kind == "matmul":
            k = self.pick(lambda x: x.ndim == 2)
            other = self.pick(lambda x: x.ndim in (1, 2) and x.shape[0] == v[k].shape[1])
            self.push("matmul", [k, other])
        elif kind == "move":
            k = self.pick(lambda x: x.ndim > 0)
            axis = rng.randrange(v[k].ndim)
            n = v[k].shape[axis]
            which = rng.choice(["t", "reshape", "slice", "pad", "concat"])
            if which == "t" and v[k].ndim > 1:
                self.push("t", [k])
            elif which == "reshape":
                self.push("reshape", [k], [v[k].size])
            elif which == "slice":
                start = rng.randrange(n)
                self.push("slice", [k], [axis, start, rng.randint(start + 1, n), rng.randint(1, 2)])
            elif which == "pad":
                self.push("pad", [k], [axis, rng.randint(0, 2), rng.randint(0, 2)])
            else:
                other = self.pick(lambda x: x.ndim == v[k].ndim and all(a == b for i, (a, b) in enumerate(zip(x.shape, v[k].shape)) if i != axis))
                self.push("concat", [k, other], [axis])
        elif kind == "linear":
            a = self.square_matrix()
            n = v[a].shape[0]
            # I + A·Aᵀ is positive definite.
            which = rng.choice(["solve", "det", "cholesky"])
            if which == "solve":
                a = self.push("plus_identity", [a])
                b = self.pick(lambda x: x.ndim in (1, 2) and x.shape[0] == n)
                self.push("solve", [a, b])
            else:
                self.push(which, [self.push("plus_identity", [a])])
        elif kind == "select":
            a, b = self.pick(), self.pick()
            k = self.broadcastable(a)
            if v[a].shape != v[b].shape or v[k].shape != v[a].shape:
                raise ValueError
            self.push("select", [a, k, b, a])
        else:
            x = self.pick(lambda x: x.ndim == 2)
            d = v[x].shape[1]
            c = self.pick(lambda y: y.shape == (d,))
            self.push("scan", [c, x, self.pick(lambda y: y.shape == (d,))])


def make(seed):
    maker = Maker(seed)
    tries = 0
    while len(maker.steps) < 6 + seed % 9:
        steps, values = len(maker.steps), len(maker.values)
        tries += 1
        assert tries < 1000
        try:
            maker.step()
        except ValueError:
            del maker.steps[steps:], maker.values[values:]
    every = tuple(range(len(maker.inputs)))

    @jax.jit
    def all_of_it(x, v):
        f = lambda *x: call(maker.steps, x)
        value, tangent = jax.jvp(f, x, v)
        gradient, product = jax.jvp(jax.grad(f, every), x, v)
        return value, tangent, gradient, product

    value, tangent, gradient, product = all_of_it(tuple(maker.inputs), tuple(maker.directions))
    flat = lambda arrays: [[float(x) for x in np.ravel(a)] for a in arrays]
    numbers = np.concatenate([[value, tangent], *flat(gradient), *flat(product)])
    if not np.all(np.isfinite(numbers)) or np.max(np.abs(numbers)) > 1e4:
        return None
    return {
        "shapes": [list(s) for s in maker.shapes],
        "steps": maker.steps,
        "inputs": flat(maker.inputs),
        "directions": flat(maker.directions),
        "value": float(value),
        "tangent": float(tangent),
        "gradient": flat(gradient),
        "product": flat(product),
    }


programs, seed = [], 0
while len(programs) < 60:
    program = make(seed)
    seed += 1
    if program is not None:
        programs.append(program)
text = json.dumps({"jax": jax.__version__, "programs": programs}, separators=(",", ":")).replace('{"shapes"', '\n{"shapes"') + "\n"
pathlib.Path(__file__).with_name("jax.json").write_text(text)
