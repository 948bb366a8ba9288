// The demo hospital's rows: the same building and the same tags as the simulator's.
import { describe, expect, it } from 'vitest'
import { equipmentOf } from '../../src/seed/assets.ts'
import { masterData } from '../../src/seed/building.ts'
import { catalogue, vendors } from '../../src/seed/catalogue.ts'
import { createHospital } from '../../src/simulate/hospital.ts'
import { simulateDefaults } from '../../src/simulate/options.ts'

const hospital = createHospital({ ...simulateDefaults, tags: 300 })
const data = new Map(masterData(hospital))
const users = (data.get('users') ?? []).map((row) => String(row['username']))
const ids = {
  users: new Map(['admin', ...users].map((name) => [name, `id of ${name}`])),
  vendors: new Map(vendors.map(({ code }) => [code, `id of ${code}`])),
}
const todayMs = Date.UTC(2026, 10, 22)
const equipment = equipmentOf(hospital, todayMs, ids)

describe('the demo hospital', () => {
  it('has every room of the simulator with its own polygon, and their areas fill the floors', () => {
    const rooms = data.get('rooms') ?? []
    const drawn = hospital.floors.flatMap((floor) => floor.rooms)
    expect(rooms.map((row) => [row['room_code'], row['geofence_polygon']])).toEqual(
      drawn.map((room) => [room.id, room.polygon]),
    )
    const area = rooms.reduce((sum, row) => sum + Number(row['area_m2']), 0)
    expect(area).toBeCloseTo(
      hospital.floors.reduce((sum, floor) => sum + floor.widthM * floor.depthM, 0),
      6,
    )
  })

  it('puts each tag of the simulator on one asset, at home where the tag is', () => {
    expect(equipment.tagAssignments.map((row) => row['tag_id'])).toEqual(hospital.tags.map(({ id }) => id))
    expect(new Set(equipment.assets.map((row) => row['asset_tag_number'])).size).toBe(300)
    expect(equipment.assets.map((row) => row['home_room_id'])).toEqual(
      hospital.tags.map(({ homeRoomId }) => `demo/${homeRoomId}`),
    )
  })

  it('has assets of every kind, and gives every room to a department that exists', () => {
    expect(new Set(equipment.assets.map((row) => row['device_subcategory']))).toEqual(
      new Set(Object.keys(catalogue)),
    )
    const departments = new Set((data.get('departments') ?? []).map((row) => row['id']))
    for (const row of data.get('rooms') ?? []) expect(departments).toContain(row['department_id'])
  })

  it('names a real GTIN check digit in every UDI', () => {
    const udis = equipment.assets.flatMap((row) => (typeof row['udi_di'] === 'string' ? [row['udi_di']] : []))
    expect(udis.length).toBeGreaterThan(200)
    for (const udi of udis) {
      expect(udi).toMatch(/^\(01\)\d{14}$/u)
      const sum = Array.from(udi.slice(4)).reduce(
        (total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 3 : 1),
        0,
      )
      expect(sum % 10).toBe(0)
    }
  })

  it('has no work that is done in the future, at whatever hour it is made', () => {
    for (const hour of [0, 7, 23]) {
      const nowMs = todayMs + hour * 3_600_000
      const moments = equipmentOf(hospital, nowMs, ids).maintenance.flatMap((row) =>
        ['reported_at', 'started_at', 'completed_at'].flatMap((column) => row[column] ?? []),
      )
      expect(moments.length).toBeGreaterThan(900)
      expect(moments.filter((moment) => typeof moment !== 'string' || Date.parse(moment) > nowMs)).toEqual([])
    }
  })

  it('has other UDIs in another facility', () => {
    const udis = (facility: string): unknown[] =>
      equipmentOf(createHospital({ ...simulateDefaults, facility, tags: 50 }), todayMs, ids).assets.flatMap(
        (row) => row['udi_pi'] ?? [],
      )
    expect(udis('north').filter((udi) => udis('demo').includes(udi))).toEqual([])
  })

  it('is the same for the same day', () => {
    expect(equipmentOf(hospital, todayMs, ids)).toEqual(equipment)
  })
})
