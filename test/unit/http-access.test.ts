// Who may ask what, with and without a token.
import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { type AccessOptions, type Role, accessTokens, createAccess } from '../../src/http/access.ts'
import { isLoopback } from '../../src/ops/loopback.ts'
import { Problem } from '../../src/http/problem.ts'

const token = (name: string, role: Role) => ({ name, role, token: `token-of-the-${name}`, user: null })
const all = [token('viewer', 'viewer'), token('operator', 'operator'), token('admin', 'admin')]

/** Status of the refusal, or who is let in. */
function outcome(
  options: Partial<AccessOptions>,
  headers: IncomingHttpHeaders,
  needed: Role,
): string | number {
  const admit = createAccess({ host: '127.0.0.1', readAccess: 'auto', tokens: [], ...options })
  try {
    return admit({ host: '127.0.0.1:3001', ...headers }, needed).name
  } catch (error) {
    return error instanceof Problem ? `${error.status} ${error.kind}` : String(error)
  }
}

describe('without a token', () => {
  it.each([
    ['127.0.0.1', 'localhost:3001', 'anonymous'],
    ['localhost', '127.0.0.1:3001', 'anonymous'],
    ['::1', '[::1]:3001', 'anonymous'],
    ['0.0.0.0', 'localhost:3001', '403 switched-off'],
    ['::', '[::1]:3001', '403 switched-off'],
    ['10.0.0.5', '10.0.0.5:3001', '403 switched-off'],
    ['127.0.0.1', 'evil.example', '403 switched-off'],
    ['127.0.0.1', 'localhost.evil.example:3001', '403 switched-off'],
    ['127.0.0.1', '', '403 switched-off'],
  ])('bound to %s, asked as %s, reading is answered with %s', (host, asked, expected) => {
    expect(outcome({ host }, { host: asked }, 'viewer')).toBe(expected)
  })

  it.each(['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'])(
    'a proxy that says %s is the network',
    (header) => {
      expect(outcome({}, { [header]: '10.1.1.1' }, 'viewer')).toBe('403 switched-off')
    },
  )

  it('readAccess: token asks for one on this machine too', () => {
    expect(outcome({ readAccess: 'token', tokens: all }, {}, 'viewer')).toBe('401 unauthenticated')
  })

  it('writing is off as long as no token may, and needs the token when one may', () => {
    expect(outcome({}, {}, 'operator')).toBe('403 switched-off')
    expect(outcome({ tokens: [token('viewer', 'viewer')] }, {}, 'operator')).toBe('403 switched-off')
    expect(outcome({ tokens: [token('admin', 'admin')] }, {}, 'operator')).toBe('401 unauthenticated')
  })
})

describe('with a token', () => {
  const allowed: Record<Role, Role[]> = {
    viewer: ['viewer'],
    operator: ['viewer', 'operator'],
    admin: ['viewer', 'operator', 'admin'],
  }
  it.each(['viewer', 'operator', 'admin'] as const)('%s may what the role says, from anywhere', (role) => {
    for (const needed of ['viewer', 'operator', 'admin'] as const)
      expect(
        outcome(
          { host: '0.0.0.0', tokens: all },
          { authorization: `Bearer token-of-the-${role}`, host: 'h' },
          needed,
        ),
      ).toBe(allowed[role].includes(needed) ? role : '403 forbidden')
  })

  it.each([
    'Bearer token-of-the-vieweR',
    'Bearer token-of-the-viewe',
    'Bearer token-of-the-viewerr',
    'Bearer ',
    'Bearer',
    'token-of-the-viewer',
    'Basic dmlld2VyOnRva2Vu',
    'Bearer token-of-the-viewer token-of-the-admin',
  ])('%j is refused, also where nobody needs one', (authorization) => {
    expect(outcome({ tokens: all }, { authorization }, 'viewer')).toBe('401 unauthenticated')
  })

  it('the scheme may be written in any case', () => {
    expect(outcome({ tokens: all }, { authorization: 'bearer token-of-the-viewer' }, 'viewer')).toBe('viewer')
  })
})

it('writeToken of the configuration is an operator; a token without a value is none', () => {
  const tokens = [{ name: 'a', role: 'viewer' as const, token: null, user: null }, token('b', 'admin')]
  expect(accessTokens({ writeToken: 'secret', tokens }).map(({ name, role }) => [name, role])).toEqual([
    ['writeToken', 'operator'],
    ['b', 'admin'],
  ])
})

it.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['[::1]', true],
  ['LocalHost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['192.168.1.1', false],
  ['localhost.example', false],
  ['127.0.0.1.example', false],
])('%s is this machine: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})
