// The pages that are opened less often, in a bundle of their own.

import type { ComponentType } from "preact";
import { AlertmanagersPage } from "./alerts/alertmanagers";
import { AlertsPage } from "./alerts/alerts";
import { RulesPage } from "./alerts/rules";
import { DiscoveryPage } from "./discovery/page";
import type { LazyPageName } from "./shell/lazy";
import { ConfigPage } from "./status/config";
import { FlagsPage } from "./status/flags";
import { RuntimePage } from "./status/runtime";
import { TsdbPage } from "./status/tsdb";

const VIEWS: Record<LazyPageName, ComponentType> = {
  alerts: AlertsPage,
  rules: RulesPage,
  "service-discovery": DiscoveryPage,
  status: RuntimePage,
  "tsdb-status": TsdbPage,
  flags: FlagsPage,
  config: ConfigPage,
  "alertmanager-discovery": AlertmanagersPage,
};

export function PageView({ name }: { name: LazyPageName }) {
  const View = VIEWS[name];
  return <View key={name} />;
}
