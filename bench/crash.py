#!/usr/bin/env python3
"""kill -9 in a loop under load: every scrape that queries showed before is there again, and queries answer soon."""

import random
import sys
import time

import load
import rig


def main():
    args = rig.arguments(
        __doc__, targets=(100, "how many targets"), series=(1000, "series per target"), interval_ms=(1000, "scrape interval"),
        kills=(10, "how often to kill"), seconds=(15, "about how long to run between kills"), seed=(1, "seed of the moments"),
    )
    chance = random.Random(args.seed)
    work = rig.folder()
    port, listen = rig.free_port(), rig.free_port()
    rig.start("loadgen", [rig.loadgen(), str(port), str(args.series)], f"{work}/loadgen.log")
    (work / "prometheus.yml").write_text(load.configuration(args, port))
    program = rig.narthex(args)
    command = [program, "prometheus", f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/data", f"--web.listen-address=127.0.0.1:{listen}"]
    began = int(time.time())
    print(f"{rig.machine()}\n{rig.version(program)}\n{args.targets} targets × {args.series} series every {args.interval_ms} ms, {args.kills} kills, seed {args.seed}")
    failed = False
    before = {}
    for round_number in range(args.kills + 1):
        started = time.monotonic()
        child = rig.start("narthex", command, f"{work}/narthex.log")
        rig.wait_ready(listen)
        if before:
            after, answered = scrapes(listen, began, cut), time.monotonic() - started
            lost = [(target, t) for target, times in before.items() for t in times if t not in after.get(target, ())]
            partial = rig.api(listen, "query", query=f'count by (instance) ({{job="load",__name__=~"load_.*"}} offset {max(0, int(time.time() - cut))}s) != {args.series}')["result"]
            print(f"restart {round_number:2}: answered after {answered:.3f} s; {sum(map(len, before.values()))} scrapes before, {len(lost)} lost, {len(partial)} targets with part of a scrape", flush=True)
            failed |= bool(lost) or bool(partial) or answered > 2
        if round_number < args.kills:
            time.sleep(args.seconds + chance.random())
            cut = time.time()
            before = scrapes(listen, began, cut)
            child.kill()
            child.wait()
    sys.exit(1 if failed else 0)


def scrapes(listen, began, cut):
    """The times of all scrapes of each target between two moments."""
    answer = rig.api(listen, "query", query=f'up{{job="load"}}[{int(cut - began) + 1}s]', time=cut)
    return {s["metric"]["instance"]: {t for t, _ in s["values"]} for s in answer["result"]}


if __name__ == "__main__":
    main()
