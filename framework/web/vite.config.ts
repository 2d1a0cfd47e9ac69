import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';
import made from './package-lock.json' with { type: 'json' };

const LITERT = 'node_modules/@litertjs/core';
const MODELS = 'node_modules/@mediapipe/selfie_segmentation';
// What is under `assets/` is kept by browsers for ever: these names tell one version from the next.
const BACKGROUND = `assets/background-${made.packages[LITERT].version}-${made.packages[MODELS].version}/`;

/** Files that the browser fetches by their own names, when somebody wants another background. */
function asTheyAre(): Plugin {
  const files = {
    'litert_wasm_internal.js': `${LITERT}/wasm/litert_wasm_internal.js`,
    'litert_wasm_internal.wasm': `${LITERT}/wasm/litert_wasm_internal.wasm`,
    'landscape.tflite': `${MODELS}/selfie_segmentation_landscape.tflite`,
    'square.tflite': `${MODELS}/selfie_segmentation.tflite`,
  };
  return {
    name: 'as-they-are',
    generateBundle() {
      for (const [name, path] of Object.entries(files)) this.emitFile({ type: 'asset', fileName: BACKGROUND + name, source: readFileSync(path) });
    },
  };
}

// The page's own files are all it loads, so that it works under a policy of `default-src 'self'` with nothing inline.
export default defineConfig({
  base: '/',
  publicDir: false,
  plugins: [asTheyAre()],
  define: { BACKGROUND_FILES: JSON.stringify(`/${BACKGROUND}`) },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: 'es2022',
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      input: { index: 'index.html', screen: 'screen.html', welcome: 'welcome.html', jackfield: 'src/jackfield.ts' },
      // The module's name is part of its address in other people's pages.
      output: { entryFileNames: (chunk) => (chunk.name === 'jackfield' ? 'jackfield.js' : 'assets/[name]-[hash].js') },
      preserveEntrySignatures: 'exports-only',
    },
  },
});
