#!/usr/bin/env python3
"""The same requests, good, odd and bad, to the real Prometheus and to Narthex over the same samples; answers must be equal.

Status, the headers that matter and the body are compared: JSON with every number as
it is written and keys in their order, only values that name the build, the time or
an address aside. What 3.5 (the release that is at hand) and 3.14 (the one that
Narthex follows) do differently is listed below with the reason.
"""

import json
import re
import sys
import urllib.parse

import rig
import twins

HEADERS = ("content-type", "content-encoding", "allow", "location", "vary", "cache-control", "x-content-type-options",
           "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers",
           "access-control-expose-headers", "x-prometheus-stopping")

# Values that cannot be equal: only what is below the given keys counts as equal without a look.
MASKS = [
    (r"/api/v1/status/(buildinfo|runtimeinfo|flags|config|tsdb|walreplay)", "*", "names the build, the machine, or what only one of them has"),
    (r"/version", "*", "names the build"),
    (r"/api/v1/targets($|\?)", "lastScrape lastScrapeDuration discoveredLabels", "times of scrapes; 3.14 discovers more labels"),
    (r"/api/v1/query", "timings", "times"),
]

# Lists whose order is nobody's promise; with a limit, which entries are left is not promised either.
UNORDERED = {"query": ("/data/result",), "series": ("/data",), "targets/metadata": ("/data",)}

# (request, what differs, reason)
KNOWN = [
    (r".*", "vary", "3.5 says only Origin"),
    (r"^(DELETE|PUT|PATCH|HEAD|QUERY) /api/v1/series", "*", "3.5 has a DELETE that is not implemented"),
    (r"/api/v1/(features|openapi|search/|status/self_metrics|status/tsdb/blocks|targets/relabel_steps|scrape_pools/config)", "*", "not in 3.5"),
    (r"/api/v1/parse_query", "body", "3.5 lacks anchored, smoothed, *Expr, fillValues"),
    (r"query_range.*sort", "body", "the annotation is newer"),
    (r"query=%40", "body", "shows a number of the parser's own"),
    (r"/metadata\?limit=1$", "body", "which entries of a map are left is chance"),
    (r"status/tsdb\?limit=10001", "*", "the limit is newer"),
    (r"stats=", "body", "samplesRead is new in 3.13; odd values are deprecated since"),
    (r"/otlp/", "*", "3.5 routes only POST with the flag"),
    (r"/api/v1/read", "*", "remote read is not supported yet"),
    (r"/consoles/", "*", "console templates are not supported yet"),
    (r"/debug/pprof", "*", "Go's profiles"),
    (r" /(rules|alerts|status|service-discovery|tsdb-status|flags|config|alertmanager-discovery|query|targets|agent|graph|assets|favicon|manifest|user)", "*", "pages are our own, and Debian builds 3.5 without"),
]


