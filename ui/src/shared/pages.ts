// The pages there are: their paths are Prometheus', so that old links work.

export type PageName =
  | "query"
  | "alerts"
  | "rules"
  | "targets"
  | "service-discovery"
  | "status"
  | "tsdb-status"
  | "flags"
  | "config"
  | "alertmanager-discovery";

export interface PageInfo {
  name: PageName;
  title: string;
  /** Its heading in the Status menu; pages without one stand in the header. */
  group?: "Monitoring" | "Server";
  /** The key that opens it after `g`. */
  key: string;
  /** Whether it exists only where the server evaluates rules. */
  needsRules?: boolean;
}

export const PAGES: PageInfo[] = [
  { name: "query", title: "Query", key: "q" },
  { name: "alerts", title: "Alerts", key: "a", needsRules: true },
  { name: "targets", title: "Target health", group: "Monitoring", key: "t" },
  { name: "rules", title: "Rule health", group: "Monitoring", key: "r", needsRules: true },
  { name: "service-discovery", title: "Service discovery", group: "Monitoring", key: "d" },
  { name: "status", title: "Runtime & build information", group: "Server", key: "s" },
  { name: "tsdb-status", title: "TSDB status", group: "Server", key: "b" },
  { name: "flags", title: "Command-line flags", group: "Server", key: "f" },
  { name: "config", title: "Configuration", group: "Server", key: "c" },
  { name: "alertmanager-discovery", title: "Alertmanager discovery", group: "Server", key: "m", needsRules: true },
];

const SUFFIX = new RegExp(`(?:^|/)(${[...PAGES.map((page) => page.name), "graph"].join("|")})/?$`);

/** The page that `pathname` names; anything unknown is the query page. */
export function pageAt(pathname: string): PageInfo {
  const name = SUFFIX.exec(pathname)?.[1];
  return PAGES.find((page) => page.name === name) ?? PAGES[0]!;
}

/** The address of the server's root, whatever page of it is open: ends in `/`. */
export function rootPath(pathname: string): string {
  return pathname.replace(SUFFIX, "/");
}
