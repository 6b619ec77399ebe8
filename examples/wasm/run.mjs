// Calls the exports of lib.rs, and checks what they give.
import { readFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const { gradient, slope } = instance.exports;

function close(what, got, expected) {
    console.log(`${what} = ${got}`);
    if (!(Math.abs(got - expected) <= 1e-12 * Math.abs(expected))) {
        throw new Error(`${what} is ${got}, not ${expected}`);
    }
}

const [x, y] = [1.2, 1.0];
close("f(1.2, 1)", gradient(x, y, 0), (1 - x) ** 2 + 100 * (y - x * x) ** 2);
close("∂f/∂x", gradient(x, y, 1), -2 * (1 - x) - 400 * x * (y - x * x));
close("∂f/∂y", gradient(x, y, 2), 200 * (y - x * x));
close("the slope of 2x − 1, fitted", slope(200), 2);
