// `upgrade apply` killed with SIGKILL at random moments: each time v1 is as it was, or the next run goes on; in the end every row
// is there once. Each kill comes after a random line of the output and a random moment more, so that every step is hit.
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRandom } from '../../src/simulate/random.ts'
import { type Hospital, hasServer, openHospital } from '../support/upgrade.ts'

/** Opening the embedded database again after each kill costs seconds. */
const kills = hasServer() ? 10 : 3
const pings = hasServer() ? 60_000 : 20_000
const deadlineMs = 600_000
const seed = Number(process.env['RTLS_TEST_SEED'] ?? Date.now() % 1_000_000)

let hospital: Hospital
let before: unknown
const fingerprint = `SELECT count(*)::int AS n, sum(('x' || left(md5(to_jsonb(p)::text), 15))::bit(60)::bigint)::text AS sum`
beforeAll(async () => {
  hospital = await openHospital({ pings, days: 200 })
  before = await hospital.query(`${fingerprint} FROM asset_location_pings p`)
}, deadlineMs)
afterAll(async () => {
  await hospital.close()
})

it(
  `apply killed ${kills} times ends as if it had never been killed (seed ${seed})`,
  { timeout: deadlineMs },
  async () => {
    const random = createRandom(seed)
    const args = [
      'apply',
      '--backup-dir',
      hospital.backupDir,
      '--mapping',
      'test/support/biotrakr-mapping.yaml',
    ]
    const killedAt: string[] = []
    for (let kill = 0; kill < kills; kill += 1) {
      const cli = hospital.start(args)
      const lines = random.int(8)
      const momentMs = random.int(800)
      const ended = cli.exit.then(() => true)
      const enough = (async () => {
        // A condition with the end of the process as its deadline, then a moment that is meant to be random.
        while (cli.stdout.length < lines) if (await Promise.race([ended, wait(20, false)])) return
        await wait(momentMs)
      })()
      await Promise.race([ended, enough])
      await cli.kill('SIGKILL')
      killedAt.push(cli.stdout.at(-1) ?? '(nothing said)')
      // Whatever was reached: v1's rows are all there, here or in their schema.
      const place = `SELECT CASE WHEN to_regclass('biotrakr_v1.asset_location_pings') IS NULL THEN 'public' ELSE 'biotrakr_v1' END AS schema`
      const [found] = await hospital.query<{ schema: string }>(place)
      expect(
        await hospital.query(`${fingerprint} FROM ${found?.schema ?? '?'}.asset_location_pings p`),
        `seed ${seed}, killed after: ${killedAt.join(' | ')}`,
      ).toEqual(before)
    }
    await hospital.upgrade(args)
    const { stdout } = await hospital.upgrade(['verify'])
    expect(stdout, `seed ${seed}, killed after: ${killedAt.join(' | ')}`).toContain(
      '9 passed, 0 failed, 1 not tried',
    )

    // The way back, killed as well.
    const back = hospital.start(['rollback'])
    await Promise.race([back.exit, wait(random.int(1500))])
    await back.kill('SIGKILL')
    const isBack = await hospital.query<{ is: boolean }>(
      `SELECT to_regclass('biotrakr_upgrade.state') IS NULL AS is`,
    )
    if (isBack[0]?.is !== true) await hospital.upgrade(['rollback'])
    expect(await hospital.query(`${fingerprint} FROM asset_location_pings p`)).toEqual(before)
  },
)
