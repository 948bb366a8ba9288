/**
 * The demo hospital's master data: the building the simulator walks its tags in, and the departments and people in it.
 * Pure. Ids are made of the facility's code, so that several demo hospitals fit into one database.
 */
import type { Hospital, Room } from '../simulate/hospital.ts'
import { departments, vendors } from './catalogue.ts'
import { type Row, organizationId } from './guide.ts'

export const facilityIdOf = (code: string): string => `facility-${code}`
const departmentIdOf = (facility: string, code: string): string => `department-${facility}-${code}`
const buildingIdOf = (facility: string): string => `building-${facility}-main`
const floorIdOf = (facility: string, level: number): string => `floor-${facility}-${level}`
/** What location_history.room_id holds for pings from inside. */
const roomIdOf = (facility: string, room: string): string => `${facility}/${room}`

/** Where a room is, as the columns of an asset that is at home there. */
export function homeOf(hospital: Hospital, roomCode: string): Row {
  const floor = hospital.floors.find(({ rooms }) => rooms.some(({ id }) => id === roomCode))
  const { facilityId } = hospital
  return {
    home_building_id: buildingIdOf(facilityId),
    home_floor_id: floor === undefined ? null : floorIdOf(facilityId, floor.level),
    home_room_id: roomIdOf(facilityId, roomCode),
  }
}

export function departmentOf(facility: string, roomCode: string): { id: string; code: string } {
  const found = departments.find(({ rooms }) => rooms.some((prefix) => roomCode.startsWith(prefix)))
  const code = found?.code ?? 'BME'
  return { id: departmentIdOf(facility, code), code }
}

/** One head a department, and the people who mend things. */
const people: readonly (readonly [
  first: string,
  last: string,
  role: string,
  department: string,
  title: string,
])[] = [
  ['Amara', 'Okafor', 'CLINICAL_STAFF', 'ED', 'Head nurse'],
  ['Jonas', 'Lindqvist', 'CLINICAL_STAFF', 'RAD', 'Lead radiographer'],
  ['Priya', 'Raman', 'CLINICAL_STAFF', 'OR', 'Head nurse'],
  ['Tomas', 'Herrera', 'CLINICAL_STAFF', 'ANE', 'Anaesthetic nurse'],
  ['Wen', 'Zhao', 'CLINICAL_STAFF', 'ICU', 'Head nurse'],
  ['Ruth', 'Abara', 'CLINICAL_STAFF', 'LAB', 'Laboratory lead'],
  ['Elif', 'Demir', 'CLINICAL_STAFF', 'WARD', 'Head nurse'],
  ['Samuel', 'Ortega', 'ENGINEER', 'BME', 'Head of biomedical engineering'],
  ['Nadia', 'Petrova', 'TECHNICIAN', 'BME', 'Biomedical technician'],
  ['Daniel', 'Mensah', 'TECHNICIAN', 'BME', 'Biomedical technician'],
]

const usernameOf = (first: string, last: string): string => `${first}.${last}`.toLowerCase()

/** The username of the head of a department: the first of its people. */
export function headOf(departmentCode: string): string {
  const [first, last] = people.find(([, , , code]) => code === departmentCode) ?? ['Samuel', 'Ortega']
  return usernameOf(first, last)
}

export const technicians: readonly string[] = people
  .filter(([, , role]) => role === 'TECHNICIAN')
  .map(([first, last]) => usernameOf(first, last))

/** Tables in the order of their foreign keys, with their rows. */
export function masterData(hospital: Hospital): readonly (readonly [table: string, rows: readonly Row[]])[] {
  const facility = hospital.facilityId
  return [
    [
      'facilities',
      [
        {
          id: facilityIdOf(facility),
          organization_id: organizationId,
          facility_code: facility,
          facility_name: hospital.name,
          facility_type: 'Acute care hospital',
          address_line1: '1 Example Way',
          city: 'Springfield',
          state_province: 'NY',
          country: 'US',
          timezone: 'America/New_York',
          license_number: 'DEMO-HOSP-0001',
          accreditation_body: 'Demo Commission',
        },
      ],
    ],
    [
      'buildings',
      [
        {
          id: buildingIdOf(facility),
          facility_id: facilityIdOf(facility),
          building_code: 'MAIN',
          building_name: 'Main building',
          year_built: 1998,
        },
      ],
    ],
    [
      'floors',
      hospital.floors.map((floor) => ({
        id: floorIdOf(facility, floor.level),
        building_id: buildingIdOf(facility),
        floor_number: floor.level,
        floor_name: floor.name,
        width_m: floor.widthM,
        depth_m: floor.depthM,
      })),
    ],
    [
      'departments',
      departments.map(({ code, name }) => ({
        id: departmentIdOf(facility, code),
        facility_id: facilityIdOf(facility),
        department_code: code,
        department_name: name,
        cost_center: `CC-${code}`,
        is_default: code === 'BME',
      })),
    ],
    [
      'rooms',
      hospital.floors.flatMap((floor) => floor.rooms.map((room) => roomRow(facility, floor.level, room))),
    ],
    [
      'users',
      people.map(([first, last, role, department, title]) => ({
        id: `user-demo-${usernameOf(first, last)}`,
        organization_id: organizationId,
        department_id: departmentIdOf(facility, department),
        username: usernameOf(first, last),
        email: `${usernameOf(first, last)}@demo.example`,
        first_name: first,
        last_name: last,
        role,
        job_title: title,
      })),
    ],
    [
      'vendors',
      vendors.map(({ code, name, type }) => ({
        id: `vendor-demo-${code.toLowerCase()}`,
        vendor_code: code,
        vendor_name: name,
        vendor_type: type,
        email: `service@${name.toLowerCase().replaceAll(/[^a-z]+/gu, '-')}.example`,
        payment_days: 30,
        service_level: 'NEXT_DAY',
      })),
    ],
  ]
}

function roomRow(facility: string, level: number, room: Room): Row {
  const beds = /^(?:WARD|ICU-\d|PACU|ED-BAY)/u.test(room.id) ? (room.id.startsWith('WARD') ? 2 : 1) : 0
  return {
    id: roomIdOf(facility, room.id),
    floor_id: floorIdOf(facility, level),
    department_id: departmentOf(facility, room.id).id,
    room_code: room.id,
    room_name: nameOf(room),
    room_type: room.kind === 'room' ? room.id.replace(/-?\d+$/u, '') : room.kind.toUpperCase(),
    area_m2: Math.round((room.x1 - room.x0) * (room.y1 - room.y0) * 100) / 100,
    bed_count: beds,
    is_restricted: /^(?:OR-|BLOOD|STERILE)/u.test(room.id),
    geofence_polygon: room.polygon,
    center_x: (room.x0 + room.x1) / 2,
    center_y: (room.y0 + room.y1) / 2,
  }
}

/** 'ED-BAY-3' as on the door: 'ED bay 3'. */
function nameOf({ id }: Room): string {
  const [first = '', ...rest] = id.split('-')
  const isAbbreviation = ['ED', 'OR', 'ICU', 'CT', 'PACU', 'XRAY'].includes(first)
  const head = isAbbreviation
    ? first.replace('XRAY', 'X-ray')
    : `${first.charAt(0)}${first.slice(1).toLowerCase()}`
  return [head, ...rest.map((word) => word.toLowerCase())].join(' ')
}
