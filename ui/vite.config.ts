import { defineConfig } from "vitest/config";

/** The server that `npm run dev` and `vite preview` ask. */
const server = process.env.NARTHEX_SERVER ?? "http://127.0.0.1:9090";

// File names carry no hash: the server sends an ETag for each file, and the
// committed bundle then changes only where its source does.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    license: { fileName: "assets/third-party-licenses.txt" },
    rollupOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
        // What all bundles share has a name of its own.
        codeSplitting: { groups: [{ name: "preact", test: /node_modules\/@?preact\// }] },
      },
    },
  },
  // The page asks again every second while a server starts; a busy machine takes longer.
  test: { expect: { poll: { timeout: 20_000 } } },
  server: {
    proxy: { "/api": server, "/-": server },
  },
});