def requests(end):
    """(method, path, headers, body)."""
    start = end - 900
    out = []
    q = urllib.parse.quote

    def get(path, method="GET", headers=None, body=None):
        out.append((method, path, headers or {}, body))

    def api(path, **params):
        get("/api/v1/" + path + ("?" + urllib.parse.urlencode(params, doseq=True) if params else ""))

    def form(path, text, content_type="application/x-www-form-urlencoded", method="POST"):
        get("/api/v1/" + path, method, {"Content-Type": content_type}, text.encode() if isinstance(text, str) else text)

    # Instant queries: every kind of result and value.
    for query in ["temperature", "odd", 'odd{kind="mixed"}[3m]', "build_info", "1", "-1", "1e-7", "1e21", "1e300", "NaN", "Inf", "-Inf", "-0", "0x1F", "1_000",
                  "0.1+0.2", '"text"', '"a<b>&c"', '"\\u2028é\\n"', "'single'", "`raw\\n`", "time()", "vector(1)", "vector(NaN)", "scalar(temperature)", "nothing",
                  "sum(http_requests_total)", "sum by (code) (rate(http_requests_total[5m]))", "topk(2, temperature)", "bottomk(2, temperature)", "sort(temperature)",
                  "sort_desc(temperature)", "count_values('v', build_info)", "quantile(0.5, temperature)", "quantile(2, temperature)",
                  "histogram_quantile(0.9, rate(latency_seconds_bucket[5m]))", "histogram_quantile(2, latency_seconds_bucket)", "absent(nothing{a='b'})",
                  "rate(temperature[5m])", "rate(http_requests_total[1s])", "http_requests_total offset 5m", "temperature[5m:1m]", "temperature @ start()",
                  f"temperature @ {end - 60}", "label_replace(build_info, 'x', '$1<', 'host', '(.*)')", "{__name__=~'temp.*'}", "{'temperature'}", "temperature > bool 20",
                  "temperature * on (host) group_left (version) build_info", "timestamp(temperature)", "year()", "minute(vector(0))", "(1)", "-temperature", "+temperature",
                  "increase(http_requests_total{code='200',method='get',host='b'}[30m])", "avg_over_time(odd[10m])", "5m", "temperature[5m] offset -1m", "1 + # comment\n 2"]:
        api("query", query=query, time=end)
    # Queries that are refused.
    for query in ["", " ", "(", ")", "temperature{", "temperature{a=}", "temperature{a=\"b\"", "{}", '{a=""}', '{a=~".*"}', "sum(", "sum by", "rate(temperature)", "rate(1)", "foo(1)", "1 +",
                  "temperature[5]", "temperature[", "temperature[5m", "temperature[5m][5m]", "temperature[5m:", "a b", "'open", '"\\z"', "temperature @ x", "topk(temperature)",
                  "1 and 2", "temperature and 1", "temperature + on (host) group_left build_info group_left x", "temperature == ignoring", "label_replace(temperature, 'a', '', '', '(')", "count_values('\\xff', up)",
                  "temperature offset 5", "temperature{a=~'('}", "http_requests_total / temperature", "http_requests_total * on (host) temperature", "bool 1", "1 == 1", "temperature[0s]", "-'a'",
                  "histogram_quantile(1)", "quantile('a', temperature)", "\xff", "temperature{host=\"a\" host=\"b\"}", "sum without by (a) (b)", "@", "1..2", "0b1", "08", "1e", "temperature[5m] + 1"]:
        api("query", query=query, time=end)
    # Times.
    for time in ["", "x", "0", "-1", "1.5", "1e3", str(end) + ".123", str(end) + ".0005", "NaN", "Inf", "-Inf", "1e18", "1e19", "2015-06-03T13:21:58Z", "2015-06-03T13:21:58.555555555Z",
                 "2015-06-03T13:21:58+02:00", "2015-06-03", "2015-06-03 13:21:58Z", "2015-06-03T13:21:58", "0x10", "1_0", " 1", "+1", "-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z", "2015-02-30T00:00:00Z", "9999-12-31T23:59:59Z"]:
        if time:
            api("query", query="1", time=time)
        api("labels", start=time, end=end)
    # Other parameters of queries.
    for key, values in {"timeout": ["1", "1s", "5m", "x", "1e20", "-x"], "limit": ["1", "0", "2", "100", "-1", "x", "1.5", "99999999999999999999", "+1"],
                        "lookback_delta": ["1s", "1m", "10m", "x", "0", "-1", "1.5"], "stats": ["true", "all", "x", "1"]}.items():
        for value in values:
            api("query", query="temperature", time=end + 40, **{key: value})
            if key in ("limit", "lookback_delta"):
                api("query_range", query="temperature", start=start, end=end, step=60, **{key: value})
    # Range queries.
    base = {"query": "temperature", "start": start, "end": end, "step": 60}
    for change in [{}, {"step": "1m"}, {"step": "0.5", "start": end - 5}, {"step": ""}, {"step": "0"}, {"step": "-1"}, {"step": "x"}, {"step": "1e20"}, {"step": "0.0001", "start": end}, {"step": "NaN"}, {"step": "Inf"},
                   {"start": ""}, {"end": ""}, {"start": "x"}, {"end": "x"}, {"start": end + 1}, {"start": end}, {"start": end - 11000, "step": 1}, {"start": end - 11001, "step": 1},
                   {"query": "1"}, {"query": "'a'"}, {"query": "temperature[5m]"}, {"query": ""}, {"query": "odd"}, {"query": "time()"}, {"query": "sum by (host) (rate(http_requests_total[2m]))"}, {"query": "("}, {"query": "nothing"},
                   {"query": "quantile(2, temperature)"}, {"query": "rate(odd[5m])"}, {"start": start + 0.5, "end": end + 0.25, "step": 7.5}, {"start": "2015-06-03T13:21:58Z", "end": "2015-06-03T13:22:58Z"}, {"query": "sort(temperature)"}]:
        api("query_range", **{**base, **change})
    api("query_range")
    # Series, labels, values.
    ranges = [{}, {"start": start, "end": end}, {"start": end, "end": start}, {"start": 0, "end": 1}, {"start": "x"}, {"end": "x"}, {"start": end - 3000, "end": end - 2900}]
    twin = '{instance="twin",__name__!~"up|scrape_.*"}'
    for span in ranges:
        api("series", **{"match[]": "temperature", **span})
        api("labels", **{"match[]": "build_info", **span})
        api("label/host/values", **{"match[]": "build_info", **span})
        api("label/code/values", **span)
        api("labels", **span)
    for match in [["temperature", "build_info"], ["temperature", "temperature"], ["{}"], ["{a=''}"], ["{a!='b'}"], ["{a=~'.*'}"], [""], ["x{"], ["sum(x)"], ["nothing"], ['odd{text=~".+"}'], [twin], ["temperature", "{}"], ["temperature[5m]"], ["temperature offset 5m"], ["1"]]:
        api("series", **{"match[]": match})
        api("labels", **{"match[]": match})
        api("label/host/values", **{"match[]": match})
    api("series")
    for limit in ["1", "2", "0", "-1", "x", "1000"]:
        api("series", **{"match[]": "http_requests_total", "limit": limit})
        api("labels", **{"match[]": "http_requests_total", "limit": limit})
        api("label/host/values", limit=limit)
    for name in ["__name__", "job", "nothing", "U__host", "U___a_2e_b_", "a%2Fb", "a%20b", "%FF", "1a", "a-b", "text", "%C3%A9", "U__bad_zz_", "host"]:
        get(f"/api/v1/label/{name}/values?match[]=" + q(twin))
    for path in ["label//values", "label/values", "label/host", "label/host/value", "label/host/values/x"]:
        api(path)
    for broken in ["a=%ZZ", "a=1;b=2", "query=1&time=1&x=%4", "match[]=temperature&%ZZ=1"]:
        for path in ["query", "series", "labels", "rules", "label/host/values", "query_exemplars", "targets", "format_query"]:
            get(f"/api/v1/{path}?{broken}")
    # Forms.
    form("query", f"query=temperature&time={end}")
    form(f"query?query=1&time={end}", "query=2")
    form(f"query?query=1&time={end}", "query=2", "text/plain")
    form(f"query?query=1&time={end}", "query=2", "")
    form(f"query?query=1&time={end}", "query=2", "application/x-www-form-urlencoded; charset=utf-8")
    form(f"query?query=1&time={end}", '{"query":"2"}', "application/json")
    form("query", f"query=%ZZ&time={end}")
    form("query", f"query=a;b&time={end}")
    form(f"query?time={end}", "--X\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n3\r\n--X--\r\n", "multipart/form-data; boundary=X")
    form(f"query?time={end}&query=1", "--X\r\n", "multipart/form-data; boundary=X")
    form(f"query?time={end}&query=1", "query=2", "multipart/form-data")
    form(f"query?time={end}&query=1", "query=2", "Application/X-WWW-Form-Urlencoded")
    form("query_range", urllib.parse.urlencode(base))
    form("series", "match[]=temperature&match[]=build_info")
    form("series", "match%5B%5D=%ZZ")
    form("labels", "match[]=temperature")
    form("format_query", "query=sum(a)by(b)")
    form("parse_query", "query=up")
    form("query_exemplars", "query=temperature")
    form("query", b"query=\xff&time=1")
    for path in ["label/host/values", "targets", "metadata", "rules", "status/config", "scrape_pools", "alerts"]:
        form(path, "a=b")
    # Other endpoints.
    for path in ["rules", "rules?type=alert", "rules?type=x", "rules?type=RECORD", "rules?group_limit=x", "rules?group_limit=0", "rules?group_limit=-1", "rules?group_limit=5", "rules?group_next_token=x", "rules?group_next_token=x&group_limit=1",
                 "rules?exclude_alerts=x", "rules?exclude_alerts=true", "rules?match[]=%7B", "rules?match[]=%7B%7D", "alerts", "alertmanagers", "query_exemplars", "query_exemplars?query=temperature", "query_exemplars?query=1",
                 "query_exemplars?query=temperature%7B", f"query_exemplars?query=temperature&start={end}&end={start}", "query_exemplars?query=temperature&start=x", "query_exemplars?query=sum(rate(http_requests_total%5B5m%5D))",
                 "format_query", "format_query?query=(", "format_query?query=sum(a)by(b)", "format_query?query=%22%3C%22", "parse_query", "parse_query?query=(", "metadata", "metadata?limit=1", "metadata?limit=0", "metadata?limit=x", "metadata?metric=temperature",
                 "metadata?metric=http_requests_total", "metadata?limit_per_metric=1", "metadata?limit_per_metric=x", "metadata?metric=nothing", "metadata?limit=-1", "targets", "targets?state=active", "targets?state=dropped", "targets?state=ANY", "targets?state=x",
                 "targets?scrapePool=twin", "targets?scrapePool=x", "targets?scrapePool=dropped&state=dropped", "targets/metadata", "targets/metadata?limit=x", "targets/metadata?limit=1", "targets/metadata?match_target=%7B",
                 "targets/metadata?match_target=%7Bjob%3D%22twin%22%7D", "targets/metadata?metric=temperature", "targets/metadata?metric=nothing", "targets/metadata?match_target=x", "targets/metadata?match_target=%7B%7D", "scrape_pools", "scrape_pools/config",
                 "scrape_pools/config?scrapePool=twin", "targets/relabel_steps", "features", "status/config", "status/flags", "status/runtimeinfo", "status/buildinfo", "status/tsdb", "status/tsdb?limit=x", "status/tsdb?limit=0", "status/tsdb?limit=-1",
                 "status/tsdb?limit=10001", "status/tsdb?limit=3", "status/walreplay", "status/tsdb/blocks", "status/self_metrics", "status", "status/x", "notifications", "openapi.yaml", "search/metric_names", "", "zzz", "query/x"]:
        get("/api/v1/" + path)
    for method, path in [("POST", "write"), ("GET", "write"), ("POST", "otlp/v1/metrics"), ("POST", "read"), ("GET", "read"), ("POST", "admin/tsdb/delete_series"), ("PUT", "admin/tsdb/delete_series?match[]=x"), ("POST", "admin/tsdb/clean_tombstones"),
                         ("POST", "admin/tsdb/snapshot"), ("PUT", "admin/tsdb/snapshot?skip_head=x"), ("GET", "admin/tsdb/snapshot"), ("DELETE", "admin/tsdb/snapshot")]:
        get("/api/v1/" + path, method)
    # Methods.
    for method in ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "QUERY"]:
        for path in ["/api/v1/query?query=1", "/api/v1/labels", "/api/v1/series?match[]=temperature", "/api/v1/metadata", "/api/v1/nothing", "/federate", "/-/healthy", "/-/ready", "/version", "/nothing", "/query", "/-/reload", "/-/quit"]:
            get(path, method)
    # CORS, compression.
    for path in ["/api/v1/query?query=1&time=1", "/api/v1/query?query=(", "/api/v1/nothing", "/federate", "/version", "/api/v1/write"]:
        get(path, headers={"Origin": "http://a.example"})
        get(path, "OPTIONS", headers={"Origin": "http://a.example", "Access-Control-Request-Method": "POST"})
    for coding in ["gzip", "deflate", "GZIP", "gzip;q=1", "*", "br", "br, gzip", "deflate, gzip", "gzip,deflate", " gzip ", "identity", "x,gzip;q=0.5,deflate"]:
        for path in [f"/api/v1/query?query=temperature&time={end}", "/api/v1/query?query=(", "/federate?match[]=build_info", "/api/v1/query_exemplars?query=1"]:
            get(path, headers={"Accept-Encoding": coding})
    for accept in ["text/html", "application/json", "*/*", "application/x-protobuf"]:
        get("/api/v1/query?query=1&time=1", headers={"Accept": accept})
    # Federation.
    for query in ["", "match[]=temperature", "match[]=temperature&match[]=build_info", "match[]={}", "match[]=", "match[]=x{", "match[]=" + q('{instance="twin",__name__!~"up|scrape_.*"}'), "a=%ZZ", "match[]=" + q("{__name__=~'odd'}"),
                  "match[]=temperature&match[]=temperature", "match[]=nothing", "match[]=1"]:
        get("/federate?" + query)
    for accept in ["application/openmetrics-text", "text/plain;version=0.0.4;escaping=allow-utf-8", "text/plain;version=1.0.0;escaping=dots", "*/*"]:
        get("/federate?match[]=temperature", headers={"Accept": accept})
    # Management and paths.
    for method in ["GET", "POST", "PUT"]:
        for path in ["/-/healthy", "/-/ready", "/-/reload", "/-/quit"]:
            get(path, method)
    for path in ["/", "/graph", "/graph?g0.expr=up&g0.tab=1", "/version", "/nothing", "/-/nothing", "/api", "/api/", "/api/v2/query", "/favicon.ico", "/manifest.json", "/user/", "/user/x", "/consoles/x", "/consoles/", "/assets/", "/assets/x", "/rules", "/alerts", "/targets", "/query?x=y",
                 "/agent", "/status", "/flags", "/config", "/service-discovery", "/tsdb-status", "/alertmanager-discovery"]:
        get(path)
    for method in ["GET", "POST", "HEAD"]:
        for path in ["//query", "/query/", "/QUERY", "/a/../query", "/query/./", "/query/%2e%2e/targets", "/api/v1/query/", "/api/v1/query/?query=1", "/api/v1/Query", "/api/v1//query", "/api//v1/query", "/api/v1/label/host/values/", "/api/v1/LABEL/Host/Values",
                     "/metrics/", "/-/healthy/", "/-/Healthy", "/graph/", "/nothing/", "//nothing", "/api/v1", "/api/v1/../../query", "/federate/", "/version/", "/api/v1/status/TSDB", "/a%20b//c?x=%20y", "//"]:
            get(path, method)
    return out


