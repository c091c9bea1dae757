// What draws with uPlot, in a bundle of its own.

export { GraphView } from "./graph";
export { HeatmapView } from "./heatmap";
