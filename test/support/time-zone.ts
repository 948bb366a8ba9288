// When the clocks of a time zone changed last: found by asking for its offset hour by hour, so that tests never grow old.

const hourMs = 3_600_000

/** Hours that a zone is ahead of UTC. */
function offsetHours(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    timeZoneName: 'longOffset',
  }).formatToParts(at)
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
  const [, sign = '+', hours = '0', minutes = '0'] = /GMT(?:([+-])(\d+):(\d+))?/u.exec(name) ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours) + Number(minutes) / 60)
}

/** The instants of the last change to summer time and from it, at least ten days ago. */
export function clockChanges(zone: string): { readonly spring: number; readonly autumn: number } {
  const found: { spring?: number; autumn?: number } = {}
  const start = Math.floor(Date.now() / hourMs) * hourMs - 240 * hourMs
  let day = start
  while (found.spring === undefined || found.autumn === undefined) {
    const earlier = day - 24 * hourMs
    if (offsetHours(zone, earlier) !== offsetHours(zone, day)) {
      let at = day
      while (offsetHours(zone, at - hourMs) === offsetHours(zone, day)) at -= hourMs
      found[offsetHours(zone, day) > offsetHours(zone, earlier) ? 'spring' : 'autumn'] ??= at
    }
    day = earlier
    if (start - day > 800 * 24 * hourMs) throw new Error(`${zone} has no summer time`)
  }
  return { spring: found.spring, autumn: found.autumn }
}
