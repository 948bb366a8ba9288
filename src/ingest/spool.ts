/**
 * The local queue for `ack.mode: spool`: messages that are acknowledged before the database has them. Bounded, fsynced,
 * first in first out. The store is LevelDB (classic-level): it checks its log at opening, drops a torn last write and
 * locks its directory.
 *
 * Keeps messages as they came, with their receive time: what is drained takes the same decode as what comes from the broker.
 * Guarantees: what `put` resolved for survives kill -9; a failed write is answered by an error and mended by opening again.
 */
import { mkdirSync } from 'node:fs'
import { ClassicLevel } from 'classic-level'
import { UserError } from '../ops/user-error.ts'
import type { Delivery } from './ping.ts'

export interface SpoolEntry {
  readonly key: string
  readonly pings: number
  readonly deliveries: Delivery[]
}

export interface Spool {
  /** Resolves when the messages are on disk. Errors: that it is full; whatever the disk says. */
  put(deliveries: readonly Delivery[], pings: number): Promise<void>
  /** The oldest entries, up to that many pings and bytes; at least one when there is one. */
  oldest(pings: number, bytes: number): Promise<SpoolEntry[]>
  remove(entries: readonly SpoolEntry[]): Promise<void>
  readonly pings: number
  readonly bytes: number
  close(): Promise<void>
}

type Store = ClassicLevel<string, Buffer>

/** Wide enough for 10^15 entries; the size and the count stand in the key, so that opening reads no values. */
const keyOf = (sequence: number, pings: number, bytes: number): string =>
  `${String(sequence).padStart(16, '0')}:${pings}:${bytes}`

function parseKey(key: string): { sequence: number; pings: number; bytes: number } {
  const [sequence = 0, pings = 0, bytes = 0] = key.split(':').map(Number)
  return { sequence, pings, bytes }
}

/** Errors: UserError when another process has the directory, or when it cannot be used. */
export async function openSpool(options: { dir: string; maxBytes: number }): Promise<Spool> {
  const { dir, maxBytes } = options
  let store = await openStore(dir)
  let isBroken = false
  let sequence = 0
  let pings = 0
  let bytes = 0
  const count = async (): Promise<void> => {
    pings = 0
    bytes = 0
    for await (const key of store.keys()) {
      const parsed = parseKey(key)
      sequence = Math.max(sequence, parsed.sequence)
      pings += parsed.pings
      bytes += parsed.bytes
    }
  }
  await count()

  /**
   * After a failed write LevelDB refuses every further one until it is opened anew; and whether that write is there
   * afterwards, only the store knows: so it is counted again.
   */
  let mending: Promise<void> | undefined
  const mend = async (): Promise<void> => {
    if (!isBroken) return
    mending ??= (async () => {
      try {
        await store.close()
        store = await openStore(dir)
        await count()
        isBroken = false
      } finally {
        mending = undefined
      }
    })()
    await mending
  }

  const written = async (write: (open: Store) => Promise<void>): Promise<void> => {
    await mend()
    try {
      await write(store)
    } catch (error) {
      isBroken = true
      throw error
    }
  }

  /** A batch keeps its key when it is put again after a failure. */
  const keys = new WeakMap<readonly Delivery[], string>()

  return {
    get pings() {
      return pings
    },
    get bytes() {
      return bytes
    },
    async put(deliveries, many) {
      const value = encode(deliveries)
      if (bytes + value.length > maxBytes)
        throw new Error(`the spool holds ${bytes} of at most ${maxBytes} bytes`)
      await mend()
      let key = keys.get(deliveries)
      // The write that failed may be there all the same, now that the store was opened again.
      if (key !== undefined && (await store.get(key)) !== undefined) return
      if (key === undefined) {
        sequence += 1
        key = keyOf(sequence, many, value.length)
        keys.set(deliveries, key)
      }
      const at = key
      // Counted before it is written: two batches at once must not both take the last room.
      bytes += value.length
      pings += many
      try {
        await written(async (open) => open.put(at, value, { sync: true }))
      } catch (error) {
        bytes -= value.length
        pings -= many
        throw error
      }
    },
    async oldest(limit, maxBatchBytes) {
      await mend()
      const entries: SpoolEntry[] = []
      let taken = 0
      let takenBytes = 0
      for await (const [key, value] of store.iterator()) {
        const size = parseKey(key)
        if (entries.length > 0 && (taken + size.pings > limit || takenBytes + size.bytes > maxBatchBytes))
          break
        entries.push({ key, pings: size.pings, deliveries: decode(value) })
        taken += size.pings
        takenBytes += size.bytes
      }
      return entries
    },
    async remove(entries) {
      // Not fsynced: removed twice is drained twice, and a ping is one row however often it is written.
      await written(async (open) => open.batch(entries.map(({ key }) => ({ type: 'del' as const, key }))))
      for (const { key } of entries) {
        const parsed = parseKey(key)
        pings -= parsed.pings
        bytes -= parsed.bytes
      }
    },
    async close() {
      await store.close()
    },
  }
}

async function openStore(dir: string): Promise<Store> {
  mkdirSync(dir, { recursive: true })
  const store: Store = new ClassicLevel(dir, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    compression: true,
  })
  try {
    await store.open()
    return store
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'LEVEL_LOCKED')
      throw new UserError(
        `The spool directory ${dir} is in use by another process. Give each process a SPOOL_DIR of its own.`,
        1,
        { cause: error },
      )
    throw new UserError(
      `The spool directory ${dir} cannot be opened: ${cause instanceof Error ? cause.message : String(error)}. Set SPOOL_DIR to a directory that can be written.`,
      1,
      { cause: error },
    )
  }
}

/** Messages one after another: receive time (8 bytes), topic length, payload length (4 bytes each), topic, payload. */
function encode(deliveries: readonly Delivery[]): Buffer {
  return Buffer.concat(
    deliveries.flatMap(({ receivedAtUs, topic, payload }) => {
      const name = Buffer.from(topic)
      const head = Buffer.alloc(16)
      head.writeDoubleBE(receivedAtUs, 0)
      head.writeUInt32BE(name.length, 8)
      head.writeUInt32BE(payload.length, 12)
      return [head, name, payload]
    }),
  )
}

function decode(value: Buffer): Delivery[] {
  const deliveries: Delivery[] = []
  for (let at = 0; at < value.length;) {
    const topicEnd = at + 16 + value.readUInt32BE(at + 8)
    const payloadEnd = topicEnd + value.readUInt32BE(at + 12)
    deliveries.push({
      receivedAtUs: value.readDoubleBE(at),
      topic: value.toString('utf8', at + 16, topicEnd),
      payload: value.subarray(topicEnd, payloadEnd),
      // Acknowledged long ago: nobody waits for it.
      packetId: 0,
      epoch: -1,
      isSettled: true,
    })
    at = payloadEnd
  }
  return deliveries
}
