// The parts of doctor that ask nobody: what it reads out of sql/, its arithmetic, its deadlines, and the message that means nothing.
import { describe, expect, it } from 'vitest'
import { configSchema } from '../../src/config-schema.ts'
import { readMigrations } from '../../src/db/migrate.ts'
import { harmlessMessage } from '../../src/doctor/broker.ts'
import { readExpected } from '../../src/doctor/expected.ts'
import { parseScrape } from '../../src/doctor/exposition.ts'
import { type GroupRules, fail, failOf, ok, runChecks } from '../../src/doctor/finding.ts'
import { serviceChecks } from '../../src/doctor/service.ts'

const config = configSchema.parse({})
const rules = (deadlineMs: number): GroupRules => ({
  deadlineMs,
  explain: failOf('mend it'),
  silenceRemedy: 'wake it',
})

describe('what sql/ says', () => {
  const files = readMigrations()
  const expected = readExpected(files)

  it('is read of every policy and every hypertable that sql/ makes', () => {
    const sql = [...files.migrations, ...files.repeatable]
      .map(({ text }) => text.replaceAll(/--.*$/gmu, ''))
      .join('\n')
    const calls = sql.match(/\badd_(?:columnstore|retention|continuous_aggregate)_policy\(/gu) ?? []
    const read = new Set(expected.policies.map(({ kind, relation }) => `${kind} ${relation}`))
    expect(read.size).toBe(calls.length)
    expect(expected.hypertables).toHaveLength(sql.match(/\bcreate_hypertable\(/gu)?.length ?? 0)
  })

  it('is what stands there', () => {
    expect(expected.hypertables).toContainEqual({
      table: 'location_history',
      chunkInterval: '1 day',
      segmentBy: 'tag_id',
      orderBy: 't',
    })
    expect(expected.policies).toContainEqual({
      kind: 'retention',
      relation: 'location_history',
      key: 'drop_after',
      interval: '2 years',
    })
    expect(expected.policies).toContainEqual({
      kind: 'refresh',
      relation: 'location_1m',
      key: 'schedule_interval',
      interval: '1 minute',
    })
  })
})

describe('the message that means nothing', () => {
  it('is an empty list on a topic of ours where the format takes one', () => {
    expect(harmlessMessage(config)).toEqual({
      topic: 'rtls/rtls-ingest-doctor/rtls-ingest-doctor/pings',
      payload: '[]',
    })
  })

  it('is not sent where our own decoder would see more in it than nothing', () => {
    const gateways = ['gw-1']
    const strict = configSchema.parse({
      formats: [{ topic: '/gw/{gateway}/status', format: 'minew', facility: 'h', gateways }],
    })
    // The gateway of the probe is not in the list: that would be a dead letter.
    expect(harmlessMessage(strict)).toBeUndefined()
  })
})

describe('checks', () => {
  it('of a peer that is silent end at the first deadline, and say so', async () => {
    let asked = 0
    const findings = await runChecks(
      'database',
      [
        { name: 'first', look: () => ok('fine') },
        { name: 'silent', look: async () => new Promise(() => undefined) },
        {
          name: 'never asked',
          look() {
            asked += 1
            return []
          },
        },
      ],
      rules(20),
    )
    expect(findings.map(({ check, status, remedy }) => [check, status, remedy])).toEqual([
      ['first', 'ok', undefined],
      ['silent', 'fail', 'wake it'],
    ])
    expect(asked).toBe(0)
  })

  it('that throw are failures, and the next is looked at', async () => {
    const findings = await runChecks(
      'g',
      [
        {
          name: 'one',
          look() {
            throw new Error('broken')
          },
        },
        { name: 'two', look: () => ok('fine') },
      ],
      rules(1000),
    )
    expect(findings).toMatchObject([
      { check: 'one', status: 'fail', says: 'broken', remedy: 'mend it' },
      { check: 'two', status: 'ok' },
    ])
  })

  it('that are a gate keep the others from being asked in vain', async () => {
    const checks = [
      { name: 'gate', isGate: true, look: () => fail('shut', 'open it') },
      { name: 'behind', look: () => ok('fine') },
    ]
    expect(await runChecks('g', checks, rules(1000))).toHaveLength(1)
  })
})

describe('a running service', () => {
  const scrape = (committed: number, more = ''): string => `# HELP rtls_pings_received_total x
rtls_build_info{version="0.1.0",node="v20.19.0"} 1
rtls_pings_received_total 10
rtls_pings_committed_total ${committed}
rtls_pings_duplicate_total 1
rtls_pings_dead_lettered_total{reason="not_json"} 1
rtls_pings_dead_lettered_total{reason="invalid_ping"} 1
rtls_pings_buffered 1
rtls_pings_in_flight 1
rtls_pings_spooled 1
${more}`
  const look = async (text: string, name: string) => {
    const checks = serviceChecks(config, { kind: 'running', base: 'http://x', scrape: parseScrape(text) })
    return runChecks(
      'running service',
      checks.filter((check) => check.name === name),
      rules(1000),
    )
  }

  it('whose terms add up has lost no ping', async () => {
    const [finding] = await look(scrape(4), 'conservation')
    expect(finding?.status).toBe('ok')
    expect(finding?.says).toContain('10 received = 4 committed + 1 duplicate + 2 dead-lettered')
  })

  it('whose terms do not add up is red', async () => {
    expect(await look(scrape(5), 'conservation')).toMatchObject([{ status: 'fail' }])
    const sightings =
      'rtls_sightings_received_total 3\nrtls_sightings_merged_total 1\nrtls_sightings_windowed 1'
    expect(await look(scrape(4, sightings), 'conservation')).toMatchObject([
      { status: 'ok' },
      { status: 'fail' },
    ])
  })

  it('is told of a small window only where it cuts batches short', async () => {
    const window = (byWindow: number): string =>
      `rtls_mqtt_inflight_window 20\nrtls_batches_total{closed_by="window"} ${byWindow}\nrtls_batches_total{closed_by="idle"} 50`
    expect(await look(window(60), 'in-flight window')).toMatchObject([{ status: 'warn' }])
    expect(await look(window(10), 'in-flight window')).toMatchObject([{ status: 'ok' }])
  })
})
