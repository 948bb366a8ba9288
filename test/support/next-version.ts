// The next version of rtls-ingest, as far as its database goes: this build with more migrations and a higher number,
// installed in a folder of its own.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** The folder where it is installed; `files`: path below sql/ → text to append. Removed when the test has finished. */
export function installNextVersion(version: string, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(path.join(tmpdir(), 'rtls-next-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const folder of ['dist', 'sql'])
    cpSync(path.join(ROOT, folder), path.join(root, folder), { recursive: true })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'))
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as object
  writeFileSync(path.join(root, 'package.json'), JSON.stringify({ ...manifest, version }))
  for (const [name, text] of Object.entries(files))
    writeFileSync(path.join(root, 'sql', name), text, { flag: 'a' })
  return root
}
