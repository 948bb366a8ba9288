// What the documentation of operation says can be followed: its links lead somewhere, its examples are valid, its sums are right.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { environmentKeys, secretEnvironment } from '../../src/config-schema.ts'
import { loadConfig } from '../../src/config.ts'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join('docs', name)),
]
const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/gu, '')
    .trim()
    .replaceAll(' ', '-')
const blocksOf = (page: string, language: string): string[] =>
  Array.from(
    read(page).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gmsu')),
    ([, text = '']) => text,
  )

describe('every page', () => {
  it.each(pages)('%s links to pages and headings that are there', (page) => {
    const broken = Array.from(
      read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/gu),
      ([, link = '']) => link,
    ).filter((link) => {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? page : path.join(path.dirname(page), file)
      if (!existsSync(path.join(root, target))) return true
      if (anchor === undefined) return false
      return !Array.from(read(target).matchAll(/^#+ (.*)$/gmu), ([, text = '']) => slug(text)).includes(
        anchor,
      )
    })
    expect(broken).toEqual([])
  })
})

describe('the guides to deployment', () => {
  it('show a configuration and an environment that are valid', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'rtls-guide-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const file = path.join(folder, 'rtls-ingest.yaml')
    const [yaml = ''] = blocksOf('docs/deployment/one-server.md', 'yaml')
    writeFileSync(file, yaml)
    const shell = [
      ...blocksOf('docs/deployment/one-server.md', 'sh'),
      ...blocksOf('docs/deployment/fifty-sites.md', 'sh'),
    ]
    const variables = shell.flatMap((text) =>
      Array.from(
        text.matchAll(/^([A-Z][A-Z_]+)=(\S*)/gmu),
        ([, name = '', value = '']) => [name, value] as const,
      ),
    )
    expect(variables.length).toBeGreaterThan(5)
    const known = new Set([
      ...Object.keys(environmentKeys),
      ...secretEnvironment.map((name) => `${name}_FILE`),
    ])
    expect(variables.map(([name]) => name).filter((name) => !known.has(name))).toEqual([])
    const config = loadConfig({ file, environment: Object.fromEntries(variables) })
    expect(config.storage.gridM).toBe(0.001)
    expect(config.mqtt.shareGroup).toBe('ingest')
  })

  it('name tests and files that are there', () => {
    for (const page of pages)
      for (const [, file = ''] of read(page).matchAll(
        /`((?:test|src|config|sql|bench|docs)\/[\w./-]+\.\w+)`/gu,
      ))
        expect([page, file, existsSync(path.join(root, file))]).toEqual([page, file, true])
  })
})

describe('the table of capacity', () => {
  const rows = read('docs/capacity.md')
    .split('\n')
    .filter((line) => /^\| [^|]+ \| [\d,]+ \| /u.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(2, -1)
        .map((cell) => cell.trim()),
    )
  const number = (cell = ''): number => Number.parseFloat(cell.replaceAll(',', ''))

  it('is what the formulas above it give', () => {
    expect(rows).toHaveLength(7)
    const wrong = rows.flatMap(([rate, service, copy, broker, wal, fresh, year]) => {
      const p = number(rate)
      const m = p < 100_000 ? 5 : 50
      const [asSent, onGrid] = (year ?? '').split('/')
      const claims: [string, number, number][] = [
        ['rtls-ingest', number(service), (p * (7.1 + 8.1 / m)) / 1e6],
        ['COPY', number(copy), (p * 6.8) / 1e6],
        ['Mosquitto', number(broker), ((p / m) * (11.3 + 0.3 * m)) / 1e6],
        ['WAL', number(wal), (p * 235) / 1e6],
        ['fresh', number(fresh), (p * 86_400 * 30 * 230) / 1e12],
        ['as sent', number(asSent), (p * 31_536_000 * 32) / 1e12],
        ['on the grid', number(onGrid), (p * 31_536_000 * 16) / 1e12],
      ]
      // Rounded to one or two digits.
      return claims.filter(([, said, is]) => Math.abs(said - is) > Math.max(0.15 * is, 0.0011))
    })
    expect(wrong).toEqual([])
  })
})
