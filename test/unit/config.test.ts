// file < environment < flags, and what is said when they are wrong. Secrets have a file of their own: config-secrets.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Config, configSchema, environmentKeys, expectedAt } from '../../src/config-schema.ts'
import { type ConfigSources, loadConfig, redactUrl } from '../../src/config.ts'
import { UserError } from '../../src/ops/user-error.ts'

const file = (): string => path.join(folder, 'rtls.yaml')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-config-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Loads; `yaml` is written to a file first. */
function load(yaml: string | undefined, sources: Partial<ConfigSources> = {}): Config {
  if (yaml !== undefined) writeFileSync(file(), yaml)
  return loadConfig({ environment: {}, ...(yaml === undefined ? {} : { file: file() }), ...sources })
}

/** The problems said, one each, with FILE for the path of the file. */
function problemsOf(yaml: string | undefined, sources: Partial<ConfigSources> = {}): string[] {
  try {
    load(yaml, sources)
  } catch (error) {
    const [title, ...problems] = (error as Error).message.replaceAll(file(), 'FILE').split('\n')
    if (!(error instanceof UserError) || error.exitCode !== 2 || title !== 'The configuration is not valid:')
      throw error
    return problems.map((line) => line.replace(/^ {2}- /u, ''))
  }
  return []
}

describe('where a value comes from', () => {
  it('is the default when nothing is given', () => {
    expect(load(undefined)).toEqual(configSchema.parse({}))
    expect(load('')).toEqual(configSchema.parse({}))
    expect(load('# nothing but a comment\n')).toEqual(configSchema.parse({}))
  })

  it('is the file over the default, a variable over the file, a flag over the variable', () => {
    const yaml = 'batch: { maxRows: 1, maxAgeMs: 1, maxBytes: 2048 }'
    const environment = { BATCH_MAX_ROWS: '2', BATCH_MAX_AGE_MS: '2' }
    const flags = { 'batch.maxRows': 3 }
    expect(load(yaml, { environment, flags }).batch).toEqual({ maxRows: 3, maxAgeMs: 2, maxBytes: 2048 })
  })

  it('leaves the other keys of a section alone', () => {
    const config = load('mqtt: { keepaliveS: 7 }', { environment: { MQTT_PORT: '1884' } })
    expect(config.mqtt).toEqual({ ...configSchema.parse({}).mqtt, keepaliveS: 7, port: 1884 })
  })

  it('is read from every variable there is', () => {
    const texts: Record<string, string> = {
      MQTT_URL: 'mqtts://broker:8883',
      // Beyond this machine it would need users.
      MQTT_HOST: '127.0.0.2',
      DATABASE_URL: 'postgres://db/rtls',
      ACK_MODE: 'spool',
      LOG_LEVEL: 'debug',
      HTTP_WRITE_TOKEN: 'sixteen-letters-of-it',
      HTTP_DATABASE_URL: 'postgres://reader@db/rtls',
    }
    for (const [name, key] of Object.entries(environmentKeys)) {
      // Certificates and keys must be there, and fit: tls-files.test.ts.
      if (name.endsWith('_FILE')) continue
      const [section = '', last = ''] = key.split('.')
      const isNumber = expectedAt([section, last]).includes('number')
      const text = texts[name] ?? (isNumber ? '7' : 'text')
      const config = load(undefined, { environment: { [name]: text } }) as unknown as Record<
        string,
        Record<string, unknown>
      >
      expect([name, config[section]?.[last]]).toEqual([name, isNumber ? 7 : text])
    }
  })

  it('is not a variable that is empty or blank', () => {
    const environment = {
      MQTT_URL: '',
      MQTT_PORT: ' ',
      HTTP_HOST: '',
      LOG_LEVEL: '\t',
      DATABASE_URL_FILE: '',
    }
    expect(load(undefined, { environment })).toEqual(configSchema.parse({}))
  })

  it('is not null: a key or a section without a value keeps its default', () => {
    const yaml = 'mqtt:\n  url:\n  port: null\nbatch:\n  # maxRows: 5\nlog: ~\n'
    expect(load(yaml)).toEqual(configSchema.parse({}))
  })

  it('is the default again when a flag says null, whatever file and variable say', () => {
    const environment = { DATABASE_URL: 'postgres://db/rtls' }
    const flags = { 'mqtt.url': null, 'database.url': null, 'http.port': null }
    const config = load('{ mqtt: { url: "mqtt://broker" }, http: { port: 1 } }', { environment, flags })
    expect([config.mqtt.url, config.database.url, config.http.port]).toEqual([null, null, 3001])
  })

  it('is not a flag that is undefined', () => {
    expect(load('http: { port: 8080 }', { flags: { 'http.port': undefined } }).http.port).toBe(8080)
  })
})

