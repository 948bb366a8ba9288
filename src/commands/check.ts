/**
 * `rtls-ingest check`: is the configuration valid, and what is it? Static: connects to nothing. Secrets are not printed.
 */
import { stringify } from 'yaml'
import { type ConfigSources, loadConfig, redactUrl } from '../config.ts'
import { readDatabaseUrl } from '../db/database-url.ts'
import { readMigrations } from '../db/migrate.ts'
import { datesOf } from '../ops/tls-files.ts'

export function check(sources: ConfigSources): void {
  const config = loadConfig(sources)
  const { migrations, repeatable } = readMigrations()
  const hide = (secret: string | null): string | null => (secret === null ? null : '***')
  const hideUrl = (url: string | null): string | null => (url === null ? null : redactUrl(url))
  process.stdout.write(
    stringify({
      ...config,
      mqtt: {
        ...config.mqtt,
        url: hideUrl(config.mqtt.url),
        password: hide(config.mqtt.password),
        users: config.mqtt.users.map((user) => ({ ...user, password: hide(user.password) })),
      },
      database: {
        ...config.database,
        url: hideUrl(config.database.url),
        password: hide(config.database.password),
      },
      http: {
        ...config.http,
        writeToken: hide(config.http.writeToken),
        databaseUrl: hideUrl(config.http.databaseUrl),
        tokens: config.http.tokens.map((token) => ({ ...token, token: hide(token.token) })),
      },
    }),
  )
  const { mqtt, database, http } = config
  for (const files of [mqtt, readDatabaseUrl(database.url ?? '').files, { ...http, caFile: null }])
    for (const { file, to } of datesOf(files))
      process.stdout.write(
        `\n# ${file} ${to.getTime() < Date.now() ? 'EXPIRED' : 'expires'} on ${to.toISOString().slice(0, 10)}.`,
      )
  process.stdout.write(
    `\n# valid. Broker: ${config.mqtt.url === null ? 'embedded' : 'yours'}; database: ${config.database.url === null ? 'embedded' : 'yours'}; ` +
      `${migrations.length} migrations and ${repeatable.length} repeatable files in sql/.\n`,
  )
}
