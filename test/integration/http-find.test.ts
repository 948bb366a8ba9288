// Finding things over HTTP, in words first; and where one was, which way it went, in which rooms it stayed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpApi, openHttpApi } from '../support/http-api.ts'
import { queryOnce } from '../support/query.ts'
import { useSuite } from '../support/suite.ts'
import { storeAssets, storeHospitals, storePings } from '../support/two-hospitals.ts'

const { database } = useSuite()
let api: HttpApi
beforeAll(async () => {
  await storeHospitals(database.url)
  await storeAssets(database.url, [
    { id: 'IP-001', tag: 'AC233FA1B2C3', subcategory: 'Infusion pump' },
    { id: 'IP-002', tag: 'T2', subcategory: 'Infusion pump' },
    { id: 'IP-003', tag: 'T3', subcategory: 'Infusion pump' },
    { id: 'IP-004', tag: 'T4', subcategory: 'Infusion pump', status: 'IN_MAINTENANCE' },
    { id: 'IP-005', tag: 'T5', subcategory: 'Infusion pump' },
    { id: 'BED-1', tag: 'T6', name: 'Bed', category: 'SUPPORT_EQUIPMENT' },
    { id: 'NEW-1', name: 'Ventilator' },
    { id: 'FAR-1', tag: 'T7', facility: 'f3' },
    { id: 'BADGE', tag: 'P1', name: 'Badge' },
  ])
  await queryOnce(database.url, `INSERT INTO person_tags (tag_id) VALUES ('P1')`)
  await storePings(database.url, [
    { tag: 'AC233FA1B2C3', agoS: 12, floor: 0, room: 'bay', x: 1, y: 1, accuracyM: 0.4 },
    { tag: 'T2', agoS: 5, floor: 0, room: 'hall', x: 31, y: 1, accuracyM: 0.4 },
    // Under the bed's room, so to say.
    { tag: 'T3', agoS: 5, floor: 1, room: 'or', x: 1, y: 1 },
    { tag: 'T4', agoS: 5, floor: 0, room: 'bay', x: 2, y: 1 },
    { tag: 'T5', agoS: 7200, floor: 0, room: 'bay', x: 1.5, y: 1 },
    { tag: 'T6', agoS: 5, floor: 0, room: 'bay', fix: 'presence' },
    { tag: 'T7', agoS: 5, facility: 'h3', floor: 0, x: 1, y: 1 },
    { tag: 'P1', agoS: 50, floor: 0, room: 'bay', x: 1, y: 1 },
    // Ten minutes in the hall, then in the bay: by whole minutes, two hours ago.
    ...Array.from({ length: 11 }, (_, minute) => ({
      tag: 'AC233FA1B2C3',
      agoS: 7200 - minute * 60,
      floor: 0,
      room: 'hall',
      x: 10 + minute * 2,
      y: 10,
    })),
    ...Array.from({ length: 5 }, (_, minute) => ({
      tag: 'AC233FA1B2C3',
      agoS: 6540 - minute * 60,
      floor: 0,
      room: 'bay',
      x: 3,
      y: 2,
    })),
  ])
  api = await openHttpApi(database.url)
})
afterAll(async () => {
  await api.close()
})

interface Found {
  readonly answer: string
  readonly items: (Record<string, unknown> & { assetTag: string })[]
  readonly matches: number
}
const ask = async (path: string): Promise<Found & { status: number; tags: string[] }> => {
  const { status, body } = await api.ask(path)
  const found = body as unknown as Found
  return {
    ...found,
    status,
    answer: status === 200 ? found.answer : String(body['detail']),
    tags: status === 200 ? found.items.map(({ assetTag }) => assetTag) : [],
  }
}

