// The parts of the query page that are loaded when they are first asked for.

export { Explorer } from "./explorer";
export { TreeView } from "./tree";
