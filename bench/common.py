"""What the comparisons share: servers of their own on private ports, medians, the machine, the table."""

import datetime
import json
import os
import pathlib
import platform
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def fail(message):
    sys.exit(f"error: {message}")


def need(*programs):
    missing = [x for x in programs if not shutil.which(x)]
    if missing:
        fail(f"needed: {', '.join(missing)}; [bench] in packages.txt lists the packages")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def build(folder, target):
    subprocess.run(["cmake", "--preset", "bench", "-B", folder], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder, "--target", target], check=True, stdout=subprocess.DEVNULL)


def trouped_folder(folder):
    """Where trouped and its executor are: $TROUPE_BIN, or built now."""
    if os.environ.get("TROUPE_BIN"):
        return pathlib.Path(os.environ["TROUPE_BIN"])
    for name in ("trouped", "troupe-executor", "troupe"):
        build(folder, name)
    return folder / "bin"


def program(folder, name, variable):
    """A program of the benchmarks: $VARIABLE, or built now."""
    if os.environ.get(variable):
        return pathlib.Path(os.environ[variable])
    build(folder, name)
    return folder / "bench" / name


def node_modules(source, folder):
    """npm ci by the lock file, outside the sources; again only when the lock has changed."""
    folder.mkdir(exist_ok=True)
    lock = (source / "package-lock.json").read_bytes()
    stamp = folder / "installed.json"
    if not stamp.exists() or stamp.read_bytes() != lock:
        shutil.copy(source / "package.json", folder)
        shutil.copy(source / "package-lock.json", folder)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        stamp.write_bytes(lock)
    return folder / "node_modules"


class Server:
    """A process of ours that is ended by its id; its first line of output says that it is ready."""

    def __init__(self, command, log, env=None):
        self.log = open(log, "w")
        self.process = subprocess.Popen([str(x) for x in command], env=env, stdout=subprocess.PIPE, stderr=self.log,
                                        text=True)
        self.pid = self.process.pid

    def first_line(self):
        line = self.process.stdout.readline().strip()
        if not line:
            fail(f"{self.process.args[0]} ended at once: {pathlib.Path(self.log.name).read_text()[-2000:]}")
        return line

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Trouped(Server):
    def __init__(self, folder, data, roles=("coordinator", "gateway", "worker"), settings=()):
        self.port, self.mesh_port = free_port(), free_port()
        pairs = [f"node.data={data}", f"node.roles={','.join(roles)}", f"gateway.port={self.port}",
                 f"mesh.port={self.mesh_port}", "gateway.requests_per_minute=0",
                 "storyboards.after_ingest=false", *settings]
        super().__init__([folder / "trouped", *(x for p in pairs for x in ("--set", p))], f"{data}.log")
        self.first_line()
        self.url = f"http://127.0.0.1:{self.port}"


def measure(command, **more):
    done = subprocess.run([str(x) for x in command], stdout=subprocess.PIPE, timeout=900, **more)
    if done.returncode != 0:
        fail(f"{command[0]} ended with {done.returncode}: {' '.join(map(str, command))}")
    return {**json.loads(done.stdout), "load": os.getloadavg()[0]}


def dig(figures, keys):
    for key in keys:
        figures = figures[key]
    return figures


def wait_until(what, condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            fail(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def print_table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print(r[0].ljust(widths[0]), *(x.rjust(w) for x, w in zip(r[1:], widths[1:])), sep="  ")


def version(command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def loads_in(x):
    if isinstance(x, dict):
        for key, value in x.items():
            yield from [value] if key == "load" else loads_in(value)
    elif isinstance(x, list):
        for value in x:
            yield from loads_in(value)


def machine(results, **versions):
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
    loads = list(loads_in(results))
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(), "load": [min(loads), max(loads)],
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(), "versions": versions}


def finish(about, rounds, results, path):
    versions = ", ".join(f"{name} {value}" for name, value in about["versions"].items())
    print(f"\nmedians of {rounds} rounds; {about['cores']} cores, {about['processor']}, kernel {about['kernel']}; "
          f"load {about['load'][0]:.1f} to {about['load'][1]:.1f}\n{versions}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": about, "rounds": rounds, "results": results}, indent=1))
    print(f"every round: {path}")
