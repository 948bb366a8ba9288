/** What /pipeline says, asked for every two seconds. */
import { type Loaded, useQuery } from '../api/use-query.ts'

export interface Status {
  readonly at: string
  readonly version: string
  readonly startedAt: string
  readonly state: 'ready' | 'not ready'
  readonly problems: readonly { readonly component: string; readonly problem: string }[]
  readonly rates: {
    readonly messagesPerS: number
    readonly receivedPerS: number
    readonly committedPerS: number
  }
  readonly history: readonly {
    readonly at: string
    readonly receivedPerS: number
    readonly committedPerS: number
  }[]
  readonly lag: { readonly messages: number; readonly p50S: number; readonly p99S: number } | null
  readonly totals: {
    readonly messages: number
    readonly qos0Messages: number
    readonly received: number
    readonly committed: number
    readonly duplicates: number
    readonly deadLettered: number
  }
  readonly deadLettered: readonly { readonly reason: string; readonly count: number }[]
  readonly waiting: {
    readonly buffered: number
    readonly inFlight: number
    readonly spooled: number
    readonly unackedMessages: number
    readonly isHeld: boolean
    readonly waitingS: number | null
  }
  readonly spool: { readonly bytes: number; readonly maxBytes: number } | null
  readonly broker: {
    readonly isConnected: boolean
    readonly sessionsLost: number
    readonly sessionsAdopted: number
  }
  readonly database: {
    readonly isUp: boolean
    readonly chunks: { readonly compressed: number; readonly uncompressed: number } | null
    readonly rollups: readonly { readonly rollup: string; readonly lagS: number }[]
    readonly jobs: readonly {
      readonly job: string
      readonly failures: number
      readonly lastSuccessAt: string | null
    }[]
  }
}

const everyMs = 2000

export const useStatus = (): Loaded<Status> => useQuery<Status>('/pipeline', everyMs)
