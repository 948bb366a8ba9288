// Invariants 1, 2, 4 and 6: the ingester, the database and the broker are killed at random moments, under a publisher that
// keeps its own list of what was acknowledged to it. RTLS_TEST_SEED repeats a run, RTLS_CHAOS_ROUNDS makes it longer.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import mqtt from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { createRandom } from '../../src/simulate/random.ts'
import { type KillableDatabase, openKillableDatabase } from '../support/database-process.ts'
import { openMosquitto } from '../support/mosquitto.ts'
import { queryOnce } from '../support/query.ts'
import { testSeed } from '../support/seed.ts'
import { type Service, openService, startService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const rounds = Number(process.env['RTLS_CHAOS_ROUNDS'] ?? 15)

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

/** Ten pings a message, each with a number of its own; `acknowledged` is what the broker promised. */
interface Gateway {
  readonly acknowledged: Set<number>
  published(): number
  stop(): Promise<void>
}

function openGateway(url: string): Gateway {
  const client = mqtt.connect(url, { clientId: 'chaos-gateway', clean: false, reconnectPeriod: 100 })
  client.on('error', () => undefined)
  const acknowledged = new Set<number>()
  /** A millisecond a ping: the key of each is its own. */
  const startMs = Date.now() - 3_600_000
  let next = 0
  let isStopped = false
  let outstanding = 0
  const publish = (): void => {
    const seqs = Array.from({ length: 10 }, () => next++)
    const payload = JSON.stringify(
      seqs.map((seq) => ({ tagId: `T${seq % 97}`, t: startMs + seq, x: 1, y: 2, seq })),
    )
    outstanding += 1
    client.publish('rtls/h1/gw-1/pings', payload, { qos: 1 }, (error) => {
      outstanding -= 1
      if (!error) for (const seq of seqs) acknowledged.add(seq)
    })
  }
  const timer = setInterval(() => {
    if (client.connected && outstanding < 100) publish()
  }, 5)
  return {
    acknowledged,
    published: () => next,
    async stop() {
      if (isStopped) return
      isStopped = true
      clearInterval(timer)
      await waitFor(() => outstanding === 0, {
        what: 'the acknowledgement of everything published',
      })
      await client.endAsync(true)
    },
  }
}

async function missing(database: KillableDatabase, gateway: Gateway): Promise<number[]> {
  const rows = await queryOnce<{ seq: string }>(database.url, 'SELECT seq::text FROM location_history')
  const stored = new Set(rows.map((row) => Number(row.seq)))
  return [...gateway.acknowledged].filter((seq) => !stored.has(seq))
}

describe.each(['commit', 'spool'])('with ACK_MODE=%s', (mode) => {
  it(
    `${rounds} kills of ingester, database and broker lose nothing that was acknowledged and store nothing twice (RTLS_TEST_SEED=${testSeed})`,
    { timeout: 60_000 + rounds * 15_000 },
    async () => {
      const random = createRandom(testSeed + mode.length)
      const dir = mkdtempSync(path.join(tmpdir(), 'rtls-chaos-'))
      closers.push(() => rmSync(dir, { recursive: true, force: true }))
      const broker = await openMosquitto({
        config: ['max_queued_messages 0', 'autosave_interval 1', 'autosave_on_changes true'],
      })
      closers.push(async () => broker.stop())
      const database = await openKillableDatabase()
      closers.push(async () => database.close())
      const options = {
        mayReconnect: true,
        mqttUrl: broker.url,
        databaseUrl: database.url,
        env: { ACK_MODE: mode, SPOOL_DIR: path.join(dir, 'spool'), LOG_LEVEL: 'info' },
        args: ['--set', 'spool.afterMs=300'],
      }
      let running: Pick<Service, 'kill'> = await openService(options)
      const gateway = openGateway(broker.url)
      closers.push(async () => gateway.stop())

      for (let round = 0; round < rounds; round += 1) {
        // Real time on purpose: the moment of the kill is the point of the test.
        await wait(50 + random.next() * 700)
        const target = ['ingester', 'database', 'ingester', 'broker'][random.int(4)]
        if (target === 'database') await database.killAndRestart()
        else if (target === 'broker') {
          // SIGTERM: what a killed Mosquitto had acknowledged and not yet written is its loss, not ours.
          await broker.stop()
          await broker.restart()
        } else {
          await running.kill('SIGKILL')
          const started = startService(options)
          // Half of the time the next kill comes while it is still starting.
          if (random.next() < 0.5) await started.cli.waitForLine(/"msg":"running"/u)
          running = started.cli
        }
      }
      await running.kill('SIGKILL')
      const service = await openService(options)
      await gateway.stop()
      await waitFor(async () => (await missing(database, gateway)).length === 0, {
        what: 'every acknowledged ping in location_history',
      })
      await service.atRest(0)
      const [row] = await queryOnce<{ n: number; different: number; dead: number }>(
        database.url,
        'SELECT count(*)::int AS n, count(DISTINCT seq)::int AS different, (SELECT count(*)::int FROM dead_letter) AS dead FROM location_history',
      )
      expect(row).toEqual({ n: row?.different, different: row?.different, dead: 0 })
      expect(gateway.acknowledged.size).toBeGreaterThan(500)
      // What was published and never acknowledged may or may not be there; nothing else is.
      expect(row?.n).toBeLessThanOrEqual(gateway.published())
      expect((await service.kill()).code).toBe(0)
    },
  )
})
