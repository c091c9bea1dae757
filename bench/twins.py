"""The real Prometheus and Narthex over exactly the same samples, for runs that compare answers.

A target of our own hands each server the whole history at its first scrape, with
explicit timestamps, so that both hold the same (time, value) pairs to the last bit.
Only what a server measures itself (`up`, `scrape_*`) differs; keep away from it.
"""

import http.client
import http.server
import json
import math
import random
import sys
import threading
import time
import urllib.parse
import zlib

import rig

STEP_S = 15
STEPS = 200
"""How long a history there is. More than an hour back is too old for an empty database."""

OWN = ("up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added")


class Twins:
    """Both servers, ready, with the data in them."""

    def __init__(self, args, real_flags=(), our_flags=()):
        real = rig.find(args.prometheus, "prometheus")
        if not real:
            sys.exit("no prometheus found: pass --prometheus FOLDER")
        ours = rig.narthex(args)
        work = rig.folder()
        self.end = int(time.time()) // STEP_S * STEP_S - STEP_S
        self.start = self.end - (STEPS - 1) * STEP_S
        self.history = history(self.start)
        self._served = set()
        self.target_port = self._serve_target()
        (work / "prometheus.yml").write_text(f"""global:
  scrape_interval: 1s
  external_labels: {{cluster: c1, zone: z}}
scrape_configs:
  - job_name: twin
    static_configs: [{{targets: ["127.0.0.1:{self.target_port}"], labels: {{instance: twin}}}}]
  - job_name: down
    static_configs: [{{targets: ["127.0.0.1:1"], labels: {{env: "a<b"}}}}]
  - job_name: dropped
    static_configs: [{{targets: ["127.0.0.1:2"]}}]
    relabel_configs: [{{action: drop, source_labels: [job], regex: dropped}}]
""")
        self.ports = {"real": rig.free_port(), "ours": rig.free_port()}
        flags = {"real": real_flags, "ours": our_flags}
        self.children = {}
        for name, program in (("real", [real]), ("ours", [ours, "prometheus"])):
            (work / name).mkdir()
            self.children[name] = rig.start(name, program + [
                f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/{name}",
                f"--web.listen-address=127.0.0.1:{self.ports[name]}", *flags[name]], f"{work}/{name}.log")
        for port in self.ports.values():
            rig.wait_ready(port)
        print(f"{rig.machine()}\n{rig.version(real)}\n{rig.version(ours)}", flush=True)
        self._wait_for_data()

    def _serve_target(self):
        twins = self

        class Target(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                # The agents' names tell the servers apart; everything else about them is equal.
                agent = self.headers.get("User-Agent", "")
                body = b"" if agent in twins._served else twins.history.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                twins._served.add(agent)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_address[1]

    def _wait_for_data(self):
        """Until both have everything, which must be the same."""
        deadline, want = time.monotonic() + 30, sum(not line.startswith("#") for line in self.history.splitlines())
        while True:
            held = {}
            for name, port in self.ports.items():
                found = rig.api(port, "query", query=f'{{instance="twin",__name__!~"up|scrape_.*"}}[{STEPS * STEP_S}s]', time=self.end)
                held[name] = sorted(json.dumps([series["metric"], series["values"]]) for series in found["result"])
            counts = {name: sum(len(json.loads(series)[1]) for series in all) for name, all in held.items()}
            # Their own series take part in lists of labels: all of them must be there, too.
            tried = all(len(rig.api(port, "query", query="up")["result"]) == 2 for port in self.ports.values())
            if tried and set(counts.values()) == {want} and held["real"] == held["ours"]:
                return
            if time.monotonic() > deadline:
                sys.exit(f"the servers do not hold the same: {counts} samples of {want}")
            time.sleep(0.2)

    def ask(self, name, method, path, headers=None, body=None):
        """(status, headers as a list of pairs with lower-case names, body decompressed)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=30)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for key, value in (headers or {}).items():
                connection.putheader(key, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            if body is not None:
                connection.send(body)
            answer = connection.getresponse()
            content = answer.read()
            pairs = [(key.lower(), value) for key, value in answer.getheaders()]
            encoding = dict(pairs).get("content-encoding")
            if encoding == "gzip" and content:
                content = zlib.decompress(content, 31)
            elif encoding == "deflate" and content:
                content = zlib.decompress(content)
            return answer.status, pairs, content
        finally:
            connection.close()

    def both(self, method, path, headers=None, body=None):
        return {name: self.ask(name, method, path, headers, body) for name in ("real", "ours")}


def history(start):
    """Every kind of series that queries tell apart, as text with timestamps."""
    rng = random.Random(7)
    lines = []

    def series(text, values):
        for i, value in enumerate(values):
            if value is not None:
                lines.append(f"{text} {number(value)} {(start + i * STEP_S) * 1000}")

    def counter(rate, resets=()):
        value = 0.0
        for i in range(STEPS):
            value = 0.0 if i in resets else value + rng.random() * rate
            yield value

    lines.append("# TYPE http_requests_total counter")
    lines.append("# HELP http_requests_total Requests <by> code & \"method\".")
    for code in ("200", "404", "500"):
        for method in ("get", "post"):
            for host in ("a", "b", "c"):
                series(f'http_requests_total{{code="{code}",method="{method}",host="{host}"}}',
                       counter(50, resets={60, 61, 150} if host == "b" else ()))
    lines.append("# TYPE temperature gauge")
    for host in ("a", "b", "c", "d"):
        walk = 20.0
        values = []
        for i in range(STEPS):
            walk += rng.gauss(0, 1)
            values.append(None if host == "d" and 50 <= i < 120 else walk)
        series(f'temperature{{host="{host}",room="r{host}"}}', values)
    lines.append("# TYPE build_info gauge")
    for host, version in (("a", "1.0"), ("b", "1.1"), ("c", "1.1")):
        series(f'build_info{{host="{host}",version="{version}"}}', [1.0] * STEPS)
    lines.append("# TYPE odd gauge")
    odd = [0.0, -0.0, 1e-7, 1e21, math.nan, math.inf, -math.inf, 123456789.125, -1.5, 5e-324, 1.7976931348623157e308]
    series('odd{kind="mixed"}', [odd[i % len(odd)] for i in range(STEPS)])
    series('odd{kind="finite"}', [(i % 7) - 3 for i in range(STEPS)])
    series('odd{kind="constant"}', [3.0] * STEPS)
    series('odd{kind="sparse"}', [float(i) if i % 25 == 0 else None for i in range(STEPS)])
    series('odd{kind="late",text="<&>\\"\\\\é"}', [None] * 150 + [float(i) for i in range(50)])
    lines.append("# TYPE latency_seconds histogram")
    for host in ("a", "b"):
        bounds = [0.05, 0.1, 0.5, 1, 5, math.inf]
        counts = [[0.0] * len(bounds)]
        for _ in range(STEPS - 1):
            counts.append([c + n for c, n in zip(counts[-1], [float(rng.randrange(1, 9) * (b + 1)) for b in range(len(bounds))])])
        for b, bound in enumerate(bounds):
            totals = [sum(c[: b + 1]) for c in counts]
            series(f'latency_seconds_bucket{{host="{host}",le="{number(bound)}"}}', totals)
        series(f'latency_seconds_sum{{host="{host}"}}', counter(30))
        series(f'latency_seconds_count{{host="{host}"}}', [sum(c) for c in counts])
    return "\n".join(lines) + "\n"


def number(value):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
