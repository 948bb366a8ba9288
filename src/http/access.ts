/**
 * Who may ask what: bearer tokens with roles, and reading without one on this machine only.
 * Guarantees: tokens are compared in constant time and kept as digests; what needs a role that no token has is off, and says how
 * to turn it on; without a token nothing is read over the network, through a proxy, or by a web page that had its name point here.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isLoopback } from '../ops/loopback.ts'
import { Problem } from './problem.ts'

/** Each may what those before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

export interface AccessToken {
  readonly name: string
  readonly role: Role
  readonly token: string
  /** The username as whom it writes; null: the administrator of the asset's organisation. */
  readonly user: string | null
}

export interface AccessOptions {
  /** The address the server is bound to. */
  readonly host: string
  /** auto: no token is needed to read on this machine; token: it always is. */
  readonly readAccess: 'auto' | 'token'
  readonly tokens: readonly AccessToken[]
}

/** As the configuration has them: `writeToken` is short for an operator of that name. */
export interface TokenOptions {
  readonly writeToken: string | null
  readonly tokens: readonly (Omit<AccessToken, 'token'> & { readonly token: string | null })[]
}

export function accessTokens({ writeToken, tokens }: TokenOptions): AccessToken[] {
  return [
    ...(writeToken === null
      ? []
      : [{ name: 'writeToken', role: 'operator' as const, token: writeToken, user: null }]),
    ...tokens.flatMap(({ name, role, token, user }) => (token === null ? [] : [{ name, role, token, user }])),
  ]
}

export interface Caller {
  readonly name: string
  readonly role: Role
  readonly user: string | null
}

/** Who asks. Throws a Problem (401, 403) when they may not. */
export type Admit = (headers: IncomingHttpHeaders, needed: Role) => Caller

const anonymous: Caller = { name: 'anonymous', role: 'viewer', user: null }
const challenge = 'Bearer realm="rtls-ingest"'

export function createAccess({ host, readAccess, tokens }: AccessOptions): Admit {
  const known = tokens.map(({ name, role, user, token }) => ({
    caller: { name, role, user },
    digest: digestOf(token),
  }))
  const isOpen = readAccess === 'auto' && isLoopback(host)
  const isAllowed = (role: Role, needed: Role): boolean => roles.indexOf(role) >= roles.indexOf(needed)

  const callerOf = (token: string): Caller | undefined => {
    const digest = digestOf(token)
    let found: Caller | undefined
    // All of them are compared, so that the time does not say which one was near.
    for (const entry of known) if (timingSafeEqual(entry.digest, digest)) found = entry.caller
    return found
  }

  return (headers, needed) => {
    const { authorization } = headers
    if (authorization === undefined) {
      if (needed === 'viewer' && isOpen && isFromThisMachine(headers)) return anonymous
      if (!known.some(({ caller }) => isAllowed(caller.role, needed))) throw switchedOff(needed)
      throw new Problem(
        'unauthenticated',
        `Send "Authorization: Bearer <token>" with a token of the role ${needed}, as http.tokens has it.`,
        { headers: { 'www-authenticate': challenge } },
      )
    }
    const token = /^Bearer +([^ ]+) *$/iu.exec(authorization)?.[1]
    const caller = token === undefined ? undefined : callerOf(token)
    if (caller === undefined)
      throw new Problem(
        'unauthenticated',
        token === undefined
          ? 'The Authorization header is not of the form "Bearer <token>".'
          : 'The service does not know this token: compare it with http.tokens and http.writeToken of its configuration.',
        { headers: { 'www-authenticate': `${challenge}, error="invalid_token"` } },
      )
    if (!isAllowed(caller.role, needed))
      throw new Problem(
        'forbidden',
        `This needs a token of the role ${needed}; "${caller.name}" is of the role ${caller.role}.`,
      )
    return caller
  }
}

function switchedOff(needed: Role): Problem {
  return new Problem(
    'switched-off',
    needed === 'viewer'
      ? 'Reading without a token works only on the machine itself. Put a token of the role viewer into http.tokens, restart the service, and send it as "Authorization: Bearer <token>".'
      : `Writing is off: no token of the role ${needed} is configured. Set HTTP_WRITE_TOKEN (or http.tokens), restart the service, and send it as "Authorization: Bearer <token>".`,
  )
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** A proxy on this machine speaks for others; a page whose name was made to point to 127.0.0.1 asks for another host. */
function isFromThisMachine(headers: IncomingHttpHeaders): boolean {
  const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']
  const name = (headers.host ?? '').replace(/:\d+$/u, '')
  return isLoopback(name) && forwarding.every((header) => headers[header] === undefined)
}
