#!/usr/bin/env python3
"""Generated queries to the real Prometheus and to Narthex over the same samples: values must be equal to the last bit.

Queries come from a seed, which a run prints. Instant and range queries take turns.
Where sums are taken in another order (we use more than one core), 1e-13 relative is
equal enough. Annotations are compared without their positions' order.
"""

import json
import math
import random
import re
import sys
import urllib.parse

import rig
import twins

METRICS = ["http_requests_total", "temperature", "build_info", "odd", "latency_seconds_bucket", "latency_seconds_sum", "latency_seconds_count", "nothing"]
LABELS = {"http_requests_total": {"code": ["200", "404", "500"], "method": ["get", "post"], "host": ["a", "b", "c"]}, "temperature": {"host": ["a", "b", "c", "d"], "room": ["ra", "rb"]},
          "build_info": {"host": ["a", "b", "c"], "version": ["1.0", "1.1"]}, "odd": {"kind": ["mixed", "finite", "constant", "sparse", "late"]},
          "latency_seconds_bucket": {"host": ["a", "b"], "le": ["0.05", "0.1", "+Inf"]}, "latency_seconds_sum": {"host": ["a", "b"]}, "latency_seconds_count": {"host": ["a", "b"]}, "nothing": {"a": ["b"]}}
OVER_TIME = ["rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "last_over_time", "present_over_time", "stddev_over_time", "stdvar_over_time", "absent_over_time"]
PLAIN = ["abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "sgn", "round", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad", "timestamp", "absent", "sort", "sort_desc",
         "minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"]
DURATIONS = ["15s", "20s", "1m", "1m30s", "5m", "7m", "30m"]
NUMBERS = ["0", "1", "2", "0.5", "-1", "3.7", "1e3", "1e-3", "NaN", "Inf", "-Inf", "100"]


class Generator:
    def __init__(self, seed, start, end):
        self.rng = random.Random(seed)
        self.start, self.end = start, end

    def one(self, *choices):
        return self.rng.choice(choices)

    def selector(self):
        metric = self.rng.choice(METRICS)
        labels = LABELS[metric]
        matchers = []
        for name in self.rng.sample(sorted(labels), self.rng.randrange(0, min(3, len(labels) + 1))):
            value = self.rng.choice(labels[name])
            op = self.one("=", "!=", "=~", "!~", "=~")
            text = value if op in ("=", "!=") else self.one(re.escape(value).replace("\\", "\\\\"), "|".join(labels[name][:2]).replace("+", "."), ".+", ".*", value[:1].replace("+", ".") + ".*")
            matchers.append(f'{name}{op}"{text}"')
        if metric in ("odd",) or self.rng.random() < 0.1:
            matchers.append('instance="twin"')
        return metric + ("{" + ",".join(matchers) + "}" if matchers else "")

    def modifiers(self):
        text = ""
        if self.rng.random() < 0.15:
            text += " offset " + self.one("1m", "5m", "-1m", "17s", "33m")
        if self.rng.random() < 0.08:
            text += self.one(" @ start()", " @ end()", f" @ {self.end - 300}", f" @ {self.start + 1000.5}")
        return text

    def matrix(self, depth):
        if depth > 0 and self.rng.random() < 0.2:
            return f"({self.vector(depth - 1)})[{self.one('5m', '10m', '3m20s')}:{self.one('', '30s', '1m', '7s')}]" + self.modifiers()
        return f"{self.selector()}[{self.rng.choice(DURATIONS)}]" + self.modifiers()

    def scalar(self, depth):
        kind = self.rng.random()
        if depth > 0 and kind < 0.15:
            return f"scalar({self.vector(depth - 1)})"
        if kind < 0.2:
            return self.one("time()", "pi()")
        if depth > 0 and kind < 0.35:
            return f"({self.scalar(depth - 1)} {self.one('+', '-', '*', '/', '%', '^', '> bool', '== bool')} {self.scalar(depth - 1)})"
        return self.rng.choice(NUMBERS)

    def grouping(self):
        names = ["host", "code", "method", "kind", "le", "version", "job", "room", "nothing"]
        return self.one("", "", f" {self.one('by', 'without')} ({', '.join(self.rng.sample(names, self.rng.randrange(0, 3)))})")

    def vector(self, depth):
        rng = self.rng
        if depth == 0:
            return self.selector() + self.modifiers()
        kind = rng.randrange(12)
        if kind <= 1:
            return f"{rng.choice(OVER_TIME)}({self.matrix(depth - 1)})"
        if kind == 2:
            return self.one(f"quantile_over_time({self.scalar(0)}, {self.matrix(depth - 1)})", f"predict_linear({self.matrix(depth - 1)}, {self.scalar(0)})",
                            f"histogram_quantile({self.one('0.5', '0.9', '0', '1', '2', '-1', 'NaN')}, {self.one('', 'sum by (le) ')}(rate(latency_seconds_bucket[{rng.choice(DURATIONS)}])))",
                            f"histogram_quantile({self.scalar(0)}, {self.vector(depth - 1)})")
        if kind <= 5:
            op = self.one("sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
            return f"{op}{self.grouping()} ({self.vector(depth - 1)})"
        if kind == 6:
            return self.one(f"topk{self.grouping()} ({self.one('1', '2', '0', '100')}, {self.vector(depth - 1)})", f"bottomk{self.grouping()} ({self.one('1', '3')}, {self.vector(depth - 1)})",
                            f"quantile{self.grouping()} ({self.one('0.5', '0.25', '1', '-1')}, {self.vector(depth - 1)})", f'count_values{self.grouping()} ("v", {self.vector(depth - 1)})')
        if kind == 7:
            name = rng.choice(PLAIN)
            return f"{name}({self.vector(depth - 1)})"
        if kind == 8:
            return self.one(f"clamp({self.vector(depth - 1)}, {self.scalar(0)}, {self.scalar(0)})", f"clamp_min({self.vector(depth - 1)}, {self.scalar(0)})", f"round({self.vector(depth - 1)}, {self.one('0.1', '5', '0')})",
                            f'label_replace({self.vector(depth - 1)}, "x", "$1", "host", "(.).*")', f'label_join({self.vector(depth - 1)}, "x", "-", "host", "job")', f"vector({self.scalar(depth - 1)})", f"-({self.vector(depth - 1)})")
        arithmetic = self.one("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "> bool", "== bool", "<= bool", "atan2")
        if kind == 9:
            return self.one(f"({self.vector(depth - 1)}) {arithmetic} {self.scalar(0)}", f"{self.scalar(depth - 1)} {arithmetic} ({self.vector(depth - 1)})")
        if kind == 10:
            return f"({self.vector(depth - 1)}) {self.one('and', 'or', 'unless')}{self.one('', ' on (host)', ' ignoring (code, method)', ' on ()')} ({self.vector(depth - 1)})"
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        return self.one(f"({left}) {arithmetic} ({right})", f"({left}) {arithmetic} on (host, job) ({right})", f"({left}) {arithmetic} ignoring (code, method, le) ({right})",
                        f"({left}) {arithmetic} on (host) group_left {self.one('', '(version)')} (sum by (host, version) ({right}))", f"(max by (host) ({left})) {arithmetic} on (host) group_right () ({right})")

    def request(self):
        query = self.vector(self.rng.choice([1, 1, 2, 2, 3])) if self.rng.random() < 0.95 else self.scalar(2)
        if self.rng.random() < 0.5:
            at = self.rng.choice([self.end, self.end - 7, self.end - 1000.123, self.start + 100, self.end + 200, self.start])
            return "query", {"query": query, "time": f"{at:.3f}"}
        start = self.rng.choice([self.start - 30, self.start + 600, self.end - 900, self.end - 100.5])
        return "query_range", {"query": query, "start": f"{start:.3f}", "end": f"{self.end + self.one(0, 60, 400)}", "step": self.one("15", "60", "7.5", "100", "333")}


def main():
    args = rig.arguments(__doc__.splitlines()[0], seed=(1, "where queries come from"), count=(3000, "how many"))
    both = twins.Twins(args)
    generator = Generator(args.seed, both.start, both.end)
    print(f"seed {args.seed}, data from {both.start} to {both.end}", flush=True)
    counts = {"equal": 0, "equal but for rounding": 0, "equal but for ties": 0, "refused by newer releases": 0, "refused equally": 0, "annotations differ": 0, "DIFFERENT": 0}
    for _ in range(args.count):
        path, params = generator.request()
        body = urllib.parse.urlencode(params).encode()
        answers = both.both("POST", f"/api/v1/{path}", {"Content-Type": "application/x-www-form-urlencoded"}, body)
        verdict, text = judge(path, params["query"], answers)
        counts[verdict] += 1
        if text:
            print(f"{verdict}: {path} {json.dumps(params)}\n    {text}", flush=True)
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    sys.exit(1 if counts["DIFFERENT"] else 0)


def judge(path, query, answers):
    (status, _, body), (our_status, _, our_body) = answers["real"], answers["ours"]
    real, ours = json.loads(body), json.loads(our_body)
    if our_status == 422 and status == 200 and re.search("must be explicit|must ensure unique", ours["error"]) and re.search("[<>=!]", query):
        return "refused by newer releases", None
    if status != our_status:
        return "DIFFERENT", f"{status} {body[:300]!r} -> {our_status} {our_body[:300]!r}"
    if status != 200:
        # Where several series collide, which of them is named depends on their order.
        same = comparable_error(real) == comparable_error(ours)
        return ("refused equally", None) if same else ("DIFFERENT", f"{real.get('error')} -> {ours.get('error')}")
    kind, our_kind = real["data"]["resultType"], ours["data"]["resultType"]
    if kind != our_kind:
        return "DIFFERENT", f"{kind} -> {our_kind}"
    result, our_result = real["data"]["result"], ours["data"]["result"]
    is_rounded = False
    if kind in ("vector", "matrix"):
        if query.startswith("sort") and kind == "vector" and result != our_result and [s["value"][1] for s in result] == [s["value"][1] for s in our_result]:
            return "equal but for ties", None
        if kind == "vector" and not query.startswith("sort"):
            result, our_result = (sorted(r, key=lambda s: json.dumps(s["metric"], sort_keys=True)) for r in (result, our_result))
        if "count_values" in query:
            result, our_result = counted(result), counted(our_result)
        metrics, our_metrics = ([s["metric"] for s in r] for r in (result, our_result))
        if metrics != our_metrics and re.search(r"(top|bottom)k", query):
            # Which of equal ones is left depends on the order in which the store finds series.
            return "equal but for ties", None
        if metrics != our_metrics:
            return "DIFFERENT", f"series {str([m for m in metrics if m not in our_metrics])[:300]} -> {str([m for m in our_metrics if m not in metrics])[:300]} ({len(metrics)} -> {len(our_metrics)})"
        pairs = [(a.get("values") or [a["value"]], b.get("values") or [b["value"]], a["metric"]) for a, b in zip(result, our_result)]
    else:
        pairs = [([result], [our_result], {})]
    for samples, our_samples, metric in pairs:
        if len(samples) != len(our_samples):
            times, our_times = {t for t, _ in samples}, {t for t, _ in our_samples}
            return "DIFFERENT", f"{metric}: only at {sorted(times - our_times)[:5]} -> only at {sorted(our_times - times)[:5]}"
        for (t, value), (our_t, our_value) in zip(samples, our_samples):
            if t != our_t:
                return "DIFFERENT", f"{metric}: at {t} -> at {our_t}"
            if value != our_value:
                if not close(query, value, our_value):
                    return "DIFFERENT", f"{metric} at {t}: {value} -> {our_value}"
                is_rounded = True
    if annotations(real) != annotations(ours):
        return "annotations differ", f"{annotations(real)} -> {annotations(ours)}"
    return ("equal but for rounding", None) if is_rounded else ("equal", None)


def annotations(answer):
    return [notes(answer.get(key, [])) for key in ("warnings", "infos")]


def notes(texts):
    """What both releases say; of more than ten, upstream shows any."""
    if any("omitted" in text for text in texts):
        return [text for text in texts if "omitted" in text]
    return sorted(re.sub(r' for metric name "[^"]*"', "", text) for text in texts if "sort is ineffective" not in text)


def comparable_error(answer):
    return answer.get("errorType"), re.sub(r"group \{.*", "group", answer.get("error", ""))


def close(query, a, b):
    a, b = float(a), float(b)
    # Variances and what follows from differences cancel: the order of sums shows much earlier.
    tolerance = 1e-8 if re.search(r"stddev|stdvar|deriv|predict", query) else 1e-13
    return not math.isinf(a) and not math.isinf(b) and abs(a - b) <= tolerance * max(abs(a), abs(b))


def counted(result):
    """The answer to count_values with the values short enough that rounding does not show."""
    short = lambda text: re.sub(r"^-?[0-9.]{12,}(e[+-]?[0-9]+)?$", lambda m: f"{float(m.group()):.10g}", text)
    result = [{**series, "metric": {name: short(value) if name == "v" else value for name, value in series["metric"].items()}} for series in result]
    return sorted(result, key=lambda series: json.dumps(series["metric"], sort_keys=True))


if __name__ == "__main__":
    main()
