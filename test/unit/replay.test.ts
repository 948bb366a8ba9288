// Recorded traffic → messages: lenient where it is safe, and never a guess.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { splitRow } from '../../src/replay/csv.ts'
import { readLines } from '../../src/replay/lines.ts'
import { readMessages } from '../../src/replay/messages.ts'
import type { ReplayOptions } from '../../src/replay/options.ts'
import { lineOf } from '../../src/replay/progress.ts'
import { readTime } from '../../src/replay/times.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-replay-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const options: ReplayOptions = {
  url: '',
  speed: 1,
  time: 'iso',
  zone: 'Z',
  decimal: 'point',
  facility: 'f',
  gateway: 'g',
  isShifted: false,
}

interface Read {
  readonly messages: { topic: string; payload: unknown; atMs: number }[]
  readonly refused: string[]
  readonly found: string
}

function read(content: string | Buffer, more: Partial<ReplayOptions> = {}): Read {
  const file = path.join(folder, 'trace')
  writeFileSync(file, content)
  const refused: string[] = []
  let found = ''
  const events = {
    onFound: (description: string) => {
      found = description
    },
    onRefused: (line: number, reason: string) => refused.push(`${line}: ${reason}`),
  }
  const messages = [...readMessages(file, { ...options, ...more }, events)].map(
    ({ topic, payload, atMs }) => {
      const text = payload.toString()
      return { topic, payload: text.startsWith('{') ? (JSON.parse(text) as unknown) : text, atMs }
    },
  )
  return { messages, refused, found }
}

const payloadsOf = (content: string, more: Partial<ReplayOptions> = {}): unknown[] => {
  const { messages, refused } = read(content, more)
  expect(refused).toEqual([])
  return messages.map(({ payload }) => payload)
}

