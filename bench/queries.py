#!/usr/bin/env python3
"""The twelve-query suite and the label calls: time and memory of both servers over the same targets, asked in turn."""

import http.client
import json
import math
import pathlib
import re
import signal
import statistics
import time
import urllib.parse

import rig

LATENCY = "load_request_duration_seconds_0_bucket"
COUNTER = "load_responses_total_1"
QUEUE = "load_queue_bytes_2"
# The head shows few minutes, so everything is as much shorter as the scrape interval is shorter than 15 s:
# what is [5m] at 15 s is {w} here (20 scrapes), and ranges are all there is.
INSTANT = [
    ("one series", QUEUE + '{{instance="{instance}",queue="queue-1"}}'),
    ("sum by rate", f"sum by (code) (rate({COUNTER}[{{w}}s]))"),
    ("name regex", 'sum by (instance) ({{__name__=~"load_responses_total_.+"}})'),
    ("cardinality", 'topk(10, count by (__name__) ({{__name__!=""}}))'),
    ("quantile", f"histogram_quantile(0.99, sum by (le) (rate({LATENCY}[{{w}}s])))"),
    ("count all", 'count({{__name__=~".+"}})'),
]
RANGE = [
    ("sum by rate", 240, f"sum by (code) (rate({COUNTER}[{{w}}s]))"),
    ("quantile by method", 360, f"histogram_quantile(0.99, sum by (le, method) (rate({LATENCY}[{{w}}s])))"),
    ("long window", 360, f"sum(rate({COUNTER}[{{long}}s]))"),
    ("max over time", 240, f"max by (shard) (max_over_time({QUEUE}[{{two}}s]))"),
    ("join", 240, f"sum by (instance) ({QUEUE} / on (instance, queue) load_queue_bytes_6)"),
    ("ratio", 240, f'sum(rate({COUNTER}{{{{code=~"5.."}}}}[{{w}}s])) / sum(rate({COUNTER}[{{w}}s]))'),
    ("raw output", 240, COUNTER),
    ("sub-query", 60, f"topk(5, max_over_time(sum by (instance) (rate({COUNTER}[{{short}}s]))[{{long}}s:{{short}}s]))"),
    ("name regex", 240, 'sum by (instance) ({{__name__=~"load_responses_total_.+"}})'),
]
LABELS = [
    ("label names", "labels", {}),
    ("metric names", "label/__name__/values", {}),
    ("values with match", "label/instance/values", {"match[]": 'load_queue_bytes_2{queue="queue-1"}'}),
    ("series", "series", {"match[]": LATENCY}),
]


def main():
    args = rig.arguments(
        __doc__, targets=(50, "how many targets"), series=(2000, "series per target"), interval_ms=(2000, "scrape interval"),
        seconds=(240, "how long to scrape before asking"), runs=(9, "how often each query is asked"),
    )
    work = rig.folder()
    port = rig.free_port()
    rig.start("loadgen", [rig.loadgen(), str(port), str(args.series)], f"{work}/loadgen.log")
    configure(args, work, port, args.interval_ms)
    running = {
        name: (child, http.client.HTTPConnection("127.0.0.1", listen, timeout=300))
        for name, (child, listen) in rig.start_pair(args, work).items()
    }
    print(f"{args.targets} targets × {args.series} series, scraped every {args.interval_ms} ms for {args.seconds} s, then at rest", flush=True)
    began = time.time() + 2
    time.sleep(args.seconds)
    end = time.time() - 1
    configure(args, work, port, 3_600_000)
    for child, _ in running.values():
        child.send_signal(signal.SIGHUP)
    time.sleep(3)
    compare(args, running, questions(args, port, began, end))


