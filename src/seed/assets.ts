/**
 * The demo hospital's equipment: one asset for each tag of the simulator, with a believable past: bought over the last years,
 * maintained more or less on time, broken now and then, used more or less.
 * Pure: the same hospital, day and ids give the same rows.
 */
import { createRandom, type Random } from '../simulate/random.ts'
import { type Hospital, type Tag, at } from '../simulate/hospital.ts'
import { departmentOf, facilityIdOf, headOf, homeOf, technicians } from './building.ts'
import { type DeviceType, catalogue } from './catalogue.ts'
import { type Row, adminUsername, organizationId } from './guide.ts'

export interface KnownIds {
  /** By username, by vendor code. */
  readonly users: ReadonlyMap<string, string>
  readonly vendors: ReadonlyMap<string, string>
}

export interface Equipment {
  readonly assets: readonly Row[]
  readonly tagAssignments: readonly Row[]
  readonly maintenance: readonly Row[]
  /** How many hours a day each asset is used: `usage_logs` is made of it in SQL. */
  readonly usage: readonly Row[]
}

const dayMs = 86_400_000
const seed = 0x0b10

export function equipmentOf(hospital: Hospital, todayMs: number, ids: KnownIds): Equipment {
  const serials = new Map<string, number>()
  const parts = hospital.tags.map((tag, index) => {
    const serial = (serials.get(tag.kind) ?? 0) + 1
    serials.set(tag.kind, serial)
    return equip(hospital, tag, serial, createRandom(seed, index + 1), todayMs, ids)
  })
  return {
    assets: parts.map(({ asset }) => asset),
    tagAssignments: parts.map(({ tagAssignment }) => tagAssignment),
    maintenance: parts.flatMap(({ maintenance }) => maintenance),
    usage: parts.map(({ usage }) => usage),
  }
}

function equip(
  hospital: Hospital,
  tag: Tag,
  serial: number,
  random: Random,
  todayMs: number,
  ids: KnownIds,
): { asset: Row; tagAssignment: Row; maintenance: Row[]; usage: Row } {
  const { code, devices } = catalogue[tag.kind]
  const device = at(devices, random.int(devices.length))
  const facility = hospital.facilityId
  const number = `${facility.toUpperCase()}-${code}-${String(serial).padStart(4, '0')}`
  const id = `asset-${facility}-${tag.id.toLowerCase()}`
  const day = (daysAgo: number): string => new Date(todayMs - daysAgo * dayMs).toISOString().slice(0, 10)
  const idOf = (kind: keyof KnownIds, key: string): string => {
    const found = ids[kind].get(key)
    if (found === undefined) throw new Error(`the demo hospital has no ${kind} ${key}`)
    return found
  }

  // One in thirty is old, neglected and breaks: what the list of high risks is for.
  const isNeglected = random.next() < 1 / 30
  const lifeDays = device.lifeYears * 365
  const boughtDaysAgo = isNeglected
    ? Math.round(lifeDays * 1.1)
    : 60 + Math.round(random.next() * lifeDays * 1.15)
  // One in nine is maintained late: enough for every status to be seen.
  const pmDaysAgo = isNeglected
    ? device.pmDays + 60 + random.int(120)
    : Math.min(boughtDaysAgo, Math.round(random.next() * device.pmDays * 1.13))
  const calibratedDaysAgo = Math.min(boughtDaysAgo, Math.round(random.next() * 380))
  const fate = random.next()
  const status =
    fate < 0.7 ? 'IN_SERVICE' : fate < 0.95 ? 'ACTIVE' : fate < 0.99 ? 'IN_MAINTENANCE' : 'QUARANTINED'
  const department = departmentOf(facility, tag.homeRoomId)
  const isRecalled = random.next() < 0.01
  const adminId = idOf('users', adminUsername)
  const asset: Row = {
    id,
    organization_id: organizationId,
    asset_tag_number: number,
    equipment_name: `${tag.kind.charAt(0).toUpperCase()}${tag.kind.slice(1)} ${serial}`,
    manufacturer: device.manufacturer,
    model_number: device.model,
    serial_number: `${code}${String(20_000 + random.int(79_999))}${String(serial).padStart(4, '0')}`,
    device_category: device.category,
    device_subcategory: tag.kind,
    ...udiOf(device, `${facility.toUpperCase()}${code}${serial}`, random),
    gmdn_term: tag.kind,
    asset_status: status,
    criticality_level: device.criticality,
    is_life_supporting: device.isLifeSupporting === true,
    vendor_id: idOf('vendors', device.vendor),
    purchase_date: day(boughtDaysAgo),
    commissioning_date: day(boughtDaysAgo - 21),
    purchase_cost: Math.round(device.costUsd * (0.92 + 0.16 * random.next())),
    replacement_cost: Math.round(device.costUsd * 1.1),
    warranty_start_date: day(boughtDaysAgo),
    warranty_end_date: day(boughtDaysAgo - 730),
    is_calibration_required: device.isCalibrated === true,
    ...(device.isCalibrated === true
      ? {
          calibration_frequency_days: 365,
          last_calibration_date: day(calibratedDaysAgo),
          next_calibration_date: day(calibratedDaysAgo - 365),
        }
      : {}),
    risk_classification: device.risk,
    recall_status: isRecalled ? 'CLASS_II' : 'NONE',
    recall_notice_number: isRecalled ? `DEMO-RECALL-${device.model.replaceAll(' ', '')}` : null,
    recall_notice_date: isRecalled ? day(40) : null,
    pm_frequency_days: device.pmDays,
    last_pm_date: day(pmDaysAgo),
    next_pm_due_date: day(pmDaysAgo - device.pmDays),
    current_facility_id: facilityIdOf(facility),
    ble_mac_address: tag.id,
    ...homeOf(hospital, tag.homeRoomId),
    expected_hours_per_day: device.hoursPerDay,
    depreciation_method: device.method,
    useful_life_years: device.lifeYears,
    useful_life_units: device.lifeUnits ?? null,
    salvage_value: Math.round(device.costUsd * 0.05),
    downtime_cost_per_hour: Math.round(device.costUsd / 1000),
    primary_custodian_id: idOf('users', headOf(department.code)),
    custodian_department_id: department.id,
    created_by_id: adminId,
    updated_by_id: adminId,
  }
  return {
    asset,
    tagAssignment: {
      id: `tag-assignment-${id}`,
      tag_id: tag.id,
      asset_id: id,
      valid_from: `${day(boughtDaysAgo - 21)}T00:00:00Z`,
    },
    maintenance: workOn(
      id,
      number,
      tag,
      { pmDaysAgo, boughtDaysAgo, status, costUsd: device.costUsd, isNeglected },
      random,
      todayMs,
      ids,
    ),
    usage: { asset_id: id, hours: Math.round(device.hoursPerDay * random.next() ** 1.5 * 95) / 100 },
  }
}

