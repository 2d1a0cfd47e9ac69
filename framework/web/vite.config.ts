import { defineConfig } from 'vite';

// The page's own files are all it loads, so that it works under a policy of `default-src 'self'` with nothing inline.
export default defineConfig({
  base: '/',
  publicDir: false,
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: 'es2022',
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      input: { index: 'index.html', screen: 'screen.html', jackfield: 'src/jackfield.ts' },
      // The module's name is part of its address in other people's pages.
      output: { entryFileNames: (chunk) => (chunk.name === 'jackfield' ? 'jackfield.js' : 'assets/[name]-[hash].js') },
      preserveEntrySignatures: 'exports-only',
    },
  },
});
