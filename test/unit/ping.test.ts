import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalId, parseIsoUs, placeInTime } from '../../src/ingest/ping.ts'

describe('canonical ids', () => {
  it.each([
    ['AC:23:3F:A1:B2:C3', 'AC233FA1B2C3'],
    ['ac-23-3f-a1-b2-c3', 'AC233FA1B2C3'],
    ['ac233fa1b2c3', 'AC233FA1B2C3'],
    ['ac23.3fa1.b2c3', 'AC233FA1B2C3'],
    ['00:11:22:33:44:55:66:77', '0011223344556677'],
    ['0011223344556677', '0011223344556677'],
    [' AC:23:3F:A1:B2:C3 ', 'AC233FA1B2C3'],
    ['0x6733', '0x6733'],
    ['Pump 7', 'Pump 7'],
    ['ac:23-3f:a1-b2:c3', 'ac:23-3f:a1-b2:c3'],
    ['ac:23:3f:a1:b2', 'ac:23:3f:a1:b2'],
    ['<img onerror>', '<img onerror>'],
  ])('%s is stored as %s', (id, canonical) => {
    expect(canonicalId(id)).toBe(canonical)
  })

  it('stay as they are when made canonical again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^([0-9a-fA-F]{2}[:-]?){6,8}$/u)), (id) => {
        expect(canonicalId(canonicalId(id))).toBe(canonicalId(id))
      }),
    )
  })
})

describe('ISO 8601 times', () => {
  it('agree with Date for every millisecond Date can write', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          expect(parseIsoUs(date.toISOString())).toBe(date.getTime() * 1000)
        },
      ),
    )
  })

  it('keep microseconds, because two pings of a tag may lie within one millisecond', () => {
    expect(parseIsoUs('2026-11-22T07:00:00.123456Z')).toBe(Date.UTC(2026, 10, 22, 7) * 1000 + 123_456)
    expect(parseIsoUs('2026-11-22T07:00:00.1234569Z')).toBe(Date.UTC(2026, 10, 22, 7) * 1000 + 123_456)
  })

  it.each([
    ['2026-11-22T08:30:00+01:30', '2026-11-22T07:00:00Z'],
    ['2026-11-22T08:30:00+0130', '2026-11-22T07:00:00Z'],
    ['2026-11-22T02:00:00-05', '2026-11-22T07:00:00Z'],
    ['2026-11-22 07:00:00Z', '2026-11-22T07:00:00Z'],
    ['2026-11-22T07:00:00,5z', '2026-11-22T07:00:00.5Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z'],
  ])('%s is %s', (text, utc) => {
    expect(parseIsoUs(text)).toBe(Date.parse(utc) * 1000)
  })

  it.each([
    '2026-11-22T07:00:00', // no offset: whose time?
    '2026-11-22',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-22T25:00:00Z',
    '2026-11-22T07:60:00Z',
    '',
    'now',
    '1795330800000',
  ])('"%s" is none', (text) => {
    expect(parseIsoUs(text)).toBeUndefined()
  })
})

describe('the time a ping is stored under', () => {
  const now = Date.UTC(2026, 10, 22, 7) * 1000

  it('is its own within the tolerance', () => {
    expect(placeInTime(now + 59_000_000, now, 0, 60)).toEqual({ tUs: now + 59_000_000, timeSource: 'device' })
  })

  it('is the receive time when it lies in the future or before 2000', () => {
    expect(placeInTime(now + 61_000_000, now, 0, 60)).toEqual({ tUs: now, timeSource: 'replaced' })
    expect(placeInTime(0, now, 0, 60)).toEqual({ tUs: now, timeSource: 'replaced' })
  })

  it('keeps the pings of one message apart when they carry none', () => {
    const times = [0, 1, 2].map((index) => placeInTime(undefined, now, index, 60).tUs)
    expect(new Set(times).size).toBe(3)
  })
})
