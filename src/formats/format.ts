/**
 * What a format is: a name, where its messages are published, how sure we are of all that, and one pure function that
 * puts an element of a vendor's message into the words of the native format. Everything after that (validation,
 * canonical ids, placing in time) is the native format's, so that there is one schema of what may be stored.
 */
import type { Fix, RejectionReason } from '../ingest/ping.ts'

export const formatNames = [
  'native',
  'omlox-location',
  'omlox-proximity',
  'pozyx',
  'dwm1001',
  'leaps',
  'minew',
  'quuppa',
  'kontakt',
  'espresense',
  'ruuvi',
  'sewio',
] as const
export type FormatName = (typeof formatNames)[number]

export interface Refusal {
  readonly reason: RejectionReason
  readonly detail: string
}

/** An element in the words of the native format (design.md §4); undefined and null: not said. */
export interface NativeForm {
  /** Undefined is refused, as by the native format. */
  tagId?: string | undefined
  /** Epoch milliseconds, with decimals down to the microsecond. */
  t?: number | undefined
  x?: number | undefined
  y?: number | undefined
  z?: number | undefined
  longitude?: number | undefined
  latitude?: number | undefined
  floor?: number | undefined
  accuracyM?: number | undefined
  rssiDbm?: number | undefined
  batteryPct?: number | undefined
  moving?: boolean | undefined
  seq?: number | undefined
  method?: string | undefined
  fix?: Fix | undefined
  zone?: string | undefined
  props?: Record<string, unknown> | undefined
  /** The gateway the payload names, to be held against the topic's. */
  gatewayId?: string | undefined
}

/** What an element says: a ping, perhaps in a local frame of coordinates that has a name; or why it says nothing usable. */
export type Reading =
  | { readonly form: NativeForm; readonly frame?: string | undefined }
  | Refusal
  /** Nothing about a tag, and nothing wrong with it: a gateway's word about itself. */
  | undefined

/** What the topic and the configuration say about a message. */
export interface FormatContext {
  readonly gatewayId: string
  /** The topic names the gateway, so that a payload may be held against it. */
  readonly isGatewayInTopic: boolean
  /** The tag, where the topic has a level for it. */
  readonly tagId: string | undefined
}

export interface Format {
  readonly name: FormatName
  /** Where it is published unless a site says otherwise; `{facility}`, `{gateway}` and `{tag}` name levels. */
  readonly topics: readonly string[]
  /** V: read in the vendor's or standard's own text; 3P: seen in third parties' programs or captures; R: remembered. */
  readonly evidence: string
  readonly example: { readonly topic: string; readonly payload: unknown }
  /** Its elements say how strongly a gateway heard a tag, not where that is: the strongest gateway of a window gets the tag. */
  readonly isSighting?: boolean
  /** Nothing but the topic says which tag it is: its filter must name the level. */
  readonly isTagInTopic?: boolean
  /** The payload may be one object with the array of elements under this key. */
  readonly listKey?: string
  /** Looks at a message as a whole; a refusal refuses all of it. */
  readonly inspect?: (elements: readonly unknown[], context: FormatContext) => Refusal | undefined
  /** Pure and total. Absent: the element is native already. */
  readonly read?: (element: unknown, context: FormatContext) => Reading
}
