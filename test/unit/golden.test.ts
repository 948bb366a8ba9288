// Payloads as gateways send them, and what becomes of them: test/golden/<format>/<case>/{topic,payload,expected.json}.
// Adding a case needs no code: make the folder with topic and payload, run with RTLS_GOLDEN=write, read what it wrote.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type FormatName, formatNames } from '../../src/formats/format.ts'
import { formats } from '../../src/formats/registry.ts'
import { decodedAs, plain } from '../support/formats.ts'

const root = path.resolve(import.meta.dirname, '../golden')
const cases = readdirSync(root).flatMap((format) =>
  readdirSync(path.join(root, format)).map((name) => [format as FormatName, name] as const),
)

describe('a golden case', () => {
  it.each(cases)('%s/%s', (format, name) => {
    const folder = path.join(root, format, name)
    const topic = readFileSync(path.join(folder, 'topic'), 'utf8').trim()
    const actual = plain(decodedAs(format, readFileSync(path.join(folder, 'payload')), topic))
    const file = path.join(folder, 'expected.json')
    if (process.env['RTLS_GOLDEN'] === 'write') writeFileSync(file, `${JSON.stringify(actual, null, 2)}\n`)
    if (!existsSync(file)) throw new Error(`${file} is missing; RTLS_GOLDEN=write makes it`)
    expect(actual).toEqual(JSON.parse(readFileSync(file, 'utf8')))
  })

  it('is there for every format', () => {
    expect(readdirSync(root).toSorted()).toEqual([...formatNames].toSorted())
  })
})

describe('the example of a format', () => {
  it.each(formatNames)('%s is accepted on its topic, in full', (name) => {
    const { topic, payload } = formats[name].example
    const { pings, rejections } = decodedAs(name, payload, topic)
    expect(rejections).toEqual([])
    expect(pings).toHaveLength(1)
  })
})
