// TLS and mutual TLS to a real broker, and to a database behind real TLS: what works, and what is said when it does not.
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DatabaseClient } from '../../src/db/client.ts'
import { judge } from '../../src/db/failure.ts'
import { openSource } from '../../src/ingest/source.ts'
import { type TlsFiles, noTlsFiles } from '../../src/ops/tls-files.ts'
import { type Authority, type Issued, openAuthority } from '../support/certificates.ts'
import { findMosquitto, openMosquitto } from '../support/mosquitto.ts'
import { type TestDatabase, openTestDatabase } from '../support/database.ts'
import { openTlsProxy } from '../support/tls-proxy.ts'
import { openWebSocketBridge } from '../support/websocket-bridge.ts'
import { waitFor } from '../support/wait-for.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

let authority: Authority
let stranger: Authority
let server: Issued
let client: Issued
beforeAll(() => {
  authority = openAuthority()
  stranger = openAuthority('Another authority')
  server = authority.issue('server')
  client = authority.issue('rtls-ingest')
})

/** Every way in which it can fail, by what the files of client and server are. */
interface Case {
  readonly name: string
  readonly server: () => Issued
  readonly ours: () => TlsFiles
  readonly says: () => string[]
}
const trust = (more: Partial<TlsFiles> = {}): TlsFiles => ({
  ...noTlsFiles,
  caFile: authority.caFile,
  ...more,
})
const cases: readonly Case[] = [
  {
    name: 'an authority nobody knows',
    server: () => server,
    ours: () => noTlsFiles,
    says: () => ['signed by no authority that this machine knows', '.caFile'],
  },
  {
    name: 'the wrong authority',
    server: () => server,
    ours: () => trust({ ...client, caFile: stranger.caFile }),
    says: () => ['is not signed by the authority in', stranger.caFile],
  },
  {
    name: 'a certificate of the server that has expired',
    server: () => authority.issue('server', { isExpired: true }),
    ours: () => trust(client),
    says: () => ['has expired: renew it there'],
  },
  {
    name: 'a certificate of the server for another host',
    server: () => authority.issue('server', { hosts: ['DNS:elsewhere.example'] }),
    ours: () => trust(client),
    says: () => ['is for other names', 'elsewhere.example', '_URL'],
  },
  {
    name: 'no certificate of ours where one is wanted',
    server: () => server,
    ours: () => trust(),
    says: () => ['wants a certificate of us', '.certFile'],
  },
  {
    name: 'a certificate of ours that the server does not trust',
    server: () => server,
    ours: () => trust(stranger.issue('rtls-ingest')),
    says: () => ['certificate'],
  },
  {
    name: 'a certificate of ours that has expired',
    server: () => server,
    ours: () => trust(authority.issue('rtls-ingest', { isExpired: true })),
    says: () => ['certificate', 'expired'],
  },
]

describe.skipIf(findMosquitto() === undefined)('the broker', () => {
  const mosquitto = async ({ certFile, keyFile }: Issued): Promise<number> => {
    const broker = await openMosquitto({
      config: [
        `cafile ${authority.caFile}`,
        `certfile ${certFile}`,
        `keyfile ${keyFile}`,
        'require_certificate true',
      ],
    })
    closers.push(async () => broker.stop())
    return broker.port
  }
  const connect = (url: string, files: TlsFiles): { reasons: string[]; isSubscribed: () => boolean } => {
    const reasons: string[] = []
    let isSubscribed = false
    const ignore = (): void => undefined
    const source = openSource(
      {
        url,
        clientId: 'tls-test',
        username: null,
        password: null,
        ...files,
        topics: ['rtls/+/+/pings'],
        shareGroup: null,
        receiveMaximum: 100,
        keepaliveS: 30,
        sessionExpiryS: 3600,
        protocolVersion: 5,
      },
      {
        onMessage: ignore,
        onRetained: ignore,
        onConnect: ignore,
        onDisconnect: ignore,
        onSessionLost: ignore,
        onTakenOver: ignore,
        onState({ isConnected, reason }) {
          isSubscribed = isConnected && reason === undefined
          if (reason !== undefined) reasons.push(reason)
        },
      },
    )
    closers.push(async () => source.close())
    return { reasons, isSubscribed: () => isSubscribed }
  }

  it('is reached over mqtts with a certificate of ours', async () => {
    const port = await mosquitto(server)
    const { isSubscribed, reasons } = connect(`mqtts://127.0.0.1:${port}`, trust(client))
    await waitFor(isSubscribed, { what: 'the subscription' })
    expect(reasons).toEqual([])
  })

  it('is reached over wss with a certificate of ours, and says what is wrong with it', async () => {
    const broker = await openMosquitto()
    closers.push(async () => broker.stop())
    const bridge = await openWebSocketBridge(broker.port, server, authority.caFile)
    closers.push(async () => bridge.close())
    const { isSubscribed } = connect(`wss://127.0.0.1:${bridge.port}`, trust(client))
    await waitFor(isSubscribed, { what: 'the subscription' })
    const { reasons } = connect(
      `wss://127.0.0.1:${bridge.port}`,
      trust({ ...client, caFile: stranger.caFile }),
    )
    await waitFor(
      () => reasons.some((reason) => reason.includes(`not signed by the authority in ${stranger.caFile}`)),
      {
        what: `the reason in ${JSON.stringify(reasons)}`,
      },
    )
    expect(isSubscribed()).toBe(true)
  })

  it.each(cases)('$name is said', async ({ server: ofServer, ours, says }) => {
    const port = await mosquitto(ofServer())
    const { reasons, isSubscribed } = connect(`mqtts://127.0.0.1:${port}`, ours())
    await waitFor(() => says().every((text) => reasons.some((reason) => reason.includes(text))), {
      what: `${says().join(' and ')} in ${JSON.stringify(reasons)}`,
    })
    expect(isSubscribed()).toBe(false)
  })

  it('a broker that speaks no TLS is said', async () => {
    const broker = await openMosquitto()
    closers.push(async () => broker.stop())
    const { reasons } = connect(`mqtts://127.0.0.1:${broker.port}`, trust(client))
    await waitFor(() => reasons.length > 0, { what: 'a reason' })
    expect(reasons.join()).toMatch(/does not speak TLS at that port|speaks no TLS/u)
  })
})