/** Four of five devices have their UDI in the books: a GTIN with its check digit, and a serial number that is no other facility's. */
function udiOf(device: DeviceType, serial: string, random: Random): Row {
  if (random.next() > 0.8) return {}
  const digits = Array.from(`${device.vendor}${device.model}`).map((letter) => letter.charCodeAt(0) % 10)
  const body = `0${digits.join('')}`.padEnd(13, '0').slice(0, 13)
  const sum = Array.from(body).reduce(
    (total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 3 : 1),
    0,
  )
  return { udi_di: `(01)${body}${(10 - (sum % 10)) % 10}`, udi_pi: `(21)${serial}` }
}

const complaints = [
  ['ELECTRICAL', 'Does not charge'],
  ['MECHANICAL', 'Castor blocks'],
  ['SENSOR', 'Reading drifts'],
  ['SOFTWARE', 'Restarts by itself'],
  ['USER_ERROR', 'Cable unplugged'],
] as const

/** The last preventive maintenance, and a failure or two of the last two years; of what is in the workshop, one that is open. */
function workOn(
  assetId: string,
  number: string,
  tag: Tag,
  facts: { pmDaysAgo: number; boughtDaysAgo: number; status: string; costUsd: number; isNeglected: boolean },
  random: Random,
  todayMs: number,
  ids: KnownIds,
): Row[] {
  const technician = ids.users.get(at(technicians, random.int(technicians.length))) ?? null
  // From midnight UTC; of today's work only what can be done by now.
  const midnightMs = todayMs - (todayMs % dayMs)
  const moment = (daysAgo: number, hour: number): string =>
    new Date(Math.min(todayMs, midnightMs - daysAgo * dayMs + hour * 3_600_000)).toISOString()
  const common = { asset_id: assetId, assigned_to_id: technician }
  const work: Row[] = [
    {
      ...common,
      id: `${assetId}-pm`,
      work_order_number: `WO-${number}-PM`,
      work_order_type: 'PREVENTIVE_MAINTENANCE',
      work_order_status: 'COMPLETED',
      summary: `Preventive maintenance of ${tag.assetName}`,
      reported_at: moment(facts.pmDaysAgo + 7, 9),
      started_at: moment(facts.pmDaysAgo, 15),
      completed_at: moment(facts.pmDaysAgo, 16),
      labor_hours: 1,
      labor_cost: 85,
    },
  ]
  const failures = facts.isNeglected ? 4 : Math.floor(random.next() ** 2 * 4)
  const failingSince = Math.max(1, Math.min(facts.isNeglected ? 330 : 720, facts.boughtDaysAgo - 25))
  for (let index = 0; index < failures; index += 1) {
    const [category, summary] = at(complaints, random.int(complaints.length))
    const daysAgo = 3 + random.int(failingSince)
    const hours = 2 + random.int(40)
    work.push({
      ...common,
      id: `${assetId}-failure-${index + 1}`,
      work_order_number: `WO-${number}-F${index + 1}`,
      work_order_type: 'CORRECTIVE_MAINTENANCE',
      work_order_status: 'COMPLETED',
      failure_category: category,
      summary,
      reported_at: moment(daysAgo, 10),
      started_at: moment(daysAgo, 12),
      completed_at: moment(daysAgo, 12 + hours),
      labor_hours: Math.min(hours, 6),
      labor_cost: Math.min(hours, 6) * 85,
      parts_cost: Math.round(facts.costUsd * 0.03 * random.next()),
    })
  }
  if (facts.status === 'IN_MAINTENANCE')
    work.push({
      ...common,
      id: `${assetId}-open`,
      work_order_number: `WO-${number}-OPEN`,
      work_order_type: 'CORRECTIVE_MAINTENANCE',
      work_order_status: 'IN_PROGRESS',
      failure_category: 'UNKNOWN',
      summary: 'In the workshop',
      reported_at: moment(1, 10),
      started_at: moment(1, 13),
    })
  return work
}