describe('text becomes what its key wants', () => {
  it('a number, with blanks around it', () => {
    expect(load(undefined, { environment: { HTTP_PORT: ' 8080\n' } }).http.port).toBe(8080)
    expect(load(undefined, { flags: { 'simulate.rate': '0.5' } }).simulate.rate).toBe(0.5)
  })

  it('text stays text where it looks like a number or a truth value', () => {
    const environment = { MQTT_PASSWORD: '0123', MQTT_CLIENT_ID: 'true' }
    const { mqtt } = load(undefined, { environment, flags: { 'mqtt.username': '42' } })
    expect(mqtt).toMatchObject({ password: '0123', clientId: 'true', username: '42' })
  })

  it('true and false', () => {
    expect(load(undefined, { flags: { 'database.migrate': 'false' } }).database.migrate).toBe(false)
    expect(
      load('database: { migrate: false }', { flags: { 'database.migrate': 'true' } }).database.migrate,
    ).toBe(true)
  })

  it('a list, of one without brackets', () => {
    const one = '{"topic":"a/{gateway}","format":"native","facility":"h1"}'
    const two = '{"topic":"b","format":"sewio","facility":"h1","gateway":"studio"}'
    const topics = (text: string): string[] =>
      load(undefined, { flags: { formats: text } }).formats.map(({ topic }) => topic)
    expect(topics(`[${one},${two}]`)).toEqual(['a/{gateway}', 'b'])
    expect(topics(one)).toEqual(['a/{gateway}'])
  })
})

describe('what is wrong', () => {
  it('is said all at once, each with its place, what was expected and what was found', () => {
    const yaml = `
mqtt: { port: 99999, clientId: 5, shareGroup: a/b }
formats: []
batch: { maxRows: 0.5, maxBytes: 1 }
database: { migrate: yes }
copy: 3
limits: [1]
`
    const environment = { BATCH_MAX_AGE_MS: 'soon', LOG_LEVEL: 'loud', HTTP_PORT: '-1' }
    const flags = { 'ack.mode': 'never', 'simulate.rate': '-1' }
    expect(problemsOf(yaml, { environment, flags }).toSorted()).toEqual(
      [
        'FILE: mqtt.port: expected a whole number from 0 to 65535, got 99999',
        'FILE: mqtt.clientId: expected text of at most 256 characters, got 5 (put it in quotes)',
        'FILE: formats: expected a list of at least one, got a list',
        'FILE: mqtt.shareGroup: expected a name without "/", "+" and "#", got "a/b"',
        'FILE: batch.maxRows: expected a whole number from 1 to 100000, got 0.5',
        'FILE: batch.maxBytes: expected a whole number of at least 1024, got 1',
        'FILE: database.migrate: expected true or false, got "yes"',
        'FILE: copy: expected keys below it, got a number',
        'FILE: limits: expected keys below it, got a list',
        'BATCH_MAX_AGE_MS (batch.maxAgeMs): expected a whole number of at least 1, got "soon"',
        'LOG_LEVEL (log.level): expected one of trace, debug, info, warn, error, fatal, silent, got "loud"',
        'HTTP_PORT (http.port): expected a whole number from 0 to 65535, got -1',
        '--set ack.mode: expected one of commit, spool, got "never"',
        '--set simulate.rate: expected a number of at least 0, got -1',
      ].toSorted(),
    )
  })

  it('is a key that does not exist, named with those that do', () => {
    const flags = { 'batch.maxAge': '5', http: '5', '__proto__.x': '1', 'mqtt.url.x': '1' }
    expect(problemsOf('htpp: 1\ncopy: { concurency: 2 }\nack: { moode: null }', { flags })).toEqual([
      '--set batch.maxAge: there is no such key; batch has maxRows, maxBytes, maxAgeMs',
      `--set http: there is no such key; http has ${Object.keys(configSchema.parse({}).http).join(', ')}`,
      expect.stringMatching(/^--set __proto__\.x: there is no such key; there are mqtt, formats, /u),
      expect.stringMatching(/^--set mqtt\.url\.x: there is no such key; mqtt has url, /u),
      'FILE: copy.concurency: there is no such key; copy has concurrency',
      'FILE: ack.moode: there is no such key; ack has mode',
      expect.stringMatching(/^FILE: htpp: there is no such key; there are mqtt, formats, /u),
    ])
  })

  it('is a section in the file that is no section, also when a variable sets a key of it', () => {
    expect(problemsOf('http: 8080', { environment: { HTTP_PORT: '8081' } })).toEqual([
      'FILE: http: expected keys below it, got a number',
    ])
  })

  it('is an item of a list, with its place in it', () => {
    const before = 'formats: [{ topic: a, format: sewio, facility: h1, gateway: g1'
    expect(problemsOf(`${before}, gateways: [g1, 5] }]`)).toEqual([
      'FILE: formats.0.gateways.1: expected text, got 5 (put it in quotes)',
    ])
    expect(problemsOf(`${before}, format: sevio }]`.replace('format: sewio, ', ''))).toEqual([
      expect.stringMatching(/^FILE: formats\.0\.format: expected one of native, .* sewio, got "sevio"$/u),
    ])
    expect(problemsOf(undefined, { flags: { formats: '[5]' } })).toEqual([
      '--set formats: expected keys below it, got 5',
    ])
  })

  it('is not a value of the file that a variable replaces', () => {
    expect(problemsOf('http: { port: x }', { environment: { HTTP_PORT: '1' } })).toEqual([])
  })

  it.each([
    ['there is no such file', '/nonexistent/rtls.yaml'],
    ['it is a directory', tmpdir()],
    ['there is no such file', ''],
  ])('is a file that cannot be read: %s (%s)', (reason, name) => {
    const problems = problemsOf(undefined, { file: name, environment: { HTTP_PORT: 'x' } })
    expect(problems).toEqual([
      `${name || '""'}: cannot be read: ${reason}`,
      'HTTP_PORT (http.port): expected a whole number from 0 to 65535, got "x"',
    ])
  })

  it.each([
    ['- a\n- b', 'FILE: expected keys such as "mqtt:" at the top, got a list'],
    ['just words', 'FILE: expected keys such as "mqtt:" at the top, got text'],
    ['a: 1\na: 2', 'FILE:2:1: not valid YAML: Map keys must be unique'],
    ['mqtt:\n\turl: x', 'FILE:2:1: not valid YAML: Tabs are not allowed as indentation'],
    ['mqtt: { "a" "b" }', 'FILE:1:13: not valid YAML: Missing , or : between flow map items'],
  ])('is a file that holds something else than keys: %j', (yaml, problem) => {
    expect(problemsOf(yaml)[0]).toBe(problem)
  })
})