def main():
    args = rig.arguments(__doc__.splitlines()[0], show=("no", "whether to print known differences, too: yes or no"))
    both = twins.Twins(args)
    todo = requests(both.end)
    equal, known, wrong = 0, 0, 0
    for request in todo:
        method, path, headers, body = request
        title = f"{method} {path}" + (f" {headers}" if headers else "") + (f" body={body[:80]!r}" if body else "")
        try:
            answers = both.both(method, path, headers, body)
        except OSError as error:
            wrong += 1
            print(f"DIFFERS {title}\n    {error!r}")
            continue
        differences = compare(method, path, answers)
        reasons = {what: reason_for(f"{method} {path}", what) for what, _ in differences}
        new = [(what, text) for what, text in differences if reasons[what] is None]
        if new:
            wrong += 1
            print(f"DIFFERS {title}")
            for what, text in new:
                print(f"    {what}: {text}")
        elif any(what != "vary" for what, _ in differences):
            known += 1
            if args.show == "yes":
                print(f"known {title}: " + "; ".join(f"{what} ({reasons[what]})" for what, _ in differences))
        else:
            equal += 1
    print(f"{len(todo)} requests: {equal} answered equally, {known} with known differences between the releases, {wrong} not")
    sys.exit(1 if wrong else 0)


