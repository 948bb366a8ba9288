// Clients of an embedded database for tests: pg's own, and a raw one for what pg does not send.
import { connect, type Socket } from 'node:net'
import { Client, DatabaseError } from 'pg'
import { onTestFinished } from 'vitest'
import { backendMessages } from '../../src/embedded/wire.ts'
import { waitFor } from './wait-for.ts'

/** A connected client, closed when the test has finished. */
export async function openClient(url: string): Promise<Client> {
  const client = new Client(url)
  client.on('error', () => {}) // tests that cut connections look at the query's own error
  await client.connect()
  onTestFinished(async () => {
    await client.end().catch(() => {})
  })
  return client
}

/** Creates a table under a name of its own and returns the name. */
export async function createTable(url: string): Promise<string> {
  const name = `t${nextTable++}`
  const client = await openClient(url)
  await client.query(`CREATE TABLE ${name} (a int PRIMARY KEY, b text)`)
  return name
}
let nextTable = 1

/** The database's error with which the work must fail. */
export async function failure(work: Promise<unknown>): Promise<DatabaseError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof DatabaseError) return outcome
  throw new Error(`expected an error of the database, got ${String(outcome)}`)
}

export async function countRows(url: string, table: string): Promise<number> {
  const client = await openClient(url)
  const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)
  return rows[0]?.n ?? -1
}

/** Cuts the connection without a goodbye, as a killed client does. */
export function cut(client: Client): void {
  ;(client as unknown as { connection: { stream: Socket } }).connection.stream.resetAndDestroy()
}

export interface RawClient {
  send(...messages: Buffer[]): void
  /** The types of the messages that came since the last answer, once they end with `until`. */
  answer(until?: string): Promise<string>
}

/** A connection spoken to in messages. */
export async function openRaw(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
  })
  async function answer(until = 'Z'): Promise<string> {
    const types = () => Array.from(backendMessages(bytes), ({ type }) => type).join('')
    await waitFor(() => types().endsWith(until), { what: `an answer that ends with ${until}` })
    const seen = types()
    bytes = Buffer.alloc(0)
    return seen
  }
  socket.write(encodeStartup())
  await answer()
  return { answer, send: (...messages) => socket.write(Buffer.concat(messages)) }
}

/** The startup packet of protocol 3.0. */
export function encodeStartup(): Buffer {
  const packet = Buffer.from('\0\0\0\0\0\x03\0\0user\0postgres\0\0', 'latin1')
  packet.writeUInt32BE(packet.length)
  return packet
}
