// What a person at the terminal sees: help that helps, and mistakes answered in one line with exit code 2.
// The built CLI as a child process; nothing here connects to anything.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configSchema, environmentKeys } from '../../src/config-schema.ts'
import { loadConfig } from '../../src/config.ts'
import { runCli } from '../support/child.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-cli-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function write(name: string, text: string): string {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  return file
}

type Environment = Record<string, string>

/** Runs what must be refused; gives what it said on stderr. Nothing may be on stdout, no stack anywhere. */
async function refusal(args: readonly string[], env: Environment = {}): Promise<string> {
  const { stdout, stderr } = await runCli(args, { env, expectCode: 2 })
  expect(stdout).toBe('')
  expect(stderr).not.toMatch(/^\s+at |node:|file:\/\//mu)
  return stderr
}

/** Each is asked for once: a process takes half a second. */
const helps = new Map<string, Promise<{ stdout: string }>>()
async function helpOf(...args: string[]): Promise<string> {
  const key = args.join(' ')
  const help = helps.get(key) ?? runCli([...args, '--help'])
  helps.set(key, help)
  return (await help).stdout
}

describe('help', () => {
  it('of the program shows every command with what it does, examples and exit codes', async () => {
    const help = await helpOf()
    for (const command of ['run', 'migrate', 'check', 'simulate'])
      expect(help).toMatch(new RegExp(`^  ${command} .*\\w{3}`, 'mu'))
    expect(help).toContain('Examples:')
    expect(help).toContain('Exit codes: 0 fine, 1 failed, 2 bad configuration or usage.')
  })

  it('is there for every command, and says of every option what it does', async () => {
    const commands = [...(await helpOf()).matchAll(/^ {2}([a-z][a-z-]*) (?:\[|<| )/gmu)].map(
      ([, name = '']) => name,
    )
    expect(commands).toContain('run')
    const texts = await Promise.all(
      commands.filter((name) => name !== 'help').map(async (name) => [name, await helpOf(name)] as const),
    )
    for (const [name, help] of texts) {
      expect(help).toMatch(new RegExp(`^Usage: rtls-ingest ${name}`, 'u'))
      const silent = [...help.matchAll(/^ {2}(-\S.*)\n(?! {4,}\S)/gmu)]
        .map(([, option = '']) => option)
        .filter((option) => !/ {2,}[^\s(]/u.test(option))
      expect([name, silent]).toEqual([name, []])
    }
  })

  it('of run names the variables that matter, their defaults, how to stop, and fits a terminal', async () => {
    const help = await helpOf('run')
    const variables = [...help.matchAll(/^ {2}([A-Z]+(?:_[A-Z]+)+) /gmu)].map(([, name = '']) => name)
    expect(variables).toEqual(expect.arrayContaining(['MQTT_URL', 'DATABASE_URL', 'HTTP_PORT', 'LOG_LEVEL']))
    for (const name of variables) expect(Object.keys(environmentKeys)).toContain(name)
    const { http, mqtt, database } = configSchema.parse({})
    for (const value of [http.port, mqtt.port, database.port]) expect(help).toContain(String(value))
    expect(help).toMatch(/SIGTERM/u)
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
  })

  it('is what one gets for no command at all, with exit code 2', async () => {
    expect(await refusal([])).toContain('Usage: rtls-ingest')
  })

  it('--version is that of package.json', async () => {
    const { version } = JSON.parse(
      readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'),
    ) as { version: string }
    expect((await runCli(['--version'])).stdout).toBe(version)
  })
})

describe('a mistake on the command line is answered in one line', () => {
  it.each([
    ['rum', "unknown command 'rum' (Did you mean run?)"],
    ['run now', "too many arguments for 'run'. Expected 0 arguments but got 1."],
    ['run --simulat', "unknown option '--simulat' (Did you mean --simulate?)"],
    ['simulate --rat 5', "unknown option '--rat' (Did you mean --rate?)"],
    ['simulate --rate', "option '--rate <pings/s>' argument missing"],
    [
      'check --set batch.maxRows',
      "option '--set <key=value>' argument 'batch.maxRows' is invalid. Expected key=value, such as batch.maxRows=500.",
    ],
  ])('%s', async (line, answer) => {
    expect(await refusal(line.split(' '))).toBe(`rtls-ingest: ${answer}`)
  })

  it.each([
    ['--rate <pings/s>', 'many', 'a number from 0 to 10000000'],
    ['--tags <n>', '0', 'a whole number of at least 1'],
    ['--gateways <n>', '1.5', 'a whole number of at least 1'],
    ['--qos <0|1>', '2', 'a whole number from 0 to 1'],
    ['--duration <s>', 'Infinity', 'a number of at least 0'],
    ['--count <pings>', '1e300', 'a whole number of at least 0'],
    ['--bad <share>', '50%', 'a number from 0 to 1'],
    ['--facility <id>', 'a/b', 'one level of a topic: no "/", "+", "#" or space'],
    ['--start <time>', 'yesterday', 'a time such as 2026-11-22T07:00:00Z'],
  ])('simulate %s %s', async (option, value, expected) => {
    expect(await refusal(['simulate', option.split(' ')[0] ?? '', value])).toBe(
      `rtls-ingest: option '${option}' argument '${value}' is invalid. Expected ${expected}.`,
    )
  })

  it('simulate --url, without showing what may hold a password, also as MQTT_URL', async () => {
    const answer =
      'rtls-ingest: --url (MQTT_URL): expected a URL such as mqtt://127.0.0.1:1883, got something else (not shown: it may hold a secret)'
    expect(await refusal(['simulate', '--url', 'http://u:hunter2@broker'])).toBe(answer)
    expect(await refusal(['simulate'], { MQTT_URL: 'mqtt:u:hunter2@broker' })).toBe(answer)
  })

  it('simulate with options that do not go together', async () => {
    const line = ['simulate', '--rate', '1000', '--tags', '1']
    expect(await refusal(line)).toMatch(
      /rtls-ingest: Cannot simulate: 1000 pings a second need at least \d+ tags\.$/u,
    )
    // An empty variable counts as not set.
    expect(await refusal(line, { MQTT_URL: '' })).toContain('Cannot simulate')
  })
})

describe('a mistake in the configuration is answered with the list of them', () => {
  it.each(['run', 'migrate'])('by %s', async (command) => {
    const config = write('wrong.yaml', 'batch: { maxRows: none }\nbach: 1\n')
    const args = [command, '--config', config, '--set', 'copy.concurency=2', '--set', 'ack.mode=often']
    const lines = (await refusal(args, { HTTP_PORT: 'http', DATABASE_URL: 'postgres:hunter2@db' })).split(
      '\n',
    )
    expect(lines[0]).toBe('rtls-ingest: The configuration is not valid:')
    expect(lines.slice(1).toSorted()).toEqual(
      [
        '  - --set copy.concurency: there is no such key; copy has concurrency',
        '  - DATABASE_URL (database.url): expected a URL such as postgres://user@host:5432/rtls, got something else (not shown: it may hold a secret)',
        '  - --set ack.mode: expected one of commit, spool, got "often"',
        '  - HTTP_PORT (http.port): expected a whole number from 0 to 65535, got "http"',
        `  - ${config}: batch.maxRows: expected a whole number from 1 to 100000, got "none"`,
        `  - ${config}: bach: there is no such key; there are ${Object.keys(configSchema.shape).join(', ')}`,
      ].toSorted(),
    )
  })

  it('when the file is not there', async () => {
    const answer =
      'rtls-ingest: The configuration is not valid:\n  - /nonexistent.yaml: cannot be read: there is no such file'
    expect(await refusal(['check', '--config', '/nonexistent.yaml'])).toBe(answer)
    expect(await refusal(['check'], { RTLS_CONFIG: '/nonexistent.yaml' })).toBe(answer)
    expect(await refusal(['check', '--config', ''])).toContain('"": cannot be read')
  })

  it('when the file is not YAML', async () => {
    const file = write('broken.yaml', 'mqtt:\n  password: "hunter2\n  port: 1\n')
    const said = await refusal(['check', '--config', file])
    expect(said).toMatch(/\n {2}- .*broken\.yaml:\d+:\d+: not valid YAML: Missing closing "quote$/u)
    expect(said).not.toContain('hunter2')
  })
})

describe('check', () => {
  it('prints a configuration that loads as the one in force', async () => {
    const config = write(
      'own.yaml',
      'mqtt: { keepaliveS: 7 }\nformats: [{ topic: "a/{gateway}/b", format: minew, facility: h1 }]\n',
    )
    const { stdout, stderr } = await runCli(['check', '--config', config, '--set', 'batch.maxRows=5'], {
      env: { HTTP_PORT: '8080', LOG_LEVEL: '', RTLS_CONFIG: '' },
    })
    const expected = loadConfig({
      file: config,
      environment: { HTTP_PORT: '8080' },
      flags: { 'batch.maxRows': 5 },
    })
    expect(loadConfig({ file: write('printed.yaml', stdout), environment: {} })).toEqual(expected)
    expect(stderr).toBe('')
  })

  it('prints no secret, wherever it comes from', async () => {
    const file = write('password', 'hunter2\n')
    // The tag is a password that begins with "!": the YAML library would warn of it, and show it.
    const config = write(
      'secret.yaml',
      'mqtt: { url: "mqtts://rtls:hunter2@broker:8883", username: !hunter2 x }\n',
    )
    const { stdout, stderr } = await runCli(
      ['check', '--config', config, '--set', 'database.url=postgres://rtls:hunter2@db/rtls?password=hunter2'],
      { env: { DATABASE_PASSWORD: 'hunter2', MQTT_PASSWORD_FILE: file } },
    )
    expect(stdout + stderr).not.toContain('hunter2')
    expect(stdout).toContain('mqtts://rtls:***@broker:8883')
    expect(stdout).toContain('postgres://rtls:***@db/rtls')
  })

  it('takes --set several times, the last one last, and null for the default', async () => {
    const args = [
      'check',
      '--set',
      'http.port=1',
      '--set',
      'http.port=2',
      '--set',
      'log.level=',
      '--set',
      'mqtt.url=null',
    ]
    const { stdout } = await runCli(args, { env: { LOG_LEVEL: 'debug', MQTT_URL: 'mqtt://broker' } })
    const { http, log, mqtt } = loadConfig({ file: write('set.yaml', stdout), environment: {} })
    expect([http.port, log.level, mqtt.url]).toEqual([2, 'info', null])
  })
})
