// The rollups brought up to date by hand: what lies before their watermark is answered from what is materialised.

export const rollups = [
  'location_1m',
  'location_1h',
  'location_1d',
  'room_presence_1m',
  'room_presence_1h',
  'gateway_1m',
] as const

export async function settleRollups(query: (sql: string) => Promise<unknown>): Promise<void> {
  for (const rollup of rollups) await query(`CALL refresh_continuous_aggregate('${rollup}', NULL, NULL)`)
}