def reason_for(request, what):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(request).query)
    if what == "body" and re.search("/api/v1/(series|label)", request) and query.get("start", [""]) > query.get("end", ["~"]):
        return "a range that ends before it starts is empty; 3.5 answers with what overlaps both ends"
    return next((reason for pattern, field, reason in KNOWN if field in ("*", what) and re.search(pattern, request)), None)


def compare(method, path, answers):
    """What differs, as pairs of field and text."""
    (status, headers, body), (our_status, our_headers, our_body) = answers["real"], answers["ours"]
    found = []
    if status != our_status:
        found.append(("status", f"{status} -> {our_status} {our_body[:200]!r}"))
    for name in HEADERS:
        real, ours = ([value for key, value in pairs if key == name] for pairs in (headers, our_headers))
        if real != ours:
            found.append((name, f"{real} -> {ours}"))
    if body != our_body and method != "HEAD":
        difference = compare_bodies(path, body, our_body)
        if difference:
            found.append(("body", difference))
    return found


def compare_bodies(path, body, our_body):
    masked = next((keys.split() for pattern, keys, _ in MASKS if re.search(pattern, path)), [])
    try:
        real, ours = (json.loads(text, parse_float=str, parse_int=str, object_pairs_hook=Ordered) for text in (body, our_body))
    except ValueError:
        return f"{body[:300]!r} -> {our_body[:300]!r}"
    return difference(path, real, ours, masked, "")


