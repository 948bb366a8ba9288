import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { rules } from '../../src/db/failure.ts'

it('docs/failures.md shows the table of rules as it is in the code', () => {
  const documented = readFileSync(new URL('../../docs/failures.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.replaceAll(/\s*\|\s*/gu, '|').replaceAll('`', ''))
  expect(documented).toEqual(
    rules.map(({ code, text, verdict, because }) => {
      const shown = `${code.length === 5 ? code : `${code}…`}${text === undefined ? '' : ` with "${text}"`}`
      return `|${shown}|${verdict}|${because}|`
    }),
  )
})
