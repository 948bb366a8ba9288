/**
 * Asks the API: with the token where there is one, and every failure in words a person can act on.
 * A 401 asks for a token and is thrown all the same: who asked asks again when there is one.
 */
import { token, tokenWanted } from './token.ts'

/** What went wrong and what to do; `isOffline`: the service could not be reached at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly title: string
  readonly status: number
  readonly isOffline: boolean
  readonly retryAfterS: number | undefined

  constructor(title: string, detail: string, status: number, retryAfterS?: number) {
    super(detail)
    this.title = title
    this.status = status
    this.isOffline = status === 0
    this.retryAfterS = retryAfterS
  }
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>

/** The path with the parameters that have a value. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  )
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`
}

export interface Ask {
  readonly method?: 'GET' | 'POST'
  readonly accept?: string
  readonly signal?: AbortSignal
}

/** An answer with a status of success. Errors: ApiError; an aborted request rejects as `fetch` does. */
export async function ask(path: string, { method = 'GET', accept, signal }: Ask = {}): Promise<Response> {
  const kept = token.get()
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: {
        accept: accept ?? 'application/json',
        ...(kept === null ? {} : { authorization: `Bearer ${kept}` }),
      },
      ...(signal === undefined ? {} : { signal }),
    })
  } catch (error) {
    if (signal?.aborted === true) throw error
    throw new ApiError('The service cannot be reached', 'It is tried again by itself.', 0)
  }
  if (response.ok) return response
  const problem = await problemOf(response)
  if (response.status === 401) tokenWanted.set(problem.message)
  throw problem
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await ask(path, signal === undefined ? {} : { signal })
  return (await response.json()) as T
}

/** Saves what the API answers as a file: a link could not send the token. */
export async function download(path: string, fileName: string, accept = 'text/csv'): Promise<void> {
  const response = await ask(path, { accept })
  const url = URL.createObjectURL(await response.blob())
  const link = document.createElement('a')
  link.href = url
  link.download = fileName
  link.click()
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

async function problemOf(response: Response): Promise<ApiError> {
  const { status } = response
  const retryAfterS = Number(response.headers.get('retry-after') ?? Number.NaN)
  const wait = Number.isFinite(retryAfterS) ? retryAfterS : undefined
  try {
    const { title, detail } = (await response.json()) as { title?: unknown; detail?: unknown }
    if (typeof title === 'string' && typeof detail === 'string')
      return new ApiError(title, detail, status, wait)
  } catch {
    // Not a problem document: a proxy answered, perhaps.
  }
  return new ApiError(
    `The service answered ${status}`,
    'It gave no reason. Its log may tell more.',
    status,
    wait,
  )
}

/** Seconds until the next try: doubling, at most half a minute, spread so that many pages do not come at once. */
export function backoffMs(failures: number, error?: unknown): number {
  const asked = error instanceof ApiError && error.retryAfterS !== undefined ? error.retryAfterS * 1000 : 0
  return Math.max(asked, Math.min(30_000, 500 * 2 ** failures) * (0.75 + Math.random() / 2))
}
