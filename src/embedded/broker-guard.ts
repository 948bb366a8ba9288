/**
 * Who may do what at the embedded broker. The ingester, by a secret of this process, alone subscribes; a user publishes on its own
 * topics, so many messages a second, and under a client id that nobody else has now.
 * Guarantees: passwords are compared as scrypt hashes, one at a time, so that guessing costs the guesser and not the data path; who
 * is refused is told to `onRefusal`, by name only where we know the name.
 * Without users (on this machine only) everybody may publish and subscribe, but nobody can be the ingester.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AedesOptions, Client } from 'aedes'
import PQueue from 'p-queue'
import { hashPassword, isPassword, isPasswordHash } from '../ops/password.ts'

export interface BrokerUser {
  readonly name: string
  /** As it is, or as a hash. */
  readonly password: string
  mayPublish(topic: string): boolean
}

export type Refusal = 'login' | 'client id' | 'topic' | 'subscription'

export interface BrokerGuard {
  readonly handlers: Required<Pick<AedesOptions, 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>>
  /** The credentials of the ingester and of the simulation, for the inner door. */
  readonly secret: string
  /** This connection came through the inner door. */
  trust(connection: object): void
  /** The ingester listens: the simulation may begin. */
  admit(): void
  /** Others than before are let in; connections of those who are not any more are closed. */
  setUsers(users: readonly BrokerUser[]): Promise<void>
}

export interface GuardOptions {
  readonly maxMessageRate: number
  onRefusal(refusal: Refusal, user: string | undefined): void
}

export const ingesterName = 'ingester'
export const simulationName = 'simulation'

interface Known extends BrokerUser {
  readonly hash: string
}

/** Somebody who is let in. */
interface Identity {
  readonly user: Known | undefined
  readonly isIngester: boolean
  readonly isSimulation: boolean
  /** When its next message is due, in milliseconds. */
  dueMs: number
}

/** Logins that wait for their turn; what comes beyond them is refused unlooked at. */
const maxWaitingLogins = 200
/** A gateway may send what it kept for a second at once. */
const burstMs = 1000
const notAuthorized = 5
const badClientId = 2

