#!/usr/bin/env python3
"""GradBench's own evals and tools beside the adapter, in one run: a table of times and of ratios to ours.

    python3 benches/gradbench_suite.py GRADBENCH ADAPTER              # every eval, every tool
    python3 benches/gradbench_suite.py GRADBENCH ADAPTER gmm lse      # these evals

GRADBENCH is a checkout of the suite whose tools `manual`, `tapenade` and `adol-c` have been made (`make -C tools/NAME`; a tool that has no
program for an eval is left out of its rows). Its tool `jax` takes the packages jax, numpy, scipy, pydantic and dataclasses-json.
ADAPTER is the program `gradbench` of `examples/gradbench`.

This script stands between an eval and a tool, as the suite's own intermediary does, and asks each tool three times, by turns. An eval makes
the inputs, and compares results with those of the tool `manual` where there is a comparison. A figure is the median over the three rounds of
the median of the timed runs, of which there are three and more. (The suite takes means. The first run of `jax` compiles.) All tools run on
one thread.
"""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

ROUNDS = 3
TOOLS = ["ours", "manual", "tapenade", "adol-c", "jax"]
# The arguments of an eval, and the functions of its primal and derivative.
EVALS = {
    "gmm": (["-d", "2", "10", "64", "-k", "5", "25"], "objective", "jacobian"),
    "ba": (["--min", "1", "--max", "1"], "objective", "jacobian"),
    "lstm": (["-l", "2", "4", "-c", "1024"], "objective", "jacobian"),
    "ht": (["--model", "small", "--variant", "simple", "--max", "3"], "objective", "jacobian"),
    "kmeans": (["-k", "10", "100", "-n", "10000", "-d", "8"], "cost", "dir"),
    "lse": (["-n", "10000", "160000"], "primal", "gradient"),
    "llsq": (["-n", "128", "1024", "-m", "128"], "primal", "gradient"),
    "ode": (["-n", "1000", "-s", "100"], "primal", "gradient"),
    "det": (["-l", "6", "8"], "primal", "gradient"),
}


def command(tool, suite, adapter, eval_name):
    """What starts a tool; none where it has no program for an eval."""
    if tool == "ours":
        return [adapter]
    if tool == "jax":
        script = suite / "python/gradbench/gradbench/tools/jax"
        return [sys.executable, "-c", WAIT, str(script / "run.py")] if (script / f"{eval_name}.py").exists() else None
    program = suite / "tools" / tool / "bin" / eval_name
    return [sys.executable, "-c", SERVE, str(program)] if program.exists() else None


# The suite's way to its C++ programs (a file of input, a line of output, lines of timings), without making them anew.
SERVE = """
import json, subprocess, sys, tempfile
for line in sys.stdin:
    message = json.loads(line)
    answer = {"id": message["id"]}
    if message["kind"] == "define":
        answer["success"] = True
    elif message["kind"] == "evaluate":
        with tempfile.NamedTemporaryFile("w") as file:
            json.dump(message["input"], file)
            file.flush()
            done = subprocess.run([sys.argv[1], file.name, message["function"]], text=True, capture_output=True)
        if done.returncode == 0:
            output, *timings = done.stdout.splitlines()
            answer |= {"success": True, "output": json.loads(output), "timings": list(map(json.loads, timings))}
        else:
            answer |= {"success": False, "error": done.stderr[-500:]}
    print(json.dumps(answer), flush=True)
"""


# JAX's calls return before their results are there. The suite's tool times the calls; here it times the results.
WAIT = """
import os, runpy, sys
import jax
from gradbench import wrap

def waiting(decorator):
    def with_options(**options):
        decorate = decorator(**options)
        return lambda f: decorate(lambda x: jax.block_until_ready(f(x)))
    return with_options

wrap.function, wrap.multiple_runs = waiting(wrap.function), waiting(wrap.multiple_runs)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(suite, environment, eval_name, arguments, tool):
    """One round: for each function and workload the median of its timed runs, in nanoseconds; none where a result is wrong."""
    script = suite / "python/gradbench/gradbench/evals" / eval_name / "run.py"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": suite, "env": environment}
    asks = subprocess.Popen([sys.executable, str(script), *arguments, "--min-seconds", "0.2", "--min-runs", "3"], **pipes)
    answers = subprocess.Popen(tool, stderr=subprocess.DEVNULL, **pipes)
    found, asked = {}, {}
    for line in asks.stdout:
        message = json.loads(line)
        answers.stdin.write(line)
        answers.stdin.flush()
        answer = answers.stdout.readline()
        if not answer:
            answer = json.dumps({"id": message["id"], "success": False, "error": "the tool has ended"}) + "\n"
        if message["kind"] == "evaluate":
            key = (message["function"], message.get("description", ""))
            said = json.loads(answer)
            if said.get("success"):
                times = [t["nanoseconds"] for t in said["timings"] if t["name"] == "evaluate"]
                found[key], asked[message["id"]] = statistics.median(times), key
            else:
                print(f"{eval_name} {key}: {str(said.get('error'))[-300:]}", file=sys.stderr)
        elif message["kind"] == "analysis" and not message["valid"]:
            print(f"{eval_name} {asked[message['of']]}: {message['error'][-300:]}", file=sys.stderr)
            found[asked[message["of"]]] = None
        asks.stdin.write(answer)
        asks.stdin.flush()
    asks.stdin.close()
    answers.stdin.close()
    asks.wait()
    answers.wait()
    return {key: time for key, time in found.items() if time is not None}


def show(nanoseconds):
    for unit, size in [("ms", 1e6), ("µs", 1e3)]:
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    suite, adapter, words = pathlib.Path(sys.argv[1]).resolve(), str(pathlib.Path(sys.argv[2]).resolve()), sys.argv[3:]
    environment = os.environ | {"PYTHONPATH": str(suite / "python/gradbench"), "OMP_NUM_THREADS": "1"}
    compiler = subprocess.run(["c++", "--version"], text=True, capture_output=True).stdout.splitlines()[0]
    print(f"{platform.machine()}, {compiler}, Python {platform.python_version()}", end="")
    try:
        print(f", jax {__import__('jax').__version__}\n")
    except ImportError:
        print(", no jax\n")
    print("| eval | workload | function | ours | " + " | ".join(f"{tool} | ÷ ours" for tool in TOOLS[1:]) + " |")
    print("|---|---|---|---|" + "---|---|" * (len(TOOLS) - 1))
    for name, (arguments, primal, derivative) in EVALS.items():
        if words and name not in words:
            continue
        tools = {tool: command(tool, suite, adapter, name) for tool in TOOLS}
        rounds = {tool: [] for tool, start in tools.items() if start}
        for _ in range(ROUNDS):
            for tool in rounds:
                rounds[tool].append(run(suite, environment, name, arguments, tools[tool]))
        middle = {
            tool: {key: statistics.median(times[key] for times in all_times) for key in all_times[0] if all(key in t for t in all_times)}
            for tool, all_times in rounds.items()
        }
        for (function, workload), ours in sorted(middle["ours"].items(), key=lambda row: (row[0][1], row[0][0] != primal)):
            what = {primal: "primal", derivative: "derivative"}.get(function, function)
            cells = [show(ours)]
            for tool in TOOLS[1:]:
                time = middle.get(tool, {}).get((function, workload))
                cells += ["–", "–"] if time is None else [show(time), f"{time / ours:.2f}"]
            print(f"| {name} | {workload} | {what} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
