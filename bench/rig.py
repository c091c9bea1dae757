"""What the side-by-side runs share: starting programs, asking them, reading what they cost."""

import argparse
import atexit
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
_CHILDREN = []


def arguments(about, **extra):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--prometheus", default="", help="folder with upstream's programs (default: the search path)")
    parser.add_argument("--narthex", default="", help="the program to test (default: built with --release)")
    for name, (default, text) in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default, help=f"{text} (default {default})")
    return parser.parse_args()


def find(folder, *names):
    """The first of these programs that exists, or None."""
    for name in names:
        path = shutil.which(name, path=folder or None)
        if path:
            return path
    return None


def build(package):
    """Builds a package of ours with optimisation and returns its program."""
    subprocess.run(["cargo", "build", "--release", "-q", "-p", package], cwd=ROOT, check=True)
    meta = subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, check=True, capture_output=True)
    return str(pathlib.Path(json.loads(meta.stdout)["target_directory"]) / "release" / package.removeprefix("narthex-" if package != "narthex" else ""))


def narthex(args):
    return args.narthex or build("narthex")


def loadgen():
    target = pathlib.Path(build("narthex-loadgen"))
    return str(target.with_name("narthex-loadgen"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def folder():
    path = tempfile.mkdtemp(prefix="narthex-bench-")
    atexit.register(shutil.rmtree, path, True)
    return pathlib.Path(path)


def start(name, command, log):
    """Starts a child that ends with us; its output goes to a file."""
    child = subprocess.Popen(command, stdout=open(log, "ab"), stderr=subprocess.STDOUT, cwd=pathlib.Path(log).parent)
    child.name = name
    _CHILDREN.append(child)
    return child


@atexit.register
def _stop_all():
    for child in _CHILDREN:
        if child.poll() is None:
            child.terminate()
    for child in _CHILDREN:
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def start_pair(args, work):
    """Starts Narthex, and the real Prometheus if there is one, on `work/prometheus.yml`: name to child and port."""
    programs = {"narthex": [narthex(args), "prometheus"]}
    if real := find(args.prometheus, "prometheus"):
        programs["prometheus"] = [real]
    print(machine())
    running = {}
    for name, program in programs.items():
        print(version(program[0]))
        port = free_port()
        child = start(name, program + [
            f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/{name}", f"--web.listen-address=127.0.0.1:{port}"], f"{work}/{name}.log")
        wait_ready(port)
        running[name] = (child, port)
    return running


def get(url, timeout=30):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read()


def wait_ready(port, seconds=30):
    """Waits until a server is ready; returns how long that took."""
    began = time.monotonic()
    while True:
        try:
            get(f"http://127.0.0.1:{port}/-/ready", timeout=1)
            return time.monotonic() - began
        except (OSError, urllib.error.URLError):
            if time.monotonic() - began > seconds:
                raise SystemExit(f"the server on port {port} did not become ready within {seconds} s")
            time.sleep(0.005)


def api(port, path, **params):
    """The data of an API answer; raises with the server's own message."""
    url = f"http://127.0.0.1:{port}/api/v1/{path}"
    body = urllib.parse.urlencode(params).encode() if path.startswith("query") else None
    if body is None and params:
        url += "?" + urllib.parse.urlencode(params)
    try:
        with urllib.request.urlopen(url, data=body, timeout=60) as answer:
            return json.loads(answer.read())["data"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{error.code}: {error.read().decode(errors='replace')[:500]}") from None


def cpu_seconds(child):
    fields = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(child):
    """Anonymous and whole resident memory, in megabytes."""
    status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
    value = lambda key: int(status.split(key + ":")[1].split()[0]) / 1024
    return value("RssAnon"), value("VmRSS")


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} × {cpu}, {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 30} GiB, Linux {os.uname().release}"


def version(program):
    out = subprocess.run([program, "--version"], capture_output=True, text=True)
    return (out.stdout + out.stderr).splitlines()[0]
