// Builds the page into dist/. Its files lie beside each other, so that they are found wherever the page is served.
export default {
  base: "./",
  build: { assetsDir: "graphiql", target: "es2022", chunkSizeWarningLimit: 5000 },
  esbuild: { jsx: "automatic" },
  worker: { format: "es" },
};
