import { defineConfig } from "vite";

// File names carry no hash: the server sends an ETag for each file, and the
// committed bundle then changes only where its source does.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    modulePreload: false,
    rollupOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: {
    proxy: { "/api": "http://127.0.0.1:9090", "/-": "http://127.0.0.1:9090" },
  },
});
