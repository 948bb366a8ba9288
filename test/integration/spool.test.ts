import { execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Spool, openSpool } from '../../src/ingest/spool.ts'
import { delivery } from '../support/pings.ts'

let dir: string
let spool: Spool | undefined
const maxBytes = 1_048_576
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'rtls-spool-'))
})
afterEach(async () => {
  await spool?.close()
  spool = undefined
  rmSync(dir, { recursive: true, force: true })
})
const open = async (at = dir): Promise<Spool> => {
  spool = await openSpool({ dir: at, maxBytes })
  return spool
}
const message = (text: string, receivedAtUs = 1_795_330_800_123_457): ReturnType<typeof delivery> =>
  delivery(text, 'rtls/h/Überwachung/pings', receivedAtUs)
const texts = async (from: Spool, limit = 1000): Promise<string[]> =>
  (await from.oldest(limit, 1e9)).flatMap((entry) => entry.deliveries.map((one) => one.payload.toString()))

describe('the spool', () => {
  it('gives back messages as they came, first in first out, after a restart too', async () => {
    let open1 = await open()
    await open1.put([message('a'), message('b')], 2)
    await open1.put([message('c')], 5)
    await open1.close()
    open1 = await open()
    expect(open1.pings).toBe(7)
    expect(open1.bytes).toBeGreaterThan(0)
    const entries = await open1.oldest(1000, 1e9)
    expect(entries.flatMap((entry) => entry.deliveries)).toMatchObject([
      { topic: 'rtls/h/Überwachung/pings', receivedAtUs: 1_795_330_800_123_457, isSettled: true },
      {},
      {},
    ])
    expect(await texts(open1)).toEqual(['a', 'b', 'c'])
    expect(await texts(open1, 1)).toEqual(['a', 'b'])
    await open1.remove(entries)
    expect([open1.pings, open1.bytes, await texts(open1)]).toEqual([0, 0, []])
    await open1.put([message('d')], 1)
    expect(await texts(open1)).toEqual(['d'])
  })

  it('takes no more than its bound, and takes again when there is room', async () => {
    const bounded = await open()
    await bounded.put([message('x'.repeat(900_000))], 1)
    await expect(bounded.put([message('x'.repeat(900_000))], 1)).rejects.toThrow(
      /the spool holds \d+ of at most 1048576 bytes/u,
    )
    await bounded.remove(await bounded.oldest(1, 1e9))
    await bounded.put([message('x'.repeat(900_000))], 1)
    expect(bounded.pings).toBe(1)
  })

  it('is refused to a second process in one sentence', async () => {
    await open()
    await expect(openSpool({ dir, maxBytes })).rejects.toThrow(
      /is in use by another process\. Give each process a SPOOL_DIR of its own/u,
    )
  })

  it('says which directory cannot be used', async () => {
    appendFileSync(path.join(dir, 'a-file'), '')
    await expect(openSpool({ dir: path.join(dir, 'a-file', 'spool'), maxBytes })).rejects.toThrow(/a-file/u)
  })

  it('keeps what it acknowledged when the process is killed', async () => {
    const source = `
      import { openSpool } from '${new URL('../../dist/ingest/spool.js', import.meta.url).href}'
      const spool = await openSpool({ dir: process.argv[1], maxBytes: 1e9 })
      for (let n = 0; ; n += 1) {
        await spool.put([{ topic: 't', payload: Buffer.from(String(n)), receivedAtUs: 1, packetId: 0, epoch: 0, isSettled: false }], 1)
        process.stdout.write(n + '\\n')
      }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', source, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.split('\n').length > 200) child.kill('SIGKILL')
    })
    await new Promise((resolve) => child.once('close', resolve))
    const acknowledged = output.trimEnd().split('\n')
    const kept = new Set(await texts(await open(), 1_000_000))
    expect(acknowledged.length).toBeGreaterThan(100)
    expect(acknowledged.filter((one) => !kept.has(one))).toEqual([])
  })

  it('opens after a torn last write, and keeps all before it', async () => {
    const first = await open()
    for (let n = 0; n < 50; n += 1) await first.put([message(`m${n}`)], 1)
    await first.close()
    spool = undefined
    const log = readdirSync(dir).find((name) => name.endsWith('.log'))
    if (log === undefined) throw new Error('LevelDB keeps no log')
    truncateSync(path.join(dir, log), statSync(path.join(dir, log)).size - 7)
    expect(await texts(await open())).toEqual(Array.from({ length: 49 }, (_, n) => `m${n}`))
  })

  it('can be copied to another machine', async () => {
    const first = await open()
    await first.put([message('a')], 1)
    await first.close()
    spool = undefined
    const copy = `${dir}-copy`
    cpSync(dir, copy, { recursive: true })
    expect(await texts(await open(copy))).toEqual(['a'])
    rmSync(copy, { recursive: true })
  })

  it('on a full disk acknowledges nothing, says why, and takes again when there is room', async (context) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir], { stdio: 'pipe' })
    } catch {
      context.skip('a small file system cannot be mounted here (needs root)')
    }
    try {
      const small = await openSpool({ dir: path.join(dir, 'spool'), maxBytes: 1e9 })
      spool = small
      const filler = path.join(dir, 'filler')
      await small.put([message('before')], 1)
      writeFileSync(filler, Buffer.alloc(statfsSync(dir).bavail * statfsSync(dir).bsize))
      const big = message('x'.repeat(100_000))
      await expect(
        (async () => {
          for (let n = 0; n < 50; n += 1) await small.put([big], 1)
        })(),
      ).rejects.toThrow(/no space|space left|IO error/iu)
      const before = small.pings
      rmSync(filler)
      await small.put([message('after')], 1)
      expect(small.pings).toBe(before + 1)
      const kept = await texts(small, 1000)
      expect([kept[0], kept.at(-1)]).toEqual(['before', 'after'])
      await small.close()
      spool = undefined
    } finally {
      execFileSync('umount', ['-l', dir])
    }
  })
})
