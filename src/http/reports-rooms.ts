/** Reports about places: how full rooms were, how long equipment stayed, where on a floor it stood, what was where it must not be. */
import { z } from 'zod'
import { deviceCategories } from '../register/words.ts'
import { floorParameter } from './facilities.ts'
import { storable } from './field-kinds.ts'
import { defineReport, figure, instant, localTime, number, seconds, text, whole } from './report.ts'

const room = storable(1, 200).describe('id or code of a room').optional()
const category = z
  .enum(deviceCategories)
  .describe(`one of ${deviceCategories.join(', ')}`)
  .optional()
const roomIs = (column: string, value: string): string =>
  `${column} IN (SELECT r.id FROM rtls.rooms r WHERE r.id = ${value} OR r.room_code = ${value})`

const occupancy = defineReport({
  path: 'occupancy',
  name: 'OccupancyReport',
  question: 'How full were the rooms, by kind of equipment?',
  description:
    'By hour (at most 92 days) or day (at most 1100) of the facility; of the last 24 hours without from and to. A combination of room and category without any equipment has no row.',
  takes: {
    unit: z.enum(['hour', 'day']).describe('hour or day').default('hour'),
    room,
    category,
  },
  span: ({ unit }) =>
    unit === 'hour'
      ? { defaultHours: 24, mostDays: 92, instead: 'ask by day (unit=day)' }
      : { defaultHours: 24 * 30, mostDays: 1100 },
  columns: {
    bucket: instant('o.bucket', 'when the hour or day begins'),
    localBucket: localTime('o.local_bucket', 'what the clock of the facility says then'),
    roomId: text('o.room_id'),
    roomName: text.orNull('o.room_name'),
    category: text('o.device_category::text'),
    average: figure('o.average', 'how many on average'),
    most: whole('o.most', 'how many at most at once'),
    assets: whole('o.assets', 'how many different ones'),
    heardShare: figure.orNull('o.heard_share', 'of this, what a ping of the same minute vouches for'),
  },
  sql({ facility, span, query, put }) {
    const where = [
      ...(query.room === undefined ? [] : [roomIs('o.room_id', put(query.room))]),
      ...(query.category === undefined
        ? []
        : [`o.device_category = ${put(query.category)}::device_category`]),
    ]
    return {
      from: `room_occupancy(${put(facility.code)}, ${put(span.from)}, ${put(span.to)}, ${put(query.unit)}) o
        WHERE ${where.length === 0 ? 'true' : where.join(' AND ')}`,
      order: 'o.bucket, o.room_name, o.room_id, o.device_category',
    }
  },
})

const dwell = defineReport({
  path: 'dwell',
  name: 'DwellReport',
  question: 'How long does equipment stay in a room at a time?',
  description:
    'Visits by their length, from the minutes of the rollup; of the last 24 hours without from and to, of at most 31 days. A visit begun before or not over by the end is cut there.',
  takes: {
    by: z.enum(['room', 'department', 'category']).describe('room, department or category').default('room'),
  },
  span: () => ({ defaultHours: 24, mostDays: 31 }),
  columns: {
    groupId: text.orNull('d.group_id', 'the id of the room or department, or the category'),
    groupName: text.orNull('d.group_name'),
    visits: whole('d.visits'),
    assets: whole('d.assets', 'how many different ones'),
    totalS: seconds('d.dwell'),
    medianS: seconds('d.median'),
    p95S: seconds('d.p95', '95 % of the visits were at most so long'),
    longestS: seconds('d.longest'),
    to5Min: whole('d.to_5_min', 'visits of at most 5 minutes'),
    to15Min: whole('d.to_15_min', 'longer, of at most 15 minutes'),
    to1H: whole('d.to_1_h', 'longer, of at most an hour'),
    to4H: whole('d.to_4_h', 'longer, of at most 4 hours'),
    to12H: whole('d.to_12_h', 'longer, of at most 12 hours'),
    to24H: whole('d.to_24_h', 'longer, of at most a day'),
    longer: whole('d.longer', 'of more than a day'),
  },
  sql: ({ facility, span, query, put }) => ({
    from: `dwell_distribution(${put(facility.code)}, ${put(span.from)}, ${put(span.to)}, ${put(query.by.toUpperCase())}) d`,
    order: 'd.visits DESC, d.group_name, d.group_id',
  }),
})