describe('/find', () => {
  it.each([
    ['IP-001', 'its number'],
    ['ip-001', 'its number, in other letters'],
    ['SN-IP-001', 'its serial number'],
    ['ac:23:3f:a1:b2:c3', 'the id of its tag, as it stands on the tag'],
  ])('%s: by %s', async (q) => {
    const { answer, tags } = await ask(`/find?facility=h1&q=${encodeURIComponent(q)}`)
    expect(tags[0]).toBe('IP-001')
    expect(answer).toMatch(/^Infusion pump IP-001 is in ED Bay 3, floor 0, seen \d+ s ago, ±0.4 m\.$/u)
  })

  it('of many that match says how many, the one seen last first, as many as were asked for', async () => {
    const { answer, tags, matches } = await ask('/find?facility=h1&q=infusion+pump&limit=2')
    expect(matches).toBe(5)
    expect(tags).toHaveLength(2)
    expect(answer).toMatch(/ 5 match; this is the best\.$/u)
  })

  it('says so when nothing is like it, or nothing is known of it', async () => {
    expect(await ask('/find?facility=h1&q=zzzzz-qqq')).toMatchObject({
      status: 200,
      matches: 0,
      answer:
        'Nothing in Main site is known by "zzzzz-qqq": no asset tag, name, model, serial number or tag id is like it.',
    })
    expect((await ask('/find?facility=h1&q=ventilator')).answer).toMatch(
      /^Ventilator NEW-1 was never located/u,
    )
  })

  it('finds nothing of another hospital, and nobody by the tag they wear', async () => {
    expect((await ask('/find?facility=h1&q=FAR-1')).tags).not.toContain('FAR-1')
    expect((await ask('/find?facility=h1&q=P1')).matches).toBe(0)
    const badge = await ask('/find?facility=h1&q=BADGE')
    expect(badge.items[0]).toMatchObject({ assetTag: 'BADGE', tagId: null, x: null, seenAt: null })
  })

  it.each([
    ['/find?facility=h1', /q: is required/u],
    ['/find?facility=h1&q=', /1 to 200 characters/u],
    ['/find?q=x', /several: h1, h2, h3/u],
    ['/find?facility=h1&q=x&limit=101', /from 1 to 100/u],
  ])('%s is a 400', async (path, detail) => {
    expect(await ask(path)).toMatchObject({ status: 400, answer: expect.stringMatching(detail) as string })
  })
})

describe('/nearest', () => {
  const near = 'facility=h1&subcategory=infusion+pump'

  it('the same floor first, then by distance; what is silent for long comes last', async () => {
    const { answer, tags, items } = await ask(`/nearest?${near}&floor=0&x=0&y=1`)
    expect(tags).toEqual(['IP-001', 'IP-004', 'IP-002', 'IP-003', 'IP-005'])
    expect(items.map(({ distanceM, floorsAway }) => [distanceM, floorsAway])).toEqual([
      [1, 0],
      [2, 0],
      [31, 0],
      [1, 1],
      [1.5, 0],
    ])
    expect(answer).toMatch(
      /^The nearest infusion pump is Infusion pump IP-001 in ED Bay 3, floor 0, 1 m away in a straight line, seen \d+ s ago, ±0.4 m\.$/u,
    )
  })

  it('near an asset, which is not near itself, and near the middle of a room; free ones only', async () => {
    const other = await ask(`/nearest?${near}&assetId=IP-001&free=true&limit=1`)
    expect(other.tags).toEqual(['IP-002'])
    expect(other.answer).toMatch(/^The nearest free infusion pump is Infusion pump IP-002 in Hall/u)
    expect((await ask(`/nearest?${near}&room=ED-3&limit=1`)).items[0]).toMatchObject({
      assetTag: 'IP-004',
      distanceM: 1.8,
    })
    expect((await ask(`/nearest?${near}&room=or`)).tags[0]).toBe('IP-003')
    // Only its room is known.
    expect((await ask('/nearest?facility=h1&q=bed&floor=0&x=3&y=0.5')).items[0]).toMatchObject({
      assetTag: 'BED-1',
      distanceM: 2,
    })
  })

  it('says so when there is none', async () => {
    expect(await ask('/nearest?facility=h1&category=IMAGING&floor=0&x=1&y=1')).toMatchObject({
      items: [],
      answer: 'No imaging is known to be anywhere in Main site.',
    })
  })

  it.each([
    ['/nearest?facility=h1&floor=0&x=1&y=1', /of what kind/u],
    [`/nearest?${near}`, /near what/u],
    [`/nearest?${near}&room=bay&assetId=IP-001`, /in one way/u],
    [`/nearest?${near}&floor=0&x=1`, /belong together/u],
    [`/nearest?${near}&room=zzz`, /no such room/u],
    [`/nearest?${near}&assetId=zzz`, /no such asset/u],
    [`/nearest?${near}&assetId=FAR-1`, /not located in h1/u],
    [`/nearest?${near}&floor=0&x=1e9&y=1`, /a number such as/u],
  ])('%s is a 400', async (path, detail) => {
    expect(await ask(path)).toMatchObject({ status: 400, answer: expect.stringMatching(detail) as string })
  })
})

