/**
 * What goes wrong with a request, as RFC 9457 problem documents: each kind with its status, and which field is at fault.
 * Owns the wording of no single error and no route; never carries a stack, SQL, or what the database said in its own words.
 */

/** Kind → status and title. A kind is the end of `type`, which programs may compare; the rest is for people. */
const kinds = {
  'malformed-request': { status: 400, title: 'The request cannot be read' },
  'invalid-parameter': { status: 400, title: 'A parameter is not valid' },
  unauthenticated: { status: 401, title: 'A token is needed' },
  forbidden: { status: 403, title: 'This is not allowed' },
  'switched-off': { status: 403, title: 'This is switched off' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'This method does not work here' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  duplicate: { status: 409, title: 'There is one already' },
  'version-conflict': { status: 409, title: 'Somebody changed it meanwhile' },
  'version-mismatch': { status: 412, title: 'Somebody changed it meanwhile' },
  'too-large': { status: 413, title: 'The body is too large' },
  'url-too-long': { status: 414, title: 'The URL is too long' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON' },
  'invalid-fields': { status: 422, title: 'A field is not valid' },
  'version-required': { status: 428, title: 'Say which version you change' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'The service made a mistake' },
  unavailable: { status: 503, title: 'The database cannot answer now' },
  'too-many-streams': { status: 503, title: 'Too many are watching' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemKind = keyof typeof kinds

export interface FieldError {
  /** As the request named it: purchaseCost, tags[2], limit. */
  readonly field: string
  readonly in: 'body' | 'query' | 'path' | 'header'
  /** What is expected there, and what to do. */
  readonly detail: string
}

interface ProblemExtras {
  readonly errors?: readonly FieldError[]
  /** The version the row has now, where the one of the request is not. */
  readonly currentVersion?: number
  readonly headers?: Readonly<Record<string, string>>
}

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly kind: ProblemKind
  readonly status: number
  readonly extras: ProblemExtras

  /** `detail`: one sentence, what and what to do. */
  constructor(kind: ProblemKind, detail: string, extras: ProblemExtras = {}) {
    super(detail)
    this.kind = kind
    this.status = kinds[kind].status
    this.extras = extras
  }
}

export const problemType = 'application/problem+json'
export const problemKinds = Object.keys(kinds).map(typeOf)
export const titleOf = (status: number): string =>
  Object.values(kinds).find((kind) => kind.status === status)?.title ?? 'Something else is wrong'

export interface ProblemDocument {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The path of the request, without its query. */
  readonly instance: string
  readonly errors?: readonly FieldError[]
  readonly currentVersion?: number
}

export function documentOf({ kind, status, message, extras }: Problem, url: string): ProblemDocument {
  const { errors, currentVersion } = extras
  return {
    type: typeOf(kind),
    title: kinds[kind].title,
    status,
    detail: message,
    instance: url.replace(/[?#].*$/su, ''),
    ...(errors === undefined ? {} : { errors }),
    ...(currentVersion === undefined ? {} : { currentVersion }),
  }
}

function typeOf(kind: string): string {
  return `urn:rtls-ingest:problem:${kind}`
}

/** Fields at fault, told in `detail` too: for those who print only that. */
export function fieldProblem(
  kind: 'invalid-parameter' | 'invalid-fields' | 'duplicate',
  errors: readonly FieldError[],
): Problem {
  const told = errors.slice(0, 5).map(({ field, detail }) => `${field}: ${detail}`)
  const more = errors.length > told.length ? `; and ${errors.length - told.length} more` : ''
  return new Problem(kind, `${told.join('; ')}${more}`, { errors })
}
