// scripts/audit.mjs, with an npm that says what we want it to say.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-audit-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** `says`: what npm prints. */
function audit(says: string): { status: number | null; stdout: string } {
  writeFileSync(path.join(folder, 'said'), says)
  writeFileSync(path.join(folder, 'npm'), `#!/bin/sh\ncat "${folder}/said"\nexit 1\n`, { mode: 0o755 })
  const env = { ...process.env, PATH: `${folder}${path.delimiter}${process.env['PATH'] ?? ''}` }
  return spawnSync(process.execPath, [path.join(root, 'scripts/audit.mjs')], { env, encoding: 'utf8' })
}

const hole = (severity: string) => ({
  name: 'left-pad',
  severity,
  range: '<2',
  via: [{ title: 'It pads right', url: 'https://example.com/advisory' }],
  fixAvailable: true,
})

it('fails on a hole that is high or critical, and names it', () => {
  for (const severity of ['high', 'critical']) {
    const { status, stdout } = audit(JSON.stringify({ vulnerabilities: { 'left-pad': hole(severity) } }))
    expect(stdout).toContain(`${severity}: left-pad <2; npm has a version without it. It pads right`)
    expect(status).toBe(1)
  }
})

it('passes with lesser ones, with none, and when the registry cannot be asked', () => {
  for (const severity of ['low', 'moderate'])
    expect(audit(JSON.stringify({ vulnerabilities: { 'left-pad': hole(severity) } })).status).toBe(0)
  expect(audit(JSON.stringify({ vulnerabilities: {} })).status).toBe(0)
  for (const said of ['', 'not JSON', JSON.stringify({ message: '405 Method Not Allowed' })]) {
    const { status, stdout } = audit(said)
    expect(stdout).toContain('could not be asked')
    expect(status).toBe(0)
  }
})

it('is a stage of the check', () => {
  expect(readFileSync(path.join(root, '.ci/run'), 'utf8')).toContain('node scripts/audit.mjs')
})
