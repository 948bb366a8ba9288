// SECURITY.md names for each threat the tests that prove its defence: they must be there, and run.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const text = readFileSync(path.join(root, 'SECURITY.md'), 'utf8')
const threats = text
  .split(/^### /mu)
  .slice(1)
  .map((part) => ({
    name: part.split('\n')[0] ?? '',
    tests: [...part.matchAll(/^\| `(test\/[^`]+)` \| (.+) \|$/gmu)].map(([, file = '', title = '']) => ({
      file,
      title,
    })),
  }))

describe('SECURITY.md', () => {
  it('covers what it promises to, each threat with a test', () => {
    expect(threats.map(({ name }) => name)).toEqual([
      'A rogue gateway',
      'A flooding tag',
      'A poisoned payload',
      'A curious tenant',
      'A stolen token',
      'Somebody on the network',
      'A stolen backup, disk or log',
      'A compromised dependency',
    ])
    expect(threats.filter(({ tests }) => tests.length === 0)).toEqual([])
  })

  it.each(threats.flatMap(({ tests }) => tests))('$file: $title', ({ file, title }) => {
    expect(existsSync(path.join(root, file))).toBe(true)
    const source = readFileSync(path.join(root, file), 'utf8')
    // A title is a string of it(…) or it.each(…)(…), and not of one that is skipped.
    const at = ["'", '"', '`']
      .map((quote) => source.indexOf(`${quote}${title}${quote}`))
      .find((found) => found !== -1)
    expect(at, `${file} has no test "${title}"`).toBeDefined()
    const call = [...source.slice(0, at).matchAll(/^ *it(?<how>\.\w+)?\(/gmu)].at(-1)
    expect(['.each', undefined]).toContain(call?.groups?.['how'])
  })
})