const heatMap = defineReport({
  path: 'heat-map',
  name: 'HeatMapReport',
  question: 'Where on a floor does equipment stand?',
  description:
    'In squares of cellM metres; of the last 24 hours without from and to, of at most 31 days. An asset counts each minute where it was on average.',
  takes: {
    floor: floorParameter,
    cellM: number(0.5, 50, 'the side of a square in metres').default(2),
    category,
  },
  span: () => ({ defaultHours: 24, mostDays: 31 }),
  columns: {
    cellX: figure('h.cell_x', 'of the lower left corner, metres'),
    cellY: figure('h.cell_y', 'of the lower left corner, metres'),
    minutes: whole('h.minutes', 'of all assets together'),
    assets: whole('h.assets', 'how many different ones'),
    pings: whole('h.pings'),
    accuracyM: figure.orNull('h.accuracy_m', 'where it exceeds the square, the map is finer than the truth'),
  },
  sql: ({ facility, span, query, put }) => ({
    from: `heat_map(${put(facility.code)}, ${put(query.floor)}::real, ${put(span.from)}, ${put(span.to)}, ${put(query.cellM)}::float8, ${put(query.category ?? null)}::device_category) h`,
    order: 'h.minutes DESC, h.cell_x, h.cell_y',
  }),
})

const coverage = defineReport({
  path: 'coverage',
  name: 'CoverageReport',
  question: 'In which rooms do assets vanish, to be heard again elsewhere?',
  description:
    'Rooms in which assets fell silent for longer than half an hour; of the last 24 hours without from and to, of at most 31 days.',
  takes: {},
  span: () => ({ defaultHours: 24, mostDays: 31 }),
  columns: {
    roomId: text.orNull('c.room_id', 'null: outside all rooms'),
    roomName: text.orNull('c.room_name'),
    silences: whole('c.silences'),
    assets: whole('c.assets', 'how many different ones'),
    longestS: seconds('c.longest'),
    elsewhereShare: figure('c.elsewhere_share', 'of the silences, those that ended in another room'),
    accuracyM: figure.orNull('c.accuracy_m', 'of the last positions before, on average'),
  },
  sql: ({ facility, span, put }) => ({
    from: `coverage_holes(${put(facility.code)}, ${put(span.from)}, ${put(span.to)}) c`,
    order: 'c.elsewhere_share DESC, c.silences DESC, c.room_id',
  }),
})

const restricted = defineReport({
  path: 'restricted',
  name: 'RestrictedReport',
  question: 'What was in a restricted room it does not belong in?',
  description:
    'Entries as they were recorded and alerted, the newest first; of the last 7 days without from and to, of at most 366. A job looks for them every five minutes.',
  takes: { room },
  span: () => ({ defaultHours: 24 * 7, mostDays: 366 }),
  columns: {
    assetId: text('a.id'),
    assetTag: text('a.asset_tag_number'),
    name: text('a.equipment_name'),
    category: text('a.device_category::text'),
    roomId: text('r.id'),
    roomName: text('r.room_name'),
    floor: figure('r.floor_number'),
    enteredAt: instant('e.entered_at'),
    leftAt: instant('e.left_at', 'as far as it is known by now'),
    durationS: seconds('e.left_at - e.entered_at'),
    alertId: text.orNull('e.alert_id'),
    acknowledgedAt: instant.orNull('h.acknowledged_at'),
    resolvedAt: instant.orNull('h.resolved_at'),
  },
  sql: ({ facility, span, query, put }) => ({
    from: `rtls.restricted_area_entries e
      JOIN rtls.assets a ON a.id = e.asset_id
      JOIN rtls.rooms r ON r.id = e.room_id
      JOIN rtls.facilities f ON f.id = r.facility_id
      LEFT JOIN rtls.alert_history h ON h.id = e.alert_id
      WHERE f.facility_code = ${put(facility.code)} AND e.entered_at < ${put(span.to)} AND e.left_at >= ${put(span.from)}
        ${query.room === undefined ? '' : `AND ${roomIs('e.room_id', put(query.room))}`}`,
    order: 'e.entered_at DESC, a.id, r.id',
  }),
})

export const roomReports = [occupancy, dwell, heatMap, coverage, restricted] as const
