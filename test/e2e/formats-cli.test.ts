// What an integrator types on site: the built CLI, without a broker and a database.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatNames } from '../../src/formats/format.ts'
import { runCli } from '../support/child.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-formats-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const write = (name: string, content: string): string => {
  const file = path.join(folder, name)
  writeFileSync(file, content)
  return file
}

const mappings = [
  { topic: 'tags', format: 'pozyx', facility: 'h1', gateway: 'pozyx-hub', transform: { offsetX: 100 } },
  { topic: '/gw/{gateway}/status', format: 'minew', facility: 'h1', gateways: ['gw-a', 'gw-b'] },
]

describe('on the command line', () => {
  it('formats lists every format, and its example decodes as it says', async () => {
    const { stdout } = await runCli(['formats', '--json'])
    const listed = JSON.parse(stdout) as { name: string; example: { topic: string; payload: unknown } }[]
    expect(listed.map(({ name }) => name)).toEqual([...formatNames])
    const text = (await runCli(['formats'])).stdout
    for (const name of formatNames) expect(text).toContain(`\n${name}\n`.slice(name === 'native' ? 1 : 0))
    const [, , , pozyx] = listed
    const decoded = await runCli(['decode', '--format', 'pozyx', '--topic', 'tags', '--json', '-'], {
      stdin: JSON.stringify(pozyx?.example.payload),
    })
    expect(JSON.parse(decoded.stdout)).toMatchObject({
      pings: [{ tag_id: '26419', x: 1.995 }],
      rejections: [],
    })
  })

  it('decode shows ping by ping what becomes of a payload, with reasons, and exits 1 when anything is rejected', async () => {
    const file = write(
      'payload.json',
      '[{"tagId":"1","success":true,"data":{"coordinates":{"x":1,"y":2}}},{"tagId":null}]',
    )
    const { stdout, stderr } = await runCli(['decode', '--format', 'pozyx', '--topic', 'tags', file], {
      expectCode: 1,
    })
    expect(stdout).toMatch(/element 0: a ping\n {2}tag_id +1\n/u)
    expect(stdout).toMatch(
      /element 1: REJECTED, invalid_ping: .*\n {2}detail +tagId: .*\n {2}payload +\{"tagId":null\}\n/u,
    )
    expect(stderr).toBe('rtls-ingest: 1 rejected; the service would put it into dead_letter.')
  })

  it('decode without --format uses the mappings of the configuration', async () => {
    const config = write('site.yaml', `formats: ${JSON.stringify(mappings)}\n`)
    const file = write(
      'sighting.json',
      JSON.stringify([{ type: 'S1', mac: 'T1', rssi: -60, timestamp: '2026-11-22T06:00:00Z' }]),
    )
    const args = ['decode', '--config', config, file, '--json', '--topic']
    const { stdout } = await runCli([...args, '/gw/gw-a/status'])
    expect(JSON.parse(stdout)).toMatchObject({
      pings: [],
      sightings: [{ gateway_id: 'gw-a', facility_id: 'h1' }],
    })
    const refused = await runCli([...args, '/gw/stranger/status'], { expectCode: 1 })
    expect(JSON.parse(refused.stdout)).toMatchObject({
      rejections: [{ element: -1, reason: 'unknown_gateway' }],
    })
  })

  it('replay of a file that is none is said at once', async () => {
    const { stderr } = await runCli(['replay', '/nonexistent.csv'], { expectCode: 1 })
    expect(stderr).toMatch(/^rtls-ingest: \/nonexistent\.csv cannot be read: ENOENT/u)
    const header = await runCli(['replay', write('odd.csv', 'a,b\n1,2\n')], { expectCode: 2 })
    expect(header.stderr).toMatch(/odd\.csv:1: no column for t, tag, x, y in the header "a,b"/u)
  })
})
