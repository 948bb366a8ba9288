// No message ever holds a secret, and every secret can come from a file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { environmentKeys, secretEnvironment } from '../../src/config-schema.ts'
import type { Environment } from '../../src/config-files.ts'
import { loadConfig } from '../../src/config.ts'

const secret = 'hunter2'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-secrets-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function write(name: string, text: string): string {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  return file
}

const load = (environment: Environment, file?: string, flags = {}) => loadConfig({ environment, file, flags })

/** What is said, with FOLDER for the folder of the test. */
function said(environment: Environment, file?: string, flags = {}): string {
  try {
    load(environment, file, flags)
  } catch (error) {
    return (error as Error).message.replaceAll(folder, 'FOLDER')
  }
  return ''
}

describe('a secret that is wrong is not printed', () => {
  it.each(['MQTT_URL', 'DATABASE_URL'])('as %s', (name) => {
    const key = environmentKeys[name] ?? ''
    const messages = [
      said({ [name]: `postgres//rtls:${secret}@db` }),
      said({ [`${name}_FILE`]: write('url', `mqtt//rtls:${secret}@db`) }),
      said({}, write('a.yaml', `${key.replace('.', ':\n  ')}: "//rtls:${secret}@db"\n`)),
      said({}, undefined, { [key]: `//rtls:${secret}@db` }),
    ]
    for (const message of messages)
      expect(message).toMatch(/expected a URL such as .*, got something else \(not shown/u)
    expect(messages.map((message) => /- (.*?): expected/u.exec(message)?.[1])).toEqual([
      `${name} (${key})`,
      `${name}_FILE (${key})`,
      `FOLDER/a.yaml: ${key}`,
      `--set ${key}`,
    ])
    expect(messages.join('\n')).not.toContain(secret)
  })

  it.each([
    ['in place of a section', `database: postgres://rtls:${secret}@db/rtls`],
    ['as the whole file', `postgres://rtls:${secret}@db/rtls`],
    ['as a list', `mqtt: { password: [${secret}] }`],
    ['as a map', `mqtt: { url: { ${secret}: ${secret} } }`],
    ['under a key that does not exist', `mqtt: { pasword: ${secret} }`],
    ['in a broken line', `mqtt:\n  password: "${secret}\n`],
    ['behind a broken indentation', `mqtt:\n\tpassword: ${secret}`],
    ['with a colon in it', `mqtt:\n  password: ${secret}: x`],
    ['with an asterisk before it', `mqtt:\n  password: *${secret}`],
    ['with an exclamation mark before it', `mqtt:\n  pasword: !${secret} x`],
    ['behind a bar', `mqtt:\n  password: |${secret}\n`],
    ['with a backslash in it', `mqtt:\n  password: "\\U${secret}"`],
    ['twice', `mqtt:\n  password: ${secret}\n  password: ${secret}\n`],
  ])('%s', (_, yaml) => {
    const message = said({}, write('wrong.yaml', yaml))
    expect(message).toMatch(/FOLDER\/wrong\.yaml/u)
    expect(message).not.toMatch(/hunt|unter|nter2/u)
  })

  it('as a number, which says to use quotes', () => {
    expect(said({}, write('n.yaml', 'database: { password: 12345 }'))).toContain(
      'database.password: expected text, got a number (put it in quotes)',
    )
  })
})

describe('a secret from a file', () => {
  it('is taken for every secret, without the line end behind it', () => {
    const values: Record<string, string> = {
      MQTT_URL: 'mqtt://broker',
      MQTT_PASSWORD: secret,
      DATABASE_URL: 'postgres://rtls@db/rtls',
      DATABASE_PASSWORD: secret,
      HTTP_WRITE_TOKEN: 'sixteen-letters-of-it',
      HTTP_DATABASE_URL: 'postgres://reader@db/rtls',
    }
    for (const name of secretEnvironment) {
      const value = values[name] ?? ''
      const config = load({ [`${name}_FILE`]: write(name, `${value}\n`) }) as unknown as Record<
        string,
        object
      >
      const [section = '', key = ''] = (environmentKeys[name] ?? '').split('.')
      expect(config[section]).toHaveProperty(key, value)
    }
  })

  it('wins over the configuration file, as the variable does', () => {
    const file = write('b.yaml', 'mqtt: { password: old }')
    expect(load({ MQTT_PASSWORD_FILE: write('p', secret) }, file).mqtt.password).toBe(secret)
  })

  it('may not be given twice', () => {
    const environment = { DATABASE_URL: `postgres://u:${secret}@h/d`, DATABASE_URL_FILE: write('u', secret) }
    expect(said(environment)).toBe(
      'The configuration is not valid:\n  - DATABASE_URL and DATABASE_URL_FILE are both set; set one',
    )
  })

  it('may come beside an empty variable, and the other way round', () => {
    const file = write('p2', secret)
    expect(load({ MQTT_PASSWORD: '', MQTT_PASSWORD_FILE: file }).mqtt.password).toBe(secret)
    expect(load({ MQTT_PASSWORD: secret, MQTT_PASSWORD_FILE: '' }).mqtt.password).toBe(secret)
  })

  it('that cannot be had is named with the reason', () => {
    const environment = {
      DATABASE_URL_FILE: '/run/secrets/nothing',
      MQTT_URL_FILE: folder,
      MQTT_PASSWORD_FILE: write('empty', '\n'),
    }
    expect(said(environment).split('\n').slice(1).toSorted()).toEqual([
      '  - DATABASE_URL_FILE: /run/secrets/nothing cannot be read: there is no such file',
      '  - MQTT_PASSWORD_FILE: FOLDER/empty is empty',
      '  - MQTT_URL_FILE: FOLDER cannot be read: it is a directory',
    ])
  })

  it('is not looked for under the name of a variable that is no secret', () => {
    expect(load({ HTTP_HOST_FILE: '/nonexistent' }).http.host).toBe('127.0.0.1')
  })
})

describe('tokens of the HTTP API', () => {
  const token = 'a-token-nobody-guesses'
  const tokens = (entry: string) =>
    write('tokens.yaml', `http: { tokens: [{ name: portal, role: viewer, ${entry} }] }\n`)

  it('stand in the configuration or in a file of their own', () => {
    const expected = [{ name: 'portal', role: 'viewer', token, user: null }]
    expect(load({}, tokens(`token: ${token}`)).http.tokens).toMatchObject(expected)
    const file = write('portal', `${token}\n`)
    expect(load({}, tokens(`tokenFile: ${file}`)).http.tokens).toMatchObject(expected)
  })

  it.each([
    ['token: short-hunter2', 'http.tokens.0.token: expected at least 16 letters'],
    ['token: [hunter2]', 'http.tokens.0.token: expected text'],
    ['', 'http.tokens.0: expected token or tokenFile'],
    [`token: hunter2-hunter2-hunter2, tokenFile: /x`, 'http.tokens.0: expected token or tokenFile'],
    ['tokenFile: /run/secrets/nothing', 'http.tokens.0.tokenFile: /run/secrets/nothing cannot be read'],
    ['token: hunter2-hunter2-hunter2, user: 5', 'http.tokens.0.user: expected text'],
  ])('that are wrong are named and not printed: %s', (entry, expected) => {
    const message = said({}, tokens(entry))
    expect(message).toContain(`FOLDER/tokens.yaml: ${expected}`)
    expect(message).not.toContain(secret)
  })

  it('too short in a file of its own are named and not printed', () => {
    const message = said({}, tokens(`tokenFile: ${write('short', secret)}`))
    expect(message).toMatch(/tokens\.0\.tokenFile: FOLDER\/short: expected at least 16 letters/u)
    expect(message).not.toContain(secret)
  })
})

describe('a password of its own', () => {
  const passwordOf = (url: string, password: string) => {
    const config = load({ DATABASE_URL: url, DATABASE_PASSWORD: password })
    return new pg.Client({ connectionString: config.database.url ?? '' })
  }

  it.each(['hunter2', 'p@ss:w/rd?#', '100% säfe', "a'b(c)*+&=;,[]", '%41'])(
    'reaches the database as it is: %s',
    (password) => {
      expect(passwordOf('postgres://rtls:old@db:5433/rtls?application_name=x', password)).toMatchObject({
        password,
        user: 'rtls',
        host: 'db',
        port: 5433,
        database: 'rtls',
      })
    },
  )

  it('reaches a database behind a socket', () => {
    const client = passwordOf('postgres:///rtls?host=/run/postgresql', 'p@ss w%rd+')
    expect(client).toMatchObject({ password: 'p@ss w%rd+', host: '/run/postgresql', database: 'rtls' })
  })

  it('without a URL is no URL', () => {
    expect(load({ DATABASE_PASSWORD: secret }).database.url).toBeNull()
  })
})
