/** What is in a restricted room now where it does not belong: entries that the service recorded, while the asset is still there. */
import { useMemo } from 'preact/hooks'
import { withQuery } from '../api/client.ts'
import type { Location } from '../api/types.ts'
import { useQuery } from '../api/use-query.ts'

interface Entry {
  readonly assetId: string
  readonly roomId: string
}

const dayMs = 86_400_000

export function useViolations(facility: string): (location: Location) => boolean {
  const from = useMemo(() => new Date(Date.now() - dayMs).toISOString(), [facility])
  const path = withQuery('/reports/restricted', { facility, from, limit: 1000 })
  const { data } = useQuery<{ readonly items: readonly Entry[] }>(path, 60_000)
  return useMemo(() => {
    const entries = new Set(data?.items.map(({ assetId, roomId }) => keyOf(assetId, roomId)))
    return ({ isRestricted, assetId, roomId }) =>
      isRestricted && roomId !== null && entries.has(keyOf(assetId, roomId))
  }, [data])
}

const keyOf = (assetId: string, roomId: string): string => `${assetId}\n${roomId}`
