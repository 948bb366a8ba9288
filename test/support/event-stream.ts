// A live map without a map: reads GET /locations/stream and keeps what it would draw.
import http from 'node:http'
import { once } from 'node:events'

export interface Shown {
  readonly [name: string]: unknown
  readonly assetId: string
}

export interface LiveMap {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** As drawn now. */
  readonly shown: ReadonlyMap<string, Shown>
  readonly snapshots: number
  readonly updates: number
  readonly isEnded: boolean
  /** All that came, as text. */
  text(): string
  /** Reads on; only for one that was opened as `isStuck`. */
  read(): void
  close(): void
}

/** `isStuck`: takes nothing off its socket until told to read. */
export async function openLiveMap(url: string, { isStuck = false } = {}): Promise<LiveMap> {
  const request = http.get(url, { agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  request.on('error', () => undefined)
  const shown = new Map<string, Shown>()
  let snapshots = 0
  let updates = 0
  let isEnded = false
  let text = ''
  let rest = ''
  response.on('error', () => undefined)
  response.once('close', () => {
    isEnded = true
  })
  response.setEncoding('utf8')

  const take = (event: string): void => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'mu').exec(event)?.[1] ?? ''
    if (field('event') === '') return
    const { items = [], gone = [] } = JSON.parse(field('data')) as { items?: Shown[]; gone?: string[] }
    if (field('event') === 'snapshot') {
      snapshots += 1
      shown.clear()
    } else updates += 1
    for (const assetId of gone) shown.delete(assetId)
    for (const item of items) shown.set(item.assetId, { ...shown.get(item.assetId), ...item })
  }
  const read = (): void => {
    response.on('data', (chunk: string) => {
      text += chunk
      const events = `${rest}${chunk}`.split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) take(event)
    })
  }
  if (!isStuck) read()
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    shown,
    get snapshots() {
      return snapshots
    },
    get updates() {
      return updates
    },
    get isEnded() {
      return isEnded
    },
    text: () => text,
    read,
    close() {
      request.destroy()
    },
  }
}
