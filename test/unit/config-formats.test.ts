// `formats` in the configuration: which topics carry what. The topics to subscribe to follow from it.
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { topicsOf } from '../../src/ingest/routes.ts'

type Entry = Readonly<Record<string, unknown>>

/** What is wrong with these mappings, one line each, without the place they come from. */
function problemsOf(...formats: Entry[]): string[] {
  try {
    loadConfig({ environment: {}, flags: { formats } })
    return []
  } catch (error) {
    return (error as Error).message
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/^ {2}- --set formats: /u, ''))
  }
}

const native = (topic: string, more: Entry = {}): Entry => ({ topic, format: 'native', ...more })
const fixed = { facility: 'h1', gateway: 'g1' }

describe('a mapping', () => {
  it('says what is subscribed to', () => {
    const { formats } = loadConfig({
      environment: {},
      flags: {
        formats: [
          { topic: '/gw/{gateway}/status', format: 'minew', facility: 'h1' },
          { topic: 'a/#', format: 'sewio', ...fixed },
        ],
      },
    })
    expect(topicsOf(formats)).toEqual(['/gw/+/status', 'a/#'])
    expect(topicsOf(loadConfig({ environment: {} }).formats)).toEqual(['rtls/+/+/pings'])
  })

  it.each([
    [
      native('rtls/{gateway}/pings'),
      'expected a name, because no level of "rtls/{gateway}/pings" is {facility}',
    ],
    [native('a', { facility: 'h1' }), 'expected a name, because no level of "a" is {gateway}'],
    [native('{facility}/{gateway}', { facility: 'h1' }), 'expected none, because a level of'],
    [native('a', { facility: 'h/1', gateway: 'g' }), 'expected a name without "/", "+" and "#"'],
    [native('a/{facility}/{facility}', { gateway: 'g' }), 'this filter names {facility} twice'],
    [native('a/{room}', fixed), 'this filter has the level "{room}"; levels that can be named are'],
    [native('a/#/b', fixed), 'this filter has "#" before the last level'],
    [native('a/b+', fixed), 'this filter has a wildcard inside the level "b+"'],
    [native('$SYS/x', fixed), 'this filter begins with "$"'],
    [
      { topic: 'a', format: 'dwm1001', ...fixed },
      'expected a level {tag}, because dwm1001 has the tag nowhere else',
    ],
    [
      native('a', { facility: 'h', gatewayFromPayload: true }),
      'expected false: native does not name the gateway',
    ],
    [
      { topic: 'a', format: 'kontakt', ...fixed, gatewayFromPayload: true },
      'expected false where topic or gateway name the gateway',
    ],
    [native('a', { ...fixed, transform: { scale: 0 } }), 'expected a number other than 0'],
    [native('a', { ...fixed, transfrom: {} }), 'there is no such key; formats has topic, format, facility'],
  ])('is refused when it cannot work: %j', (entry, problem) => {
    const problems = problemsOf(entry)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
  })
})

describe('two mappings whose filters overlap', () => {
  it.each([
    ['rtls/{facility}/{gateway}/pings', 'rtls/st-marys/{gateway}/pings'],
    ['rtls/{facility}/{gateway}/pings', 'rtls/#'],
    ['a/b', 'a/b'],
    ['a', 'a/#'],
    ['+/b', 'a/+'],
    ['#', 'anything/at/all'],
  ])('are refused, and both are named: %s and %s', (one, other) => {
    const complete = (topic: string): Entry =>
      native(topic, {
        ...(topic.includes('{facility}') ? {} : { facility: 'h' }),
        ...(topic.includes('{gateway}') ? {} : { gateway: 'g' }),
      })
    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const)
      expect(problemsOf(complete(first), complete(second))).toEqual([
        `expected a filter that does not overlap with that of formats.0, "${first}" (a message on both would come twice), got "${second}"`,
      ])
  })

  it.each([
    ['a/b', 'a/c'],
    ['a/+', 'a/+/c'],
    ['a', 'a/+'],
    ['/gw/+/status', 'gw/+/status'],
  ])('are fine when no topic matches both: %s and %s', (one, other) => {
    expect(problemsOf(native(one, fixed), native(other, fixed))).toEqual([])
  })
})
