/**
 * The folder of the spool: can it be written, is there room for the whole of it, how fast is its fsync?
 * Writes one small file of its own there and removes it; opens nothing that belongs to a running service.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readdir, rm, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../config-schema.ts'
import { type Check, type Verdict, fail, formatBytes, ok, skip, warn } from './finding.ts'
import { messageOf } from '../ops/user-error.ts'

const writes = 20
/** As much as a small batch. */
const blockBytes = 4096
/** Slower than this and the spool takes fewer messages than a small site sends when each waits for its own fsync. */
const slowMs = 20

export function spoolChecks({ ack, spool }: Config): Check[] {
  if (ack.mode !== 'spool')
    return [{ name: 'mode', look: () => skip('no spool: ack.mode is commit, messages wait at the broker') }]
  const place = existing(path.resolve(spool.dir))
  return [
    { name: 'folder', isGate: true, look: async () => lookAtSpeed(place, spool.dir) },
    { name: 'room', look: async () => lookAtRoom(place, spool.dir, spool.maxBytes) },
  ]
}

/** The folder, or the nearest one above it that is there: the service makes the rest. */
function existing(folder: string): string {
  return existsSync(folder) ? folder : existing(path.dirname(folder))
}

async function lookAtSpeed(place: string, name: string): Promise<Verdict> {
  const file = path.join(place, `.rtls-ingest-doctor-${randomBytes(6).toString('hex')}`)
  const remedy =
    'Set SPOOL_DIR to a folder on a disk that survives a restart, and that this user may write to.'
  if (!(await stat(place)).isDirectory()) return fail(`${place} is not a folder`, remedy)
  const timesMs: number[] = []
  try {
    const handle = await open(file, 'wx')
    try {
      for (let write = 0; write < writes; write += 1) {
        const startedMs = performance.now()
        await handle.write(randomBytes(blockBytes))
        await handle.datasync()
        timesMs.push(performance.now() - startedMs)
      }
    } finally {
      await handle.close()
      await rm(file, { force: true })
    }
  } catch (error) {
    return fail(`${place} cannot be written: ${messageOf(error)}`, remedy)
  }
  const median = timesMs.toSorted((a, b) => a - b)[writes / 2] ?? 0
  const said = `${name} can be written; a 4 kiB fsync takes ${median.toFixed(1)} ms (median of ${writes})`
  if (median < slowMs) return ok(said)
  return warn(said, 'Slow for a spool: put SPOOL_DIR on a local SSD. Until then acknowledgements come late.')
}

async function lookAtRoom(place: string, name: string, maxBytes: number): Promise<Verdict> {
  const { bavail, bsize } = await statfs(place)
  const free = bavail * bsize
  const used = existsSync(name) ? await sizeOf(name) : 0
  const said = `${formatBytes(free)} free, ${formatBytes(used)} in the spool, which may grow to ${formatBytes(maxBytes)}`
  return free + used >= maxBytes
    ? ok(said)
    : warn(
        said,
        'The disk is full before the spool is; then nothing is acknowledged. Lower spool.maxBytes or make room.',
      )
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0
  // A running service may remove a file between the list and the look.
  for (const file of await readdir(folder))
    bytes += (await stat(path.join(folder, file)).catch(() => ({ size: 0 }))).size
  return bytes
}
