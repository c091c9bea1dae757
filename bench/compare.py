#!/usr/bin/env python3
"""Both servers scrape the same exporters and each other; then 200 queries over both must agree.

Series must be the same. Values must be equal where they do not move (up, counts
of series, build information). The two servers scrape at different moments, so
that gauges and rates that move are compared by their ranges: what each server
says from one interval before to one after must overlap.
"""

import math
import sys
import time
import urllib.request

import rig

INTERVAL_S = 5

# The servers begin at different moments: what is compared looks back two minutes
# at most, and must not look back to the start.
START_S = 150


def main():
    args = rig.arguments(__doc__.splitlines()[0], seconds=(300, "how long to scrape before asking"))
    if args.seconds < START_S + 60:
        sys.exit(f"--seconds must be {START_S + 60} at least: windows of two minutes must lie behind the start")
    real = rig.find(args.prometheus, "prometheus")
    if not real:
        sys.exit("no prometheus found: pass --prometheus FOLDER")
    work = rig.folder()
    jobs, absent = exporters(args, work)
    ports = {"real": rig.free_port(), "ours": rig.free_port()}
    jobs.append(("prometheus", [f"127.0.0.1:{ports['real']}"], ""))
    jobs.append(("narthex", [f"127.0.0.1:{ports['ours']}"], ""))
    (work / "prometheus.yml").write_text(configuration(jobs))
    servers = {}
    for name, program in (("real", [real]), ("ours", [rig.narthex(args), "prometheus"])):
        servers[name] = rig.start(name, program + [
            f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/{name}",
            f"--web.listen-address=127.0.0.1:{ports[name]}"], f"{work}/{name}.log")
    for name in servers:
        rig.wait_ready(ports[name])
    print(f"{rig.machine()}\n{rig.version(real)}\n{rig.version(rig.narthex(args))}")
    print(f"{len(jobs)} jobs, every {INTERVAL_S} s, for {args.seconds} s" + (f"; not installed: {', '.join(absent)}" if absent else ""), flush=True)
    time.sleep(args.seconds)

    failed = check_targets(ports)
    now = int(time.time()) - 4 * INTERVAL_S
    queries = generate(ports["real"], now, args.seconds)
    agreed, exact, total = 0, 0, 0
    for kind, params, moves in queries:
        total += 1
        difference = compare(kind, params, moves, ports)
        if difference is None:
            agreed += 1
            exact += not moves
        else:
            print(f"DIFFERS {kind} {params['query']}\n    {difference}")
    print(f"{agreed} of {total} queries agree ({exact} of them exactly, the others within scrape jitter)")
    sys.exit(1 if failed or agreed != total else 0)


def exporters(args, work):
    """Starts whatever exporter is installed. Returns scrape jobs and what is missing."""
    jobs, absent = [], []
    def want(names, flags, job, extra=""):
        program = rig.find(args.prometheus, *names)
        if not program:
            absent.append(names[0])
            return None
        port = rig.free_port()
        rig.start(job, [program] + [flag.replace("PORT", str(port)) for flag in flags], f"{work}/{job}.log")
        jobs.append((job, [f"127.0.0.1:{port}"], extra))
        return port
    want(["prometheus-node-exporter", "node_exporter"], ["--web.listen-address=127.0.0.1:PORT"], "node")
    push = want(["prometheus-pushgateway", "pushgateway"], ["--web.listen-address=127.0.0.1:PORT"], "pushgateway", "    honor_labels: true\n")
    if redis := rig.find("", "redis-server"):
        redis_port = rig.free_port()
        rig.start("redis", [redis, "--port", str(redis_port), "--bind", "127.0.0.1", "--save", ""], f"{work}/redis.log")
        want(["prometheus-redis-exporter", "redis_exporter"], ["--web.listen-address=127.0.0.1:PORT", f"--redis.addr=redis://127.0.0.1:{redis_port}"], "redis")
    else:
        absent.append("redis-server")
    blackbox_config = work / "blackbox.yml"
    blackbox_config.write_text("modules: {http_2xx: {prober: http, timeout: 3s, http: {preferred_ip_protocol: ip4}}}\n")
    blackbox = want(["prometheus-blackbox-exporter", "blackbox_exporter"], ["--web.listen-address=127.0.0.1:PORT", f"--config.file={blackbox_config}"], "blackbox")
    time.sleep(2)
    if push:
        body = b'# TYPE batch_rows_total counter\nbatch_rows_total{table="a\\"b"} 42\n# TYPE batch_seconds gauge\nbatch_seconds 1.25\n'
        request = urllib.request.Request(f"http://127.0.0.1:{push}/metrics/job/nightly/instance/db1", data=body, method="POST")
        urllib.request.urlopen(request, timeout=5).read()
    if push and blackbox:
        jobs.append(("probe", [f"http://127.0.0.1:{push}/-/healthy"], f"""    metrics_path: /probe
    params: {{module: [http_2xx]}}
    relabel_configs:
    - {{source_labels: [__address__], target_label: __param_target}}
    - {{source_labels: [__param_target], target_label: instance}}
    - {{target_label: __address__, replacement: '127.0.0.1:{blackbox}'}}
"""))
    return jobs, absent


def configuration(jobs):
    text = f"global: {{scrape_interval: {INTERVAL_S}s, scrape_timeout: {INTERVAL_S - 1}s}}\nscrape_configs:\n"
    for name, targets, extra in jobs:
        text += f"  - job_name: {name}\n    static_configs: [{{targets: {targets}}}]\n{extra}"
    return text