def configure(args, work, port, interval_ms):
    targets = ", ".join(f"'127.0.{i // 250}.{i % 250 + 2}:{port}'" for i in range(args.targets))
    text = (
        f"global: {{scrape_interval: {interval_ms}ms, scrape_timeout: {min(interval_ms, 10_000)}ms}}\n"
        f"scrape_configs: [{{job_name: load, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )
    pathlib.Path(work / "prometheus.yml").write_text(text)


def questions(args, port, began, end):
    """Name, path and form of everything that is asked."""
    scrape = args.interval_ms / 1000
    span = end - began
    fill = dict(w=math.ceil(20 * scrape), two=math.ceil(40 * scrape), short=math.ceil(4 * scrape), long=math.ceil(span / 2), instance=f"127.0.0.2:{port}")
    asked = [(f"instant, {name}", "query", {"query": text.format(**fill), "time": f"{end:.3f}"}) for name, text in INSTANT]
    for name, steps, text in RANGE:
        step = f"{span / steps:.3f}"
        asked.append((f"range, {name}", "query_range", {"query": text.format(**fill), "start": f"{began:.3f}", "end": f"{end:.3f}", "step": step}))
    times = {"start": f"{began:.3f}", "end": f"{end:.3f}"}
    return asked + [(name, path, form | times) for name, path, form in LABELS]


def ask(connection, path, form):
    """The answer's bytes and the seconds until the last of them."""
    url, body = f"/api/v1/{path}", urllib.parse.urlencode(form)
    since = time.perf_counter()
    if path.startswith("query"):
        connection.request("POST", url, body, {"Content-Type": "application/x-www-form-urlencoded"})
    else:
        connection.request("GET", f"{url}?{body}")
    answer = connection.getresponse()
    text = answer.read()
    seconds = time.perf_counter() - since
    if answer.status != 200:
        raise SystemExit(f"{form}: {answer.status}: {text[:500].decode(errors='replace')}")
    return text, seconds


def size(text):
    """How many elements an answer has."""
    data = json.loads(text)["data"]
    return len(data["result"] if isinstance(data, dict) else data)


def peak_mb(child):
    status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", status)[1]) / 1024


def forget_peak(child):
    """Lets the peak begin anew at what is resident now."""
    pathlib.Path(f"/proc/{child.pid}/clear_refs").write_text("5")


def compare(args, running, asked):
    names = list(running)
    print("\nmedian (best) of each, highest resident memory meanwhile, and ratios of medians and of bests")
    print(f"{'':28}" + "".join(f"{name + ' ms':>20}{'peak MB':>9}" for name in names) + ("   ratio    best" if len(names) == 2 else ""))
    ratios, best_ratios = {}, {}
    highest = dict.fromkeys(names, 0)
    for title, path, form in asked:
        times = {name: [] for name in names}
        peaks = dict.fromkeys(names, 0)
        sizes = {}
        for run in range(args.runs + 1):
            for name, (child, connection) in running.items():
                forget_peak(child)
                text, seconds = ask(connection, path, form)
                peaks[name] = max(peaks[name], peak_mb(child))
                # The first one warms up and is looked at.
                if run == 0:
                    sizes[name] = size(text)
                else:
                    times[name].append(seconds * 1000)
        medians = {name: statistics.median(times[name]) for name in names}
        highest = {name: max(highest[name], peaks[name]) for name in names}
        bests = {name: min(times[name]) for name in names}
        line = f"{title:28}" + "".join(f"{medians[name]:11.2f}{f'({bests[name]:.2f})':>9}{peaks[name]:9.0f}" for name in names)
        if len(names) == 2:
            ratios[title], best_ratios[title] = (of[names[0]] / of[names[1]] for of in (medians, bests))
            line += f"{ratios[title]:8.3f}{best_ratios[title]:8.3f}"
        # Which series are among the top ones depends on the moment of the scrape.
        if len(set(sizes.values())) > 1 and "topk" not in form.get("query", ""):
            line += f"  DIFFERENT: {sizes}"
        print(line, flush=True)
    print("\nhighest resident memory: " + ", ".join(f"{name} {mb:.0f} MB" for name, mb in highest.items()))
    if ratios:
        queries = [title for title in ratios if "," in title]
        for of, what in ((ratios, "medians"), (best_ratios, "bests")):
            mean = lambda titles: math.exp(statistics.mean(math.log(of[title]) for title in titles))
            print(f"geometric mean of narthex / prometheus, {what}: queries {mean(queries):.3f}, label calls {mean(of.keys() - set(queries)):.3f}")


if __name__ == "__main__":
    main()
