#!/usr/bin/env node
// Makes dist/page/ of src/page/: bundles named by their content, each beside its brotli and gzip form, and the HTML that names them.
//
// What the browser gets is complete: no part of it comes from elsewhere. The folder is written anew each time, the HTML last.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const source = path.join(root, 'src', 'page')
const target = path.join(root, 'dist', 'page')

fs.rmSync(target, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    main: path.join(source, 'main.tsx'),
    theme: path.join(source, 'theme-first.ts'),
    style: path.join(source, 'style', 'page.css'),
  },
  outdir: target,
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  // Two years of browsers: hospitals' wall displays are not renewed every month.
  target: ['chrome111', 'firefox113', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  define: { 'process.env.NODE_ENV': '"production"' },
  minify: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
})

const outputs = Object.entries(metafile.outputs)
const fileOf = (entry) => {
  const found = outputs.find(([, { entryPoint }]) => entryPoint === `src/page/${entry}`)
  if (found === undefined) throw new Error(`the bundle has no ${entry}`)
  return `/page/${path.basename(found[0])}`
}
const html = fs
  .readFileSync(path.join(source, 'index.html'), 'utf8')
  .replaceAll(/\{\{(.+?)\}\}/g, (_, entry) => fileOf(entry))

for (const [file] of outputs) compress(path.join(root, file))
fs.writeFileSync(path.join(target, 'index.html'), html)

function compress(file) {
  const data = fs.readFileSync(file)
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: data.length }
  fs.writeFileSync(`${file}.br`, brotliCompressSync(data, { params }))
  fs.writeFileSync(`${file}.gz`, gzipSync(data, { level: 9 }))
}
