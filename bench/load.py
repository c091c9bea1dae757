#!/usr/bin/env python3
"""Many targets at a short interval: missed scrapes, memory over time, CPU per sample, beside the real program."""

import pathlib
import time

import rig


def main():
    args = rig.arguments(
        __doc__, targets=(100, "how many targets"), series=(1000, "series per target"), interval_ms=(1000, "scrape interval"), seconds=(600, "how long")
    )
    work = rig.folder()
    port = rig.free_port()
    rig.start("loadgen", [rig.loadgen(), str(port), str(args.series)], f"{work}/loadgen.log")
    (work / "prometheus.yml").write_text(configuration(args, port))
    running = rig.start_pair(args, work)
    print(f"{args.targets} targets × {args.series} series every {args.interval_ms} ms for {args.seconds} s", flush=True)
    watch(args, running)


def configuration(args, port):
    targets = ", ".join(f"'127.0.{i // 250}.{i % 250 + 2}:{port}'" for i in range(args.targets))
    return (
        f"global: {{scrape_interval: {args.interval_ms}ms, scrape_timeout: {args.interval_ms}ms}}\n"
        f"scrape_configs: [{{job_name: load, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )


def watch(args, running):
    """Prints memory each minute, then what a sample cost after the first one."""
    began = time.monotonic()
    warm = {}
    minute = 0
    while time.monotonic() - began < args.seconds:
        time.sleep(min(60, args.seconds - (time.monotonic() - began)))
        minute += 1
        for name, (child, _) in running.items():
            anonymous, resident = rig.memory_mb(child)
            print(f"minute {minute:3} {name:10} anonymous {anonymous:7.1f} MB  resident {resident:7.1f} MB  cpu {rig.cpu_seconds(child):7.2f} s", flush=True)
        if minute == 1:
            warm = {name: (rig.cpu_seconds(child), time.monotonic()) for name, (child, _) in running.items()}
    costs = {}
    for name, (child, port) in running.items():
        cpu, since = warm[name]
        seconds = time.monotonic() - since
        span = max(10, int(seconds))
        scrapes = rig.api(port, "query", query=f'up{{job="load"}}[{span}s]')["result"]
        times = [[round(t * 1000) for t, _ in series["values"]] for series in scrapes]
        missed = sum(round((b - a) / args.interval_ms) - 1 for list in times for a, b in zip(list, list[1:]))
        failed = sum(value != "1" for series in scrapes for _, value in series["values"])
        samples = seconds * 1000 / args.interval_ms * args.targets * (args.series + 5)
        costs[name] = (rig.cpu_seconds(child) - cpu) / samples * 1e6
        print(
            f"{name}: {len(times)} targets, {sum(map(len, times))} scrapes, {missed} missed, {failed} failed, "
            f"{costs[name]:.3f} CPU-seconds per million samples"
        )
        size = sum(f.stat().st_size for f in pathlib.Path(f"/proc/{child.pid}/cwd").joinpath(name).rglob("*") if f.is_file())
        whole = (seconds + 60) * 1000 / args.interval_ms * args.targets * (args.series + 5)
        print(f"{name}: {size / whole:.2f} bytes on disk per sample, everything included")
    if len(costs) == 2:
        print(f"CPU per sample, narthex / prometheus: {costs['narthex'] / costs['prometheus']:.3f}")


if __name__ == "__main__":
    main()
