/** Reports about equipment and gateways: what is used, how many are enough, what is missing, low or due. */
import { z } from 'zod'
import {
  day,
  defineReport,
  figure,
  instant,
  number,
  seconds,
  sharedParameters,
  text,
  whole,
  yesNo,
} from './report.ts'

const ofFacility = (facilityId: string, code: string): string =>
  `${facilityId} IN (SELECT f.id FROM rtls.facilities f WHERE f.facility_code = ${code})`

const utilisation = defineReport({
  path: 'utilisation',
  name: 'UtilisationReport',
  question: 'What is used, and what idles?',
  description:
    'How long each asset in service was used, the least used first; of the last 30 days without from and to, of at most 366 (31 with by=away).',
  takes: sharedParameters,
  span: ({ by }) => ({
    defaultHours: by === 'log' ? 24 * 30 : 24,
    mostDays: by === 'log' ? 366 : 31,
    ...(by === 'log' ? {} : { instead: 'ask by what was logged (by=log)' }),
  }),
  columns: {
    assetId: text('u.asset_id'),
    assetTag: text('u.asset_tag_number'),
    name: text('u.equipment_name'),
    category: text('u.device_category::text'),
    usedS: seconds('u.used'),
    idleS: seconds('u.idle'),
    usedPct: figure.orNull('u.used_pct'),
    longestIdleS: seconds('u.longest_idle'),
    lastUsedAt: instant.orNull('u.last_used_at', 'in the span; null: not used in it'),
  },
  sql: ({ facility, span, query, put }) => ({
    from: `fleet_use(${put(facility.code)}, ${put(span.from)}, ${put(span.to)}, ${put(query.by.toUpperCase())}) u`,
    order: 'u.used_pct, u.longest_idle DESC, u.asset_tag_number, u.asset_id',
  }),
})

const rightSize = defineReport({
  path: 'right-size',
  name: 'RightSizeReport',
  question: 'How many of each kind would be enough?',
  description:
    'In 95 % of the time no more than "enough" were in use at once; of the last 30 days without from and to, of at most 366 (31 with by=away).',
  takes: sharedParameters,
  span: ({ by }) => ({
    defaultHours: by === 'log' ? 24 * 30 : 24,
    mostDays: by === 'log' ? 366 : 31,
  }),
  columns: {
    category: text('s.device_category::text'),
    subcategory: text.orNull('s.device_subcategory'),
    owned: whole('s.owned'),
    averageUsed: figure.orNull('s.average_used'),
    enough: whole.orNull('s.enough'),
    mostUsed: whole.orNull('s.most_used'),
    spare: whole.orNull('s.spare', 'owned beyond what is enough'),
    trackedShare: figure('s.tracked_share', 'of the assets of the kind, those with any use in the data'),
  },
  sql: ({ facility, span, query, put }) => ({
    from: `right_size(${put(facility.code)}, ${put(span.from)}, ${put(span.to)}, ${put(query.by.toUpperCase())}) s`,
    order: 's.spare DESC NULLS LAST, s.device_category, s.device_subcategory',
  }),
})

const missing = defineReport({
  path: 'missing',
  name: 'MissingReport',
  question: 'What is silent for longer than it usually is?',
  description:
    'Assets that wear a tag and were silent for more than factor times their own expected interval; those never heard of first.',
  takes: { factor: number(1, 1000, 'how many times the expected interval').default(3) },
  columns: {
    assetId: text('m.asset_id'),
    assetTag: text('m.asset_tag_number'),
    name: text('m.equipment_name'),
    category: text('a.device_category::text'),
    lastSeenAt: instant.orNull('m.last_seen', 'null: never'),
    silentS: seconds.orNull('m.silent_for'),
    expectedIntervalS: seconds.orNull('m.expected_interval', 'null: not heard in the last 14 days'),
    overdueFactor: figure.orNull('m.overdue_factor'),
    roomId: text.orNull('m.room_id', 'where it was last'),
    roomName: text.orNull('m.room_name'),
    batteryPct: whole.orNull('m.battery_pct'),
    confidence: figure('m.confidence', 'in the expected interval: 1 from ten intervals on'),
  },
  sql: ({ facility, query, put }) => ({
    from: `missing_assets(${put(query.factor)}::float8) m JOIN rtls.assets a ON a.id = m.asset_id
      WHERE ${ofFacility('a.current_facility_id', put(facility.code))}`,
    order: 'm.overdue_factor DESC NULLS FIRST, m.last_seen NULLS FIRST, m.asset_id',
  }),
})

const parLevels = defineReport({
  path: 'par-levels',
  name: 'ParLevelsReport',
  question: 'Which rooms have too few or too many of what they should hold?',
  description: 'The levels are rows of par_levels. What lacks most first.',
  takes: {},
  columns: {
    roomId: text('p.room_id'),
    roomName: text('p.room_name'),
    category: text('p.device_category::text'),
    subcategory: text.orNull('p.device_subcategory'),
    minCount: whole('p.min_count'),
    maxCount: whole.orNull('p.max_count', 'null: no limit'),
    present: whole('p.present'),
    unsure: whole('p.unsure', 'of those present, how many were not heard lately'),
    status: {
      sql: 'p.status',
      schema: z.enum(['UNDER', 'OK', 'OVER']),
    },
    lacking: whole('p.lacking'),
    surplus: whole.orNull('p.surplus'),
    confidence: figure.orNull('p.confidence', 'of the least sure'),
  },
  sql: ({ facility, put }) => ({
    each: 'rtls.par_status',
    from: `each p JOIN rtls.rooms r ON r.id = p.room_id WHERE ${ofFacility('r.facility_id', put(facility.code))}`,
    order:
      'p.lacking DESC, p.surplus DESC NULLS LAST, p.room_name, p.room_id, p.device_category, p.device_subcategory',
  }),
})