describe('the result', () => {
  it('cannot be changed, all the way down', () => {
    const config = load(undefined) as unknown as { mqtt: { port: number }; formats: object[] }
    expect(() => {
      config.mqtt.port = 1
    }).toThrow(TypeError)
    expect(() => config.formats.push({})).toThrow(TypeError)
    expect(() => Object.assign(config, { more: 1 })).toThrow(TypeError)
  })

  it('has no tie to the environment, which is left as it was', () => {
    const environment = Object.freeze({ HTTP_PORT: '1' })
    expect(load(undefined, { environment }).http.port).toBe(1)
  })
})

describe('a URL', () => {
  const isTaken = (key: string, url: string): boolean =>
    problemsOf(undefined, { flags: { [key]: url } }).length === 0

  it.each(['mqtt://b', 'mqtts://u:p@b:8883', 'ws://b/mqtt', 'wss://b', 'tcp://[::1]:1883', 'ssl://b'])(
    'of a broker may be %s',
    (url) => expect(isTaken('mqtt.url', url)).toBe(true),
  )
  it.each(['broker', 'broker:1883', 'http://b', 'mqtt:b', 'mqtt:///b', 'mqtt://b:99999', 'postgres://b'])(
    'of a broker may not be %s',
    (url) => expect(isTaken('mqtt.url', url)).toBe(false),
  )
  it.each([
    'postgres://b',
    'postgresql://u:p@b:5432/rtls?sslmode=require',
    'postgres:///rtls?host=/run/postgresql',
  ])('of a database may be %s', (url) => expect(isTaken('database.url', url)).toBe(true))
  it.each(['localhost/rtls', 'mysql://b/rtls', 'postgres:rtls', 'host=b dbname=rtls'])(
    'of a database may not be %s',
    (url) => expect(isTaken('database.url', url)).toBe(false),
  )

  it.each([
    [
      'postgres://rtls:hunter2@db:5432/rtls?password=hunter2&sslmode=require',
      'postgres://rtls:***@db:5432/rtls',
    ],
    ['postgres://rtls@db/rtls', 'postgres://rtls@db/rtls'],
    ['mqtts://:hunter2@broker', 'mqtts://:***@broker'],
    ['mqtt://broker:1883', 'mqtt://broker:1883'],
    ['hunter2', '(not a URL)'],
  ])('is shown to people without its secrets: %s', (url, shown) => expect(redactUrl(url)).toBe(shown))
})