class Ordered(list):
    """A JSON object as its pairs, so that the order of keys counts."""


def difference(path, real, ours, masked, where):
    """The first difference, or None."""
    if isinstance(real, Ordered) and isinstance(ours, Ordered):
        names, our_names = [key for key, _ in real], [key for key, _ in ours]
        if where in ("", "/data") and masked == ["*"] and "data" not in names:
            missing = sorted(set(names) - set(our_names)) + ["+" + name for name in sorted(set(our_names) - set(names))]
            return None if not missing or len(names) > 20 else f"{where}: keys {missing}"
        if names != our_names:
            return f"{where}: keys {names} -> {our_names}"
        for (key, value), (_, our_value) in zip(real, ours):
            if key not in masked and (found := difference(path, value, our_value, masked, f"{where}/{key}")):
                return found
        return None
    if type(real) is list and type(ours) is list:
        # Annotations have no order.
        if where in ("/warnings", "/infos"):
            real, ours = sorted(real), sorted(ours)
        # What has no order: series as the store finds them, metadata in a map.
        if where in UNORDERED.get(path.split("?")[0].removeprefix("/api/v1/"), ()) and real and isinstance(real[0], Ordered) and not re.search("query=(sort|topk|bottomk)", path):
            if "limit=" in path:
                real, ours = [0] * len(real), [0] * len(ours)
            real, ours = sorted(real, key=str), sorted(ours, key=str)
        if len(real) != len(ours):
            return f"{where}: {len(real)} -> {len(ours)} entries, first {str(real[:1])[:200]} -> {str(ours[:1])[:200]}"
        return next((found for i, (a, b) in enumerate(zip(real, ours)) if (found := difference(path, a, b, masked, f"{where}/{i}"))), None)
    return None if real == ours else f"{where}: {str(real)[:300]} -> {str(ours)[:300]}"


if __name__ == "__main__":
    main()
