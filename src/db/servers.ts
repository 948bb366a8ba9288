/**
 * Which of several servers a connection goes to: the one that takes writes, whichever that is at the moment. All are asked at once,
 * because one that is gone may not even refuse; the first that fits is taken.
 */
import pg from 'pg'
import { errorOf } from '../ops/user-error.ts'
import type { DatabaseUrl, Server } from './database-url.ts'

const isReadOnlySql = `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "isReadOnly"`

/** As PostgreSQL says it to who writes there; failure.ts knows it. */
const readOnlyCode = '25006'

/** Errors: the one that an operator must mend, if there is one (a wrong password), else why none of the servers would do. */
export async function chooseServer(
  { candidates, mustBeWritable, host }: Pick<DatabaseUrl, 'candidates' | 'mustBeWritable' | 'host'>,
  config: pg.ClientConfig,
): Promise<Server> {
  const asking = new Set<pg.Client>()
  try {
    return await Promise.any(candidates.map(async (server) => ask(server, mustBeWritable, config, asking)))
  } catch (error) {
    throw reasonOf(error, host)
  } finally {
    // Those that have not answered are not waited for.
    for (const client of asking) void client.end().catch(() => undefined)
  }
}

async function ask(
  server: Server,
  mustBeWritable: boolean,
  config: pg.ClientConfig,
  asking: Set<pg.Client>,
): Promise<Server> {
  const client = new pg.Client(config)
  client.host = server.host
  client.port = server.port
  // What breaks after the answer concerns nobody.
  client.on('error', () => undefined)
  asking.add(client)
  await client.connect()
  if (!mustBeWritable) return server
  const { rows } = await client.query<{ isReadOnly: boolean }>(isReadOnlySql)
  if (rows[0]?.isReadOnly === false) return server
  throw Object.assign(new Error(`${server.host}:${server.port} is read-only`), { code: readOnlyCode })
}

function reasonOf(error: unknown, hosts: string): Error {
  const errors = error instanceof AggregateError ? error.errors.map(errorOf) : [errorOf(error)]
  const code = (one: Error | undefined): string =>
    one !== undefined && 'code' in one && typeof one.code === 'string' ? one.code : ''
  const first =
    errors.find((one) => code(one).startsWith('28')) ??
    errors.find((one) => code(one) === readOnlyCode) ??
    errors[0]
  const said = errors.map(({ message }) => message).join('; ')
  return Object.assign(new Error(`none of ${hosts} can be used: ${said}`, { cause: error }), {
    code: code(first),
  })
}