const batteries = defineReport({
  path: 'batteries',
  name: 'BatteriesReport',
  question: 'Which batteries are low, and empty when?',
  description:
    'The first to end on top, by a straight line through what the tag said on the last 60 days; with less than a week of daysUsed think little of it.',
  takes: {
    lowPct: number(1, 99, 'at or below this a battery is low').default(20),
    withinDays: number(
      1,
      3650,
      'only batteries that are low or end within so many days; without it all',
    ).optional(),
  },
  columns: {
    assetId: text('b.asset_id'),
    assetTag: text('b.asset_tag_number'),
    name: text('b.equipment_name'),
    tagId: text('b.tag_id'),
    batteryPct: whole.orNull('b.battery_pct'),
    toldAt: instant('b.told_at', 'when the tag said so'),
    isLow: yesNo.orNull('b.is_low'),
    pctADay: figure.orNull('b.pct_a_day', 'below 0: it falls'),
    emptyOn: day.orNull('b.empty_on', 'the day of the facility; null: it does not fall'),
    daysLeft: figure.orNull('b.days_left'),
    daysUsed: whole('b.days_used', 'days the line rests on'),
    confidence: figure.orNull('b.confidence', 'how well the line fits (r²)'),
  },
  sql: ({ facility, query, put }) => ({
    from: `battery_forecast(${put(Math.round(query.lowPct))}) b JOIN rtls.assets a ON a.id = b.asset_id
      WHERE ${ofFacility('a.current_facility_id', put(facility.code))}
        ${query.withinDays === undefined ? '' : `AND (b.is_low OR b.days_left <= ${put(query.withinDays)}::float8)`}`,
    order: 'b.days_left NULLS LAST, b.battery_pct, b.asset_id, b.tag_id',
  }),
})

const maintenance = defineReport({
  path: 'maintenance',
  name: 'MaintenanceReport',
  question: 'What is recalled, due or overdue, and where is it now?',
  description:
    'Open recalls, and maintenance, calibration or safety inspection that is overdue or due within 7 days of the facility. The most critical first.',
  takes: {},
  columns: {
    assetId: text('e.asset_id'),
    assetTag: text('e.asset_tag_number'),
    name: text('e.equipment_name'),
    criticality: text('e.criticality_level::text'),
    reason: {
      sql: 'e.reason',
      schema: z.enum(['RECALL', 'MAINTENANCE', 'CALIBRATION', 'SAFETY_INSPECTION']),
    },
    dueOn: day.orNull('e.due_on'),
    daysOverdue: whole.orNull('e.days_overdue', 'below 0: due in so many days'),
    lastSeenAt: instant.orNull('e.last_seen'),
    ageS: seconds.orNull('e.age'),
    facility: text.orNull('e.facility_code', 'where it was last heard'),
    floor: figure.orNull('e.floor'),
    roomId: text.orNull('e.room_id'),
    roomName: text.orNull('e.room_name'),
    zone: text.orNull('e.zone'),
    x: figure.orNull('e.x'),
    y: figure.orNull('e.y'),
    confidence: figure.orNull('e.confidence'),
  },
  sql: ({ facility, put }) => ({
    each: 'rtls.equipment_to_find',
    from: `each e JOIN rtls.assets a ON a.id = e.asset_id
      WHERE ${ofFacility('a.current_facility_id', put(facility.code))}`,
    order: 'e.criticality_level, e.days_overdue DESC NULLS LAST, e.asset_tag_number, e.reason',
  }),
})

const gateways = defineReport({
  path: 'gateways',
  name: 'GatewaysReport',
  question: 'Which gateways are silent, weak, late, or have a wrong clock?',
  description: 'Every gateway heard of in the last 7 days, those with something wrong first.',
  takes: { minutes: number(5, 1440, 'how far back "now" reaches').default(60) },
  columns: {
    gatewayId: text('g.gateway_id'),
    status: {
      sql: 'g.status',
      schema: z.enum(['SILENT', 'CLOCK', 'LATE', 'WEAK', 'OK']),
    },
    lastSeenAt: instant('g.last_seen'),
    silentS: seconds('g.silent_for'),
    pings: whole('g.pings'),
    pingsAMinute: figure('g.pings_a_minute'),
    usualPingsAMinute: figure('g.usual_pings_a_minute', 'in the minutes of the week in which it was heard'),
    heardShare: figure('g.heard_share', 'of the minutes, those with a ping'),
    clockSkewS: figure.orNull(
      'g.clock_skew_s',
      'below 0: its clock runs ahead by at least so much; above 60: behind, or it emptied a buffer',
    ),
    latenessS: figure.orNull('g.lateness_s', 'received less the time of the ping, on average'),
    latenessMostS: figure.orNull('g.lateness_s_max'),
    lateShare: figure.orNull('g.late_share', 'of the pings, those more than a minute late'),
    wrongClockPings: whole('g.wrong_clock_pings', 'pings whose time was impossible, and was replaced'),
  },
  sql: ({ facility, query, put }) => ({
    from: `gateway_health(now(), ${put(query.minutes)} * INTERVAL '1 minute') g WHERE g.facility_code = ${put(facility.code)}`,
    order: `g.status = 'OK', g.gateway_id`,
  }),
})

export const fleetReports = [
  utilisation,
  rightSize,
  missing,
  parLevels,
  batteries,
  maintenance,
  gateways,
] as const
