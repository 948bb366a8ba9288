// Pings with a number and a time of their own each, and how many of them are stored.
import { queryOnce } from './query.ts'

const startMs = Date.now() - 3_600_000

/** A message of `count` pings, numbered from `from`. */
export const message = (from: number, count: number): string =>
  JSON.stringify(
    Array.from({ length: count }, (_, index) => ({
      tagId: `T${(from + index) % 97}`,
      t: startMs + from + index,
      x: 1,
      y: 2,
      seq: from + index,
    })),
  )

export interface Stored {
  readonly n: number
  readonly different: number
}

export async function storedIn(url: string): Promise<Stored> {
  const [row] = await queryOnce<{ n: number; different: number }>(
    url,
    'SELECT count(*)::int AS n, count(DISTINCT seq)::int AS different FROM location_history',
  )
  return row ?? { n: 0, different: 0 }
}