def check_targets(ports):
    failed = False
    for name, port in ports.items():
        for target in rig.api(port, "targets", state="active")["activeTargets"]:
            if target["health"] != "up":
                failed = True
                print(f"DOWN for {name}: {target['scrapeUrl']}: {target['lastError']}")
    return failed


def generate(port, now, seconds):
    """200 queries about what was scraped, each with whether its values move."""
    names = rig.api(port, "label/__name__/values")
    of = lambda *parts: [n for n in names if any(p in n for p in parts) and not n.startswith(("go_", "prometheus_", "net_"))]
    still = [n for n in names if n.endswith("_info") and not n.startswith(("go_", "prometheus_"))]
    counters = [n for n in names if n.endswith("_total") and not n.startswith(("go_", "prometheus_", "net_", "promhttp_", "process_"))]
    gauges = of("memory", "filesystem_size", "load", "_bytes")
    queries = []
    add = lambda query, moves=False: queries.append(("query", {"query": query, "time": now}, moves))
    span = min(seconds - START_S, 240)
    ranged = lambda query, moves=False: queries.append(
        ("query_range", {"query": query, "start": now - span, "end": now, "step": 15}, moves))
    other = '{job!~"prometheus|narthex"}'
    for q in ["up", "count by (job) (up)", "sum(up)", "min_over_time(up[2m])", "sort_desc(up)", "-up", "up == bool 1",
              "absent(nothing_here)", "absent(up{job='nothing'})", "vector(1) + 1", "1 + 2 * 3 ^ 2", "scalar(sum(up))", "batch_rows_total", "batch_seconds * 2",
              'label_replace(up, "host", "$1", "instance", "(.*):.*")', 'label_join(up, "both", "-", "job", "instance")', "topk(1, batch_rows_total)",
              "count_values('v', up)", "group(up) by (job)", "changes(up[2m])", "up or vector(0)", "up and on (job) up", "up unless up{job='node'}",
              "up * on (job, instance) group_left () up", "quantile(0.5, up)", "stddev(up)", "up[30s:10s] offset 10s", "max_over_time(up[1m:10s])",
              "last_over_time(batch_seconds[1m])", "present_over_time(batch_seconds[1m])", "avg(up) by (job)", "up @ " + str(now), "resets(batch_rows_total[1m])"]:
        add(q)
    add("scrape_samples_scraped" + other, moves=True)
    for q in ["up", "sum by (job) (up)", "count(up)", "avg_over_time(up[1m])", "batch_rows_total", "time() - time()"]:
        ranged(q)
    for name in still[:12]:
        add(name + other)
        add(f"count({name}{other})")
        ranged(f"count by (job) ({name}{other})")
    for name in gauges[:16]:
        add(f"{name}{other}", moves=True)
        add(f"count({name}{other})")
        ranged(f"sum by (job) ({name}{other})", moves=True)
    for name in counters[:16]:
        add(f"count({name}{other})")
        add(f"{name}{other}", moves=True)
        ranged(f"sum(increase({name}{other}[1m]))", moves=True)
        add(f"sum by (job) (rate({name}{other}[2m]))", moves=True)
    n = 0
    while len(queries) < 200:
        name = names[n % len(names)]
        n += 1
        if not name.startswith(("go_", "prometheus_", "net_", "process_", "promhttp_", "scrape_duration", "narthex")):
            add(f'count by (job) ({{__name__="{name}",job!~"prometheus|narthex"}})')
    return queries[:200]


def compare(kind, params, moves, ports):
    """None when both agree, else the first difference."""
    try:
        real, ours = (ask(ports[name], kind, params) for name in ("real", "ours"))
        if isinstance(real, str) or isinstance(ours, str):
            return None if real == ours else f"{real} / {ours}"
        if real.keys() != ours.keys():
            return f"only real: {sorted(real.keys() - ours.keys())[:3]}; only ours: {sorted(ours.keys() - real.keys())[:3]}"
        if moves:
            return compare_ranges(kind, params, ports)
    except RuntimeError as error:
        return str(error)
    for key, left in real.items():
        right = ours[key]
        # The first and last step may see one scrape more or less.
        missing = set(left) ^ set(right)
        if len(missing) > (2 if kind == "query_range" else 0):
            return f"{dict(key)}: points at {sorted(missing)[:5]} on one side only"
        for t in left:
            if t in right and left[t] != right[t]:
                return f"{dict(key)} at {t}: {left[t]} / {right[t]}"
    return None


def ask(port, kind, params):
    """A result as series to time to value; scalars and strings as text."""
    answer = rig.api(port, kind, **params)
    if answer["resultType"] in ("scalar", "string"):
        return str(answer["result"])
    return {tuple(sorted(s["metric"].items())): dict(map(tuple, s.get("values") or [s["value"]])) for s in answer["result"]}


def compare_ranges(kind, params, ports):
    """Whether the ranges of values around each point overlap; None when they do."""
    around = lambda function: {**params, "query": f"{function}_over_time(({params['query']})[{2 * INTERVAL_S}s:1s] offset -{INTERVAL_S}s)"}
    low, high = ({name: ask(ports[name], kind, around(f)) for name in ports} for f in ("min", "max"))
    for key in low["real"].keys() & low["ours"].keys():
        for t in low["real"][key].keys() & low["ours"][key].keys():
            bounds = [float(side[name][key][t]) for side in (low, high) for name in ("real", "ours")]
            if any(map(math.isnan, bounds)):
                continue
            bottom, top = max(bounds[:2]), min(bounds[2:])
            if bottom > top + 1e-3 * abs(top):
                return f"{dict(key)} around {t}: {bounds[0]}..{bounds[2]} / {bounds[1]}..{bounds[3]}"
    return None


if __name__ == "__main__":
    main()