describe('a CSV of positions', () => {
  const expected = [
    { tagId: '0x6733', t: '2019-05-16T10:24:06.577000Z', x: 1.995, y: 0.946, z: 0.552 },
    { tagId: '0x6733', t: '2019-05-16T10:24:06.685000Z', x: 1.981, y: 0.961, z: 0 },
  ]

  it.each([
    [
      'as a real trace has it',
      'id;x;y;z;time\n0x6733;1995;946;552;2019-05-16 10:24:06.577\n0x6733;1981;961;0;2019-05-16 10:24:06.685\n',
      { unit: 'mm' },
    ],
    [
      'with BOM, CRLF, blank lines and no line break at the end',
      '\uFEFFid,x,y,z,time\r\n\r\n0x6733,1995,946,552,2019-05-16 10:24:06.577\r\n  \r\n0x6733,1981,961,0,2019-05-16 10:24:06.685',
      { unit: 'mm' },
    ],
    [
      'with tabs, other names, and more columns',
      'n\tTag ID\tTimestamp\tPos X [mm]\tPos Y [mm]\tPos Z [mm]\n1\t0x6733\t2019-05-16T10:24:06.577Z\t1995\t946\t552\n2\t0x6733\t2019-05-16T10:24:06.685Z\t1981\t961\t0',
      {},
    ],
    [
      'with every field in quotes',
      '"id","x_mm","y_mm","z_mm","time"\n"0x6733","1995","946","552","2019-05-16 10:24:06.577"\n"0x6733","1981","961","0","2019-05-16 10:24:06.685"',
      {},
    ],
    [
      'with epoch seconds, said to be such',
      'time;id;x;y;z\n1558002246.577;0x6733;1.995;.946;0.552\n1558002246.685;0x6733;1.981;0.961;0',
      { time: 's' },
    ],
    [
      'with epoch milliseconds',
      'time;id;x;y;z\n1558002246577;0x6733;1.995;.946;0.552\n1558002246685;0x6733;1.981;0.961;0',
      { time: 'ms' },
    ],
    [
      'with a guess that was asked for',
      'time;id;x;y;z\n1558002246577000;0x6733;1.995;.946;0.552\n1558002246.685;0x6733;1.981;0.961;0',
      { time: 'auto' },
    ],
    [
      'in another zone',
      'time;id;x;y;z\n2019-05-16 12:24:06.577;0x6733;1.995;.946;0.552\n2019-05-16 12:24:06,685;0x6733;1.981;0.961;0',
      { zone: '+02:00' },
    ],
    [
      'with columns named by hand',
      'when,beacon,east,north,up\n2019-05-16 10:24:06.577,0x6733,1.995,.946,0.552\n2019-05-16 10:24:06.685,0x6733,1.981,0.961,0',
      { columns: { t: 'when', tag: 'Beacon', x: 'east', y: 'north', z: 'up' } },
    ],
    [
      'with decimal commas',
      'time;id;x;y;z\n2019-05-16 10:24:06.577;0x6733;1,995;0,946;0,552\n2019-05-16 10:24:06.685;0x6733;1,981;0,961;0',
      { decimal: 'comma' },
    ],
  ] as const)('%s', (_, content, more) => {
    expect(payloadsOf(content, more)).toEqual(expected)
  })

  it('goes to the topic of its facility and gateway, at the moments it has, scaled', () => {
    const content =
      'time,id,x,y\n2026-11-22T07:00:00Z,T,1,2\n2026-11-22T07:00:10Z,T,1,2\n2026-11-22T07:00:05Z,U,1,2'
    const { messages } = read(content, { speed: 10, facility: 'lab' })
    expect(messages.map(({ topic, atMs }) => [topic, atMs])).toEqual([
      ['rtls/lab/g/pings', 0],
      ['rtls/lab/g/pings', 1000],
      ['rtls/lab/g/pings', 500],
    ])
  })

  it('without z has none; 0 is a position', () => {
    expect(payloadsOf('time,id,x,y\n2026-11-22T07:00:00Z,T,0,0')).toEqual([
      { tagId: 'T', t: '2026-11-22T07:00:00.000000Z', x: 0, y: 0 },
    ])
  })

  it('names the line of every row it cannot read, and sends the others', () => {
    const { messages, refused } = read(
      'time,id,x,y\n2026-11-22T07:00:00Z,T,1,2\nsoon,T,1,2\n2026-11-22T07:00:00Z,,1,2\n2026-11-22T07:00:00Z,T,NaN,2\n' +
        '2026-11-22T07:00:00Z,T\n1558002246,T,1,2\n2026-11-22T07:00:00Z,T,"1,2",3\n2026-11-22T07:00:00Z,"T,1,2\n2026-11-22T07:00:01Z,T,1,2\n',
    )
    expect(messages).toHaveLength(2)
    expect(refused).toEqual([
      '3: "soon" is not a time (--time iso)',
      '4: the tag is empty',
      '5: x: "NaN" is not a number',
      '6: 2 fields, the header has 4',
      '7: "1558002246" is not a time (--time iso)',
      '8: x: "1,2" is not a number (--decimal comma?)',
      '9: a quote is not closed',
    ])
  })

  it('a quoted field may hold separator, quote and line break', () => {
    const tagId = 'Pump 12; "old"\nward 3'
    const content = `id;x;y;t\n"Pump 12; ""old""\nward 3";1;2;2026-11-22T07:00:00Z\nT;1;2;2026-11-22T07:00:01Z`
    expect(payloadsOf(content).map((payload) => (payload as { tagId: string }).tagId)).toEqual([tagId, 'T'])
  })

  it('without the columns is refused as a whole, with what to do', () => {
    expect(() => read('moment,beacon,x,y\n1,2,3,4')).toThrow(
      /:1: no column for t in the header "moment,beacon,x,y"\. Name it, such as --columns t=moment$/u,
    )
    expect(() => read('time,id,x,y\n', { columns: { x: 'east' } })).toThrow(/no column for x/u)
  })

  it('can be moved so that its last moment is now', () => {
    const before = Date.now()
    const payloads = payloadsOf('t,id,x,y\n2019-05-16T10:00:00Z,T,1,2\n2019-05-16T10:00:10Z,T,1,2\n', {
      isShifted: true,
    })
    const times = payloads.map((payload) => Date.parse((payload as { t: string }).t))
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(10_000)
    expect(times[1]).toBeGreaterThanOrEqual(before)
  })

  it('splits what was joined, whatever the fields and the separator', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ' ', '"', ',', ';', '\t', 'é') })
    fc.assert(
      fc.property(
        fc.array(field, { minLength: 1 }),
        fc.constantFrom(',', ';', '\t', '|'),
        (fields, separator) => {
          const row = fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(separator)
          expect(splitRow(row, separator)).toEqual(fields)
        },
      ),
    )
  })
})