describe('one asset', () => {
  it('is where it is, and was where it was', async () => {
    expect((await api.ask('/assets/IP-001/location')).body).toMatchObject({ roomName: 'ED Bay 3', x: 1 })
    const at = new Date(Date.now() - 6900_000).toISOString()
    const { body } = await api.ask(`/assets/IP-001/location?at=${at}`)
    expect(body).toMatchObject({ roomId: 'hall', floor: 0 })
    expect(body['ageS']).toBeLessThan(60)
    expect((await api.ask('/assets/IP-001/location?at=2020-01-01T00:00:00Z')).body).toMatchObject({
      seenAt: null,
    })
    expect((await api.ask('/assets/NEW-1/location')).body).toMatchObject({ seenAt: null, facility: 'h1' })
    expect((await api.ask('/assets/BADGE/location')).body).toMatchObject({ seenAt: null, tagId: null })
  })

  it('went this way', async () => {
    const from = new Date(Date.now() - 10_000_000).toISOString()
    const { body } = await api.ask(`/assets/IP-001/trail?from=${from}&points=4`)
    const points = body['items'] as { x: number; leftOut: number; roomId: string }[]
    expect(points.map(({ x }) => x)).toEqual([10, 30, 3, 1])
    expect(points.reduce((sum, { leftOut }) => sum + leftOut + 1, 0)).toBe(17)
    const csv = await api.ask(`/assets/IP-001/trail?from=${from}&points=4&format=csv`)
    expect(csv.text.split('\r\n')[1]).toMatch(/^20\d\d-\d\d-\d\dT[\d:.]+Z,h1,0,hall,10,10,,position,9,/u)
    expect((await api.ask('/assets/BADGE/trail')).body).toEqual({ items: [] })
  })

  it('stayed in these rooms', async () => {
    const from = new Date(Date.now() - 10_000_000).toISOString()
    const { body } = await api.ask(`/assets/IP-001/visits?from=${from}`)
    expect(body['items']).toMatchObject([
      { roomId: 'hall', roomName: 'Hall', departmentName: null, dwellS: 660, pings: 11, isOpen: false },
      { roomId: 'bay', departmentName: 'Emergency', pings: 5, confidence: 1 },
    ])
    const csv = await api.ask({ path: `/assets/IP-001/visits?from=${from}`, headers: { accept: 'text/csv' } })
    expect(csv.text.split('\r\n')[1]).toMatch(/^h1,hall,Hall,,20.*,660,11,false,1$/u)
  })

  it.each([
    ['/assets/nope/location', 404],
    ['/assets/nope/trail', 404],
    ['/assets/nope/visits', 404],
    ['/assets/IP-001/location?at=yesterday', 400],
    ['/assets/IP-001/trail?points=0', 400],
    ['/assets/IP-001/trail?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z', 400],
    ['/assets/IP-001/visits?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 400],
    ['/assets/IP-001/visits?cursor=x', 400],
  ])('%s is a problem %i', async (path, status) => {
    expect((await api.ask(path)).status).toBe(status)
  })
})
