// What is wrong with a certificate or its key is said before anybody connects, and never shows the key.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { completeUrl } from '../../src/config-files.ts'
import { configSchema } from '../../src/config-schema.ts'
import { loadConfig } from '../../src/config.ts'
import { readDatabaseUrl } from '../../src/db/database-url.ts'
import { noTlsFiles, readTlsFiles } from '../../src/ops/tls-files.ts'
import { messageOf } from '../../src/ops/user-error.ts'
import { type Authority, type Issued, openAuthority } from '../support/certificates.ts'

let folder: string
let authority: Authority
let ours: Issued
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-tls-'))
  authority = openAuthority()
  ours = authority.issue('rtls-ingest')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  return file
}

const refusal = (files: Partial<typeof noTlsFiles> | Issued): string => {
  try {
    readTlsFiles({ ...noTlsFiles, ...files }, 'mqtt')
  } catch (error) {
    return messageOf(error)
  }
  return 'taken'
}

it('a pair that fits is taken, also with the certificates of authorities behind it', () => {
  expect(refusal(ours)).toBe('taken')
  const chain = write(
    'chain.pem',
    readFileSync(ours.certFile, 'utf8') + readFileSync(authority.caFile, 'utf8'),
  )
  expect(refusal({ caFile: authority.caFile, certFile: chain, keyFile: ours.keyFile })).toBe('taken')
})

it('each way to be wrong names the key of the configuration, the file and the remedy', () => {
  const other = authority.issue('other')
  const locked = path.join(folder, 'locked.key')
  execFileSync('openssl', ['pkey', '-in', ours.keyFile, '-aes256', '-passout', 'pass:x', '-out', locked])
  const nonsense = write('nonsense', 'hunter2')
  expect(refusal({ certFile: ours.certFile })).toContain('mqtt.certFile is set and mqtt.keyFile is not')
  expect(refusal({ caFile: '/nowhere' })).toContain(
    'mqtt.caFile: /nowhere cannot be read: there is no such file',
  )
  expect(refusal({ caFile: nonsense })).toContain(`mqtt.caFile: ${nonsense} holds no certificate`)
  expect(refusal({ caFile: ours.keyFile })).toContain('holds no certificate')
  expect(refusal({ ...ours, keyFile: nonsense })).toContain(`mqtt.keyFile: ${nonsense} holds no private key`)
  expect(refusal({ ...ours, keyFile: locked })).toContain('has a passphrase')
  expect(refusal({ ...ours, keyFile: other.keyFile })).toContain(
    `the key in ${other.keyFile} does not belong to the certificate in ${ours.certFile}`,
  )
  expect(refusal({ ...ours, keyFile: nonsense })).not.toContain('hunter2')
})

it('the configuration refuses certificates that would not be used', () => {
  const problems = (environment: Record<string, string>): string => {
    try {
      loadConfig({ environment })
    } catch (error) {
      return messageOf(error)
    }
    return ''
  }
  const { caFile } = authority
  expect(problems({ MQTT_CA_FILE: caFile, MQTT_URL: 'mqtt://b' })).toContain('mqtts:// or wss://')
  expect(problems({ MQTT_CA_FILE: caFile })).toContain('set mqtt.url (MQTT_URL)')
  expect(problems({ DATABASE_CA_FILE: caFile })).toContain('set database.url (DATABASE_URL)')
  expect(problems({ DATABASE_CA_FILE: caFile, DATABASE_URL: 'postgres://d/x?sslmode=disable' })).toContain(
    'do nothing with sslmode=disable',
  )
  expect(problems({ HTTP_CERT_FILE: ours.certFile })).toContain(
    'http.certFile is set and http.keyFile is not',
  )
  expect(problems({ DATABASE_URL: 'postgres://d/x?sslrootcert=/nowhere' })).toContain(
    '/nowhere cannot be read',
  )
  expect(
    problems({
      MQTT_CA_FILE: caFile,
      MQTT_URL: 'mqtts://b',
      DATABASE_CA_FILE: caFile,
      DATABASE_URL: 'postgres://d/x',
    }),
  ).toBe('')
})

it('certificates are named by variables', () => {
  const { certFile, keyFile } = ours
  const tls = { caFile: authority.caFile, certFile, keyFile }
  const environment: Record<string, string> = { MQTT_URL: 'mqtts://b', DATABASE_URL: 'postgres://d/x' }
  for (const place of ['MQTT', 'DATABASE', 'HTTP'])
    Object.assign(environment, { [`${place}_CERT_FILE`]: certFile, [`${place}_KEY_FILE`]: keyFile })
  for (const place of ['MQTT', 'DATABASE']) environment[`${place}_CA_FILE`] = tls.caFile
  const { mqtt, database, http } = loadConfig({ environment })
  expect(mqtt).toMatchObject(tls)
  expect(database).toMatchObject(tls)
  expect(http).toMatchObject(ours)
})

it('files of the database go into its URL, as libpq names them, and ask for the full check', () => {
  const { database } = configSchema.parse({ database: { url: 'postgres://u@d:5432/x', password: 'p' } })
  const url = completeUrl({ ...database, caFile: '/ca.pem', ...ours })
  expect(url).toBe(
    `postgres://u:p@d:5432/x?sslrootcert=%2Fca.pem&sslcert=${encodeURIComponent(ours.certFile)}&sslkey=${encodeURIComponent(ours.keyFile)}&sslmode=verify-full`,
  )
  expect(readDatabaseUrl(url ?? '')).toEqual({
    url: 'postgres://u:p@d:5432/x',
    check: 'full',
    files: { caFile: '/ca.pem', ...ours },
    host: 'd',
    candidates: [],
    mustBeWritable: true,
  })
})

it.each([
  ['', undefined],
  ['?sslmode=disable', undefined],
  ['?sslmode=prefer', 'full'],
  ['?sslmode=require', 'full'],
  ['?sslmode=verify-ca', 'ca'],
  ['?sslmode=verify-full', 'full'],
  ['?sslmode=no-verify', 'none'],
  ['?ssl=true', 'full'],
  ['?ssl=0', undefined],
  ['?sslrootcert=/ca.pem', 'full'],
])('postgres://h/d%s is checked: %s', (query, check) => {
  expect(readDatabaseUrl(`postgres://h/d${query}`).check).toBe(check)
})