export async function createBrokerGuard(
  users: readonly BrokerUser[],
  { maxMessageRate, ...told }: GuardOptions,
): Promise<BrokerGuard> {
  const onRefusal: GuardOptions['onRefusal'] = (...refusal) => told.onRefusal(...refusal)
  const secret = randomBytes(24).toString('base64url')
  const cacheKey = randomBytes(32)
  const logins = new PQueue({ concurrency: 1 })
  const trusted = new WeakSet()
  const identities = new WeakMap<object, Identity>()
  /** Client id → who has it now. */
  const holders = new Map<string, { readonly client: Client; readonly identity: Identity }>()
  const waiting: (() => void)[] = []
  let known = await hashed(users)
  /** Nobody's. */
  const decoy: Known = {
    name: '',
    password: '',
    hash: await hashPassword(secret),
    mayPublish: () => false,
  }
  let isAdmitting = false
  /** Hash → a keyed digest of the password that fitted: a gateway that comes back costs nothing. */
  const fitted = new Map<string, Buffer>()

  const fits = async ({ hash }: Known, password: string): Promise<boolean> => {
    const digest = createHmac('sha256', cacheKey).update(password).digest()
    const last = fitted.get(hash)
    if (last !== undefined && timingSafeEqual(last, digest)) return true
    if (logins.size >= maxWaitingLogins) return false
    const isRight = await logins.add(async () => isPassword(password, hash))
    if (isRight) fitted.set(hash, digest)
    return isRight
  }

  const identify = async (client: Client, name: string, password: string): Promise<Identity | undefined> => {
    const nobody = { user: undefined, isIngester: false, isSimulation: false, dueMs: 0 }
    if (trusted.has(client.conn)) {
      if (!isEqual(password, secret)) return undefined
      return { ...nobody, isIngester: name === ingesterName, isSimulation: name === simulationName }
    }
    if (known.size === 0) return nobody
    const user = known.get(name)
    // Whether there is such a user is not told by the time it takes.
    const isRight = await fits(user ?? decoy, password)
    return user !== undefined && isRight ? { ...nobody, user } : undefined
  }

  const login = async (client: Client, name: string, password: string): Promise<number | undefined> => {
    const identity = await identify(client, name, password)
    if (identity === undefined) {
      onRefusal('login', known.has(name) ? name : undefined)
      return notAuthorized
    }
    if (client.closed) return notAuthorized
    const holder = holders.get(client.id)
    // A client id is a session: who takes it sends its owner away.
    if (holder !== undefined && !identity.isIngester && !isSame(holder.identity, identity)) {
      onRefusal('client id', identity.user?.name)
      return badClientId
    }
    identities.set(client, identity)
    holders.set(client.id, { client, identity })
    client.conn.once('close', () => {
      if (holders.get(client.id)?.client === client) holders.delete(client.id)
    })
    if (identity.isSimulation && !isAdmitting)
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
      })
    return undefined
  }

  return {
    secret,
    trust: (connection) => void trusted.add(connection),
    admit() {
      isAdmitting = true
      for (const goOn of waiting.splice(0)) goOn()
    },
    async setUsers(next) {
      known = await hashed(next)
      for (const { client, identity } of holders.values())
        if (identity.user !== undefined && known.get(identity.user.name)?.password !== identity.user.password)
          client.close()
    },
    handlers: {
      authenticate(client, username, password, done) {
        const decide = async (): Promise<void> => {
          const code = await login(client, username ?? '', password?.toString() ?? '')
          if (code === undefined) done(null, true)
          else done(Object.assign(new Error('refused'), { returnCode: code as 2 | 5 }), false)
        }
        void decide()
      },
      authorizePublish(client, { topic }, done) {
        // The broker itself.
        if (client === null) return done(null)
        const identity = identities.get(client)
        const { user } = identity ?? {}
        const isAllowed =
          identity !== undefined &&
          !topic.startsWith('$') &&
          (user === undefined ? !identity.isIngester : user.mayPublish(topic))
        if (!isAllowed) {
          onRefusal('topic', user?.name)
          return done(new Error('not allowed'))
        }
        const waitMs = user === undefined ? 0 : turn(identity, maxMessageRate)
        if (waitMs === 0) return done(null)
        // Its connection is not read meanwhile: the flood stays with the gateway.
        setTimeout(done, waitMs, null)
      },
      authorizeSubscribe(client, subscription, done) {
        const identity = identities.get(client)
        const isAllowed =
          identity?.isIngester === true || (known.size === 0 && identity?.isSimulation === false)
        if (!isAllowed) onRefusal('subscription', identity?.user?.name)
        done(null, isAllowed ? subscription : null)
      },
    },
  }
}

const isSame = (one: Identity, other: Identity): boolean =>
  one.user?.name === other.user?.name && one.isSimulation === other.isSimulation && !one.isIngester

/** How long this message has to wait, by a leaky bucket. */
function turn(identity: Identity, perSecond: number): number {
  const nowMs = performance.now()
  identity.dueMs = Math.max(identity.dueMs, nowMs - burstMs) + 1000 / perSecond
  return Math.max(0, Math.ceil(identity.dueMs - nowMs))
}

const isEqual = (one: string, other: string): boolean =>
  Buffer.byteLength(one) === Buffer.byteLength(other) && timingSafeEqual(Buffer.from(one), Buffer.from(other))

async function hashed(users: readonly BrokerUser[]): Promise<Map<string, Known>> {
  const known = new Map<string, Known>()
  for (const user of users) {
    const { name, password } = user
    const hash = isPasswordHash(password) ? password : await hashPassword(password)
    known.set(name, { name, password, hash, mayPublish: (topic) => user.mayPublish(topic) })
  }
  return known
}