describe('the database', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await openTestDatabase()
    return async () => database.close()
  })

  /** Resolves with what the connection says; rejects with why there is none. */
  const connect = async (
    { certFile, keyFile }: Issued,
    { caFile, certFile: ourCert, keyFile: ourKey }: TlsFiles,
    more: Record<string, string> = {},
  ): Promise<unknown> => {
    const proxy = await openTlsProxy(
      Number(new URL(database.url).port),
      { certFile, keyFile },
      authority.caFile,
    )
    closers.push(async () => proxy.close())
    const connection = new DatabaseClient({
      connectionString: proxy.urlFor(database.url, {
        sslmode: 'verify-full',
        ...(caFile === null ? {} : { sslrootcert: caFile }),
        ...(ourCert === null ? {} : { sslcert: ourCert }),
        ...(ourKey === null ? {} : { sslkey: ourKey }),
        ...more,
      }),
      connectionTimeoutMillis: 60_000,
    })
    connection.on('error', () => undefined)
    closers.push(async () => connection.end().catch(() => undefined))
    await connection.connect()
    return (await connection.query<{ one: number }>('SELECT 1 AS one')).rows[0]?.one
  }

  it('is reached with a certificate of ours, and with less checking where that is asked for', async () => {
    expect(await connect(server, trust(client))).toBe(1)
    const elsewhere = authority.issue('server', { hosts: ['DNS:elsewhere.example'] })
    expect(await connect(elsewhere, trust(client), { sslmode: 'verify-ca' })).toBe(1)
    expect(await connect(elsewhere, { ...noTlsFiles, ...client }, { sslmode: 'no-verify' })).toBe(1)
    // Stricter than libpq.
    await expect(connect(elsewhere, trust(client), { sslmode: 'require' })).rejects.toThrow('other names')
  })

  // A proxy drops a client without a certificate where a server sends an alert: what it says is not ours to test.
  it.each(cases.slice(0, 4))('$name is said', async ({ server: ofServer, ours, says }) => {
    const error: unknown = await connect(ofServer(), ours()).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    for (const text of says()) expect(String(error)).toContain(text)
    expect(judge(error, 'before-commit')).toMatchObject({ verdict: 'fatal', isUnknown: false })
  })

  it.each([
    [
      'a missing file',
      () => trust({ caFile: '/nowhere/ca.pem' }),
      'database.caFile: /nowhere/ca.pem cannot be read',
    ],
    [
      'a key of another certificate',
      () => trust({ certFile: client.certFile, keyFile: server.keyFile }),
      'does not belong to the certificate in',
    ],
  ])('%s is said, and an operator is called', async (_name, files, text) => {
    const error: unknown = await connect(server, files()).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(String(error)).toContain(text)
    expect(judge(error, 'before-commit').verdict).toBe('fatal')
  })

  it('a server that speaks no TLS is said', async () => {
    const connection = new DatabaseClient({ connectionString: `${database.url}?sslmode=require` })
    connection.on('error', () => undefined)
    await expect(connection.connect()).rejects.toThrow('does not speak TLS: turn it on there')
  })
})
