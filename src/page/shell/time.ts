/** Instants and spans as people read them, in the facility's zone: a wall display in another zone shows the hospital's time. */

export interface Clock {
  /** 14:05 */
  readonly time: (atMs: number) => string
  /** 14:05:09 */
  readonly seconds: (atMs: number) => string
  /** Sun 22 Nov, 14:05 */
  readonly dateTime: (atMs: number) => string
  /** Sun 22 Nov */
  readonly day: (atMs: number) => string
  /** Midnight of the facility's day that holds the instant, epoch ms. */
  readonly startOfDay: (atMs: number) => number
  readonly zone: string
}

const clocks = new Map<string, Clock>()

/** For an IANA zone; one the browser does not know is shown as UTC. */
export function clockOf(zone: string): Clock {
  const known = clocks.get(zone)
  if (known !== undefined) return known
  const made = createClock(isZone(zone) ? zone : 'UTC')
  clocks.set(zone, made)
  return made
}

function createClock(zone: string): Clock {
  const formatter = (options: Intl.DateTimeFormatOptions): ((atMs: number) => string) => {
    const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', ...options })
    return (atMs) => format.format(atMs)
  }
  const time = formatter({ hour: '2-digit', minute: '2-digit' })
  const day = formatter({ weekday: 'short', day: 'numeric', month: 'short' })
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const sinceMidnightMs = (atMs: number): number => {
    const [hours = 0, minutes = 0, seconds = 0] = parts
      .formatToParts(atMs)
      .filter(({ type }) => type === 'hour' || type === 'minute' || type === 'second')
      .map(({ value }) => Number(value))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + (atMs % 1000)
  }
  return {
    zone,
    time,
    seconds: formatter({ hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    day,
    dateTime: (atMs) => `${day(atMs)}, ${time(atMs)}`,
    startOfDay(atMs) {
      const guess = atMs - sinceMidnightMs(atMs)
      // Where the clocks were changed in between, the day began an hour earlier or later.
      const off = sinceMidnightMs(guess)
      return off === 0 ? guess : off < 43_200_000 ? guess - off : guess + 86_400_000 - off
    },
  }
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** "12 s", "4 min", "3 h", "5 days": how long ago, or how long, in one unit. */
export function span(seconds: number): string {
  const s = Math.max(0, seconds)
  if (s < 60) return `${Math.round(s)} s`
  if (s < 3600) return `${Math.round(s / 60)} min`
  if (s < 36 * 3600) return `${Math.round(s / 3600)} h`
  return `${Math.round(s / 86_400)} days`
}

export const number = (value: number, digits = 0): string =>
  new Intl.NumberFormat('en-US', { maximumFractionDigits: digits }).format(value)
