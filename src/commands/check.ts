/**
 * `rtls-ingest check`: is the configuration valid, and what is it? Static: connects to nothing. Secrets are not printed.
 */
import { stringify } from 'yaml'
import { type ConfigSources, loadConfig, redactUrl } from '../config.ts'
import { readMigrations } from '../db/migrate.ts'

export function check(sources: ConfigSources): void {
  const config = loadConfig(sources)
  const { migrations, repeatable } = readMigrations()
  const hide = (secret: string | null): string | null => (secret === null ? null : '***')
  const hideUrl = (url: string | null): string | null => (url === null ? null : redactUrl(url))
  process.stdout.write(
    stringify({
      ...config,
      mqtt: { ...config.mqtt, url: hideUrl(config.mqtt.url), password: hide(config.mqtt.password) },
      database: {
        ...config.database,
        url: hideUrl(config.database.url),
        password: hide(config.database.password),
      },
      http: {
        ...config.http,
        writeToken: hide(config.http.writeToken),
        tokens: config.http.tokens.map((token) => ({ ...token, token: hide(token.token) })),
      },
    }),
  )
  process.stdout.write(
    `\n# valid. Broker: ${config.mqtt.url === null ? 'embedded' : 'yours'}; database: ${config.database.url === null ? 'embedded' : 'yours'}; ` +
      `${migrations.length} migrations and ${repeatable.length} repeatable files in sql/.\n`,
  )
}
