// config/rtls-ingest.example.yaml is the reference of the configuration: complete, at the defaults, explained key by key.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { LineCounter, isMap, isScalar, parseDocument } from 'yaml'
import { configSchema, environmentKeys, expectedAt, secretEnvironment } from '../../src/config-schema.ts'
import { loadConfig } from '../../src/config.ts'

const file = path.resolve(import.meta.dirname, '../../config/rtls-ingest.example.yaml')
const text = readFileSync(file, 'utf8')
const lines = text.split('\n')
const keys = readKeys()
const defaults = flatten(configSchema.parse({}))

describe('config/rtls-ingest.example.yaml', () => {
  it('holds every key of the configuration with its default, and no other', () => {
    expect(Object.fromEntries([...keys].map(([key, { value }]) => [key, value]))).toEqual(defaults)
  })

  it('loads, and changes nothing', () => {
    expect(loadConfig({ file, environment: {} })).toEqual(configSchema.parse({}))
  })

  it('explains every key in a sentence, with the unit in brackets behind it', () => {
    const unexplained = [...keys].filter(([, { comment }]) => !/^.{20,}? \[[^\]]{3,}\]$/u.test(comment))
    expect(unexplained).toEqual([])
  })

  it('gives the unit that the name of the key ends with', () => {
    const units = [
      [/Ms$/u, 'milliseconds'],
      [/S$/u, 'seconds'],
      [/Bytes$/u, 'bytes'],
      [/Pings$/u, 'pings'],
      [/\.port$/u, 'port'],
      [/\.url$/u, 'URL'],
    ] as const
    const wrong = [...keys].filter(([key, { brackets }]) =>
      units.some(([ending, unit]) => ending.test(key) && !brackets.startsWith(unit)),
    )
    expect(wrong).toEqual([])
  })

  it('names the environment variables of a key, and no others, behind its unit', () => {
    const named = [...keys].flatMap(([key, { brackets }]) =>
      (brackets.match(/\b[A-Z]+(?:_[A-Z]+)+\b/gu) ?? []).map((name) => `${name} ${key}`),
    )
    const expected = Object.entries(environmentKeys).flatMap(([name, key]) =>
      secretEnvironment.includes(name) ? [`${name} ${key}`, `${name}_FILE ${key}`] : [`${name} ${key}`],
    )
    expect(named.toSorted()).toEqual(expected.toSorted())
  })

  it('names every choice of a key that has choices', () => {
    const silent = [...keys].flatMap(([key, { comment }]) => {
      const choices = /^one of (.*)$/u.exec(expectedAt(key.split('.')))?.[1]?.split(', ') ?? []
      return choices
        .filter((choice) => !new RegExp(`\\b${choice}\\b`, 'u').test(comment))
        .map((choice) => [key, choice])
    })
    expect(silent).toEqual([])
  })
})

interface Key {
  value: unknown
  comment: string
  /** What stands in brackets at the end of the comment. */
  brackets: string
}

/** Path → value, and the comment lines right above the key as one line. */
function readKeys(): Map<string, Key> {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter })
  const found = new Map<string, Key>()
  const visit = (node: unknown, before: string): void => {
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      if (!isScalar(key)) throw new Error('a key that is no text')
      const name = `${before}${String(key.value)}`
      if (isMap(value)) visit(value, `${name}.`)
      else {
        const comment = commentAbove(counter.linePos(key.range?.[0] ?? 0).line)
        const plain: unknown = document.getIn(name.split('.'), false)
        found.set(name, {
          value:
            typeof plain === 'object' && plain !== null ? (plain as { toJSON(): unknown }).toJSON() : plain,
          comment,
          brackets: /\[([^\]]*)\]$/u.exec(comment)?.[1] ?? '',
        })
      }
    }
  }
  visit(document.contents, '')
  return found
}

function commentAbove(line: number): string {
  const comment: string[] = []
  for (let at = line - 2; lines[at]?.trimStart().startsWith('#') === true; at -= 1)
    comment.unshift((lines[at] ?? '').replace(/^\s*# ?/u, ''))
  return comment.join(' ')
}

function flatten(tree: object, before = ''): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(tree).flatMap(([key, value]: [string, unknown]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(flatten(value, `${before}${key}.`))
        : [[`${before}${key}`, value]],
    ),
  )
}
