// Pages that are loaded when they are first opened.

import { lazyView } from "../shared/lazy";
import type { PageName } from "../shared/pages";

export type LazyPageName = Exclude<PageName, "query" | "targets">;

export const LazyPage = lazyView<{ name: LazyPageName }>(() => import("../pages").then((module) => module.PageView));