describe('newline-delimited JSON', () => {
  it('has payloads as text, JSON or base64, and times as ISO 8601 or epoch milliseconds', () => {
    const lines = [
      { topic: 'a', payload: 'plain', at: '2026-11-22T07:00:00Z' },
      { topic: 'b/c', payload: { x: [1] }, at: 1_795_330_801_000 },
      {
        topic: 'd',
        payload: Buffer.from('bytes').toString('base64'),
        encoding: 'base64',
        at: '2026-11-22T07:00:02Z',
      },
      { topic: 'e', payload: 5 },
    ]
    const { messages, refused, found } = read(lines.map((line) => JSON.stringify(line)).join('\n\n'))
    expect([found, refused]).toEqual(['newline-delimited JSON', []])
    expect(messages).toEqual([
      { topic: 'a', payload: 'plain', atMs: 0 },
      { topic: 'b/c', payload: { x: [1] }, atMs: 1000 },
      { topic: 'd', payload: 'bytes', atMs: 2000 },
      { topic: 'e', payload: '5', atMs: 2000 },
    ])
  })

  it('may be what mosquitto_sub -F %j prints', () => {
    const line =
      '{"tst":"2026-11-22T08:00:00.500000Z+0100","topic":"tags","qos":1,"retain":0,"payloadlen":2,"payload":"[]"}'
    expect(read(`${line}\n${line.replace('00.5', '01.5')}`).messages.map(({ atMs }) => atMs)).toEqual([
      0, 1000,
    ])
    expect(readTime('2026-11-22T08:00:00.5Z+0100', 'iso', 'Z')).toBe(
      Date.UTC(2026, 10, 22, 7) * 1000 + 500_000,
    )
  })

  it('names the line of everything else', () => {
    const bad = [
      '{"topic":"a"}',
      '{"payload":"x"}',
      '{"topic":"a/#","payload":""}',
      '{"topic":"a","payload":"","at":"noon"}',
      '{"topic":"a","payload":"!","encoding":"base64"}',
      '[]',
      '{',
    ]
    const { messages, refused } = read(['{"topic":"a","payload":"ok"}', ...bad].join('\n'))
    expect(messages).toHaveLength(1)
    expect(refused).toEqual([
      '2: no payload',
      '3: no topic (--topic gives one)',
      '4: the topic "a/#" has a wildcard or NUL',
      '5: at: "noon" is not a time (--time iso)',
      '6: the payload is not base64',
      '7: not an object',
      expect.stringMatching(/^8: not JSON: /u),
    ])
  })
})

describe('any file', () => {
  it('gives its lines, however it is cut into pieces', () => {
    const file = path.join(folder, 'lines')
    const text = Array.from({ length: 20_000 }, (_, index) => `€ line ${index}`)
    for (const end of ['\n', '\r\n', '\r']) {
      writeFileSync(file, text.join(end))
      expect([...readLines(file)].map((line) => line.text)).toEqual(text)
    }
    writeFileSync(file, 'a\r\n\r\nb\r\n')
    expect([...readLines(file)]).toEqual([
      { text: 'a', number: 1 },
      { text: '', number: 2 },
      { text: 'b', number: 3 },
    ])
  })

  it('may be empty, and is no crash whatever its bytes', () => {
    expect(read('').messages).toEqual([])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const prefix of ['{', 't,tag,x,y\n'])
          expect(() => read(Buffer.concat([Buffer.from(prefix), bytes]))).not.toThrow()
      }),
      { numRuns: 100 },
    )
  })

  it('that is not there is said in one sentence', () => {
    expect(() => [...readLines('/nonexistent.csv')]).toThrow(/^\/nonexistent\.csv cannot be read: ENOENT/u)
  })
})

describe('the progress', () => {
  it('is a bar at a terminal, a line elsewhere', () => {
    const reading = { share: 0.5, sent: 1200, acked: 1000, refused: 2, seconds: 10 }
    expect(lineOf(reading, true)).toMatch(
      /^\[█{15}·{15}\] 50 % {2}1,200 sent, 1,000 acknowledged, 2 refused {2}100\/s$/u,
    )
    expect(lineOf({ ...reading, share: undefined, refused: 0 }, false)).toBe(
      '1,200 sent, 1,000 acknowledged  100/s',
    )
  })
})
