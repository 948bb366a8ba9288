/**
 * The shape of the configuration: every key with its type, unit, range and default.
 * `config.ts` fills it from file, environment and flags; `config/rtls-ingest.example.yaml` shows it, and a test keeps the two equal.
 */
import { z } from 'zod'
import { formatsSchema } from './config-formats.ts'
import { usersSchema } from './config-users.ts'
import { asUrl, serversProblem } from './db/database-url.ts'

const port = z.int().min(0).max(65_535)
const positive = z.int().min(1)

/** Null, as for every key, means "not set": here there is no other default. */
const optionalText = z.string().min(1).nullable().default(null)

const hasScheme = (value: string, schemes: readonly string[]): boolean =>
  /^\w+:\/\//u.test(value) && URL.canParse(value) && schemes.includes(new URL(value).protocol)

export const isBrokerUrl = (value: string): boolean =>
  hasScheme(value, ['mqtt:', 'mqtts:', 'ws:', 'wss:', 'tcp:', 'ssl:']) && new URL(value).host !== ''

/** May be without a host: postgres:///rtls?host=/run/postgresql is a socket. */
const isDatabaseUrl = (value: string): boolean => hasScheme(value, ['postgres:', 'postgresql:'])

/** Several servers, postgres://a:5432,b:5432/rtls, become libpq's other form of it, which is a URL. */
const databaseUrl = (example: string) =>
  z
    .string()
    .transform(asUrl)
    .refine(isDatabaseUrl, `expected a URL such as ${example}`)
    .superRefine((value, context) => {
      const problem = isDatabaseUrl(value) ? serversProblem(value) : undefined
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
    })
    .nullable()
    .default(null)

const url = (isValid: (value: string) => boolean, example: string) =>
  z.string().refine(isValid, `expected a URL such as ${example}`).nullable().default(null)

/** RFC 6750's characters, and too many to guess. */
export const secretToken = z
  .string()
  .regex(
    /^[\w.~+/-]{16,512}=*$/,
    'expected at least 16 letters, digits or -._~+/ (openssl rand -base64 24 makes one)',
  )

const httpToken = z
  .strictObject({
    name: z.string().min(1).max(100),
    role: z.enum(['viewer', 'operator', 'admin']),
    token: secretToken.nullable().default(null),
    tokenFile: optionalText,
    user: optionalText,
  })
  .refine(({ token, tokenFile }) => (token === null) !== (tokenFile === null), 'expected token or tokenFile')

const tlsFiles = { caFile: optionalText, certFile: optionalText, keyFile: optionalText }

const section = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).prefault({} as never)

export const configSchema = z.strictObject({
  mqtt: section({
    url: url(isBrokerUrl, 'mqtt://broker.example:1883'),
    username: optionalText,
    password: optionalText,
    ...tlsFiles,
    clientId: z.string().min(1).max(256).default('rtls-ingest'),
    shareGroup: z
      .string()
      .regex(/^[^/+#]+$/, 'expected a name without "/", "+" and "#"')
      .nullable()
      .default(null),
    adoptAfterS: z
      .int()
      .refine((value) => value === 0 || value >= 5, 'expected 0 (never) or at least 5 seconds')
      .default(30),
    receiveMaximum: z.int().min(1).max(65_535).default(8192),
    keepaliveS: z.int().min(1).max(65_535).default(30),
    sessionExpiryS: z.int().min(0).max(4_294_967_295).default(604_800),
    port: port.default(1883),
    host: z.string().min(1).default('127.0.0.1'),
    users: usersSchema,
    maxConnections: positive.default(500),
    maxMessageRate: positive.default(500),
  }),
  formats: formatsSchema,
  presence: section({
    windowS: z.number().min(0.1).max(3600).default(5),
    hysteresisDb: z.number().min(0).max(100).default(6),
    storeSightings: z.boolean().default(false),
    maxTags: z.int().min(100).max(10_000_000).default(100_000),
    gateways: z
      .array(
        z.strictObject({
          gateway: z.string().min(1),
          facility: optionalText,
          room: z.string().min(1).max(1024).nullable().default(null),
          floor: z.number().min(-1000).max(1000).nullable().default(null),
        }),
      )
      .default([]),
  }),
  database: section({
    url: databaseUrl('postgres://user@host:5432/rtls'),
    password: optionalText,
    ...tlsFiles,
    migrate: z.boolean().default(true),
    connectTimeoutMs: positive.default(5000),
    statementTimeoutMs: positive.default(60_000),
    port: port.default(55_432),
    host: z.string().min(1).default('127.0.0.1'),
    dataDir: z.string().min(1).default('./data'),
  }),
  batch: section({
    maxRows: z.int().min(1).max(100_000).default(10_000),
    maxBytes: z.int().min(1024).default(8_388_608),
    maxAgeMs: positive.default(100),
  }),
  copy: section({
    concurrency: z.int().min(1).max(16).default(2),
  }),
  ack: section({
    mode: z.enum(['commit', 'spool']).default('commit'),
  }),
  spool: section({
    dir: z.string().min(1).default('./data/spool'),
    maxBytes: z.int().min(1_048_576).default(1_073_741_824),
    afterMs: positive.default(2000),
  }),
  limits: section({
    maxMessageBytes: z.int().min(1024).max(268_435_455).default(1_048_576),
    maxPingsPerMessage: positive.default(10_000),
    maxBufferedPings: positive.default(50_000),
    maxBufferedBytes: z.int().min(1_048_576).default(33_554_432),
    deadLetterPayloadBytes: z.int().min(64).default(65_536),
    futureToleranceS: z.int().min(0).default(60),
  }),
  storage: section({
    gridM: z.number().gt(0).max(1).nullable().default(null),
  }),
  http: section({
    port: port.default(3001),
    host: z.string().min(1).default('127.0.0.1'),
    stalledAfterS: positive.default(60),
    readAccess: z.enum(['auto', 'token']).default('auto'),
    writeToken: secretToken.nullable().default(null),
    tokens: z.array(httpToken).default([]),
    databaseUrl: databaseUrl('postgres://reader@host:5432/rtls'),
    maxStreams: z.int().min(0).max(10_000).default(100),
    queryTimeoutMs: positive.default(5000),
    maxBodyBytes: z.int().min(1024).max(16_777_216).default(262_144),
    maxRequestsPerMinute: positive.default(1200),
    certFile: optionalText,
    keyFile: optionalText,
  }),
  log: section({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  }),
  shutdown: section({
    deadlineMs: positive.default(15_000),
  }),
  simulate: section({
    enabled: z.enum(['auto', 'on', 'off']).default('auto'),
    rate: z.number().min(0).default(200),
    tags: positive.default(300),
    gateways: positive.default(12),
    pingsPerMessage: positive.default(5),
    seedDatabase: z.enum(['auto', 'on', 'off']).default('auto'),
  }),
})

/** Read-only all the way down: nothing changes the configuration after start-up. */
type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

export type Config = Frozen<z.output<typeof configSchema>>

/** Environment variable → path of the key. The names are fixed: other programs set them. */
export const environmentKeys: Readonly<Record<string, string>> = {
  MQTT_URL: 'mqtt.url',
  MQTT_USERNAME: 'mqtt.username',
  MQTT_PASSWORD: 'mqtt.password',
  MQTT_CA_FILE: 'mqtt.caFile',
  MQTT_CERT_FILE: 'mqtt.certFile',
  MQTT_KEY_FILE: 'mqtt.keyFile',
  MQTT_CLIENT_ID: 'mqtt.clientId',
  MQTT_SHARE_GROUP: 'mqtt.shareGroup',
  MQTT_PORT: 'mqtt.port',
  MQTT_HOST: 'mqtt.host',
  DATABASE_URL: 'database.url',
  DATABASE_PASSWORD: 'database.password',
  DATABASE_CA_FILE: 'database.caFile',
  DATABASE_CERT_FILE: 'database.certFile',
  DATABASE_KEY_FILE: 'database.keyFile',
  DATABASE_PORT: 'database.port',
  DATABASE_HOST: 'database.host',
  DATA_DIR: 'database.dataDir',
  HTTP_PORT: 'http.port',
  HTTP_HOST: 'http.host',
  HTTP_WRITE_TOKEN: 'http.writeToken',
  HTTP_CERT_FILE: 'http.certFile',
  HTTP_KEY_FILE: 'http.keyFile',
  HTTP_DATABASE_URL: 'http.databaseUrl',
  LOG_LEVEL: 'log.level',
  ACK_MODE: 'ack.mode',
  SPOOL_DIR: 'spool.dir',
  BATCH_MAX_ROWS: 'batch.maxRows',
  BATCH_MAX_AGE_MS: 'batch.maxAgeMs',
  COPY_CONCURRENCY: 'copy.concurrency',
}

/** Never printed; each may also come from a file named by `<NAME>_FILE`. URLs are secrets because they may carry a password. */
export const secretEnvironment: readonly string[] = [
  'MQTT_URL',
  'MQTT_PASSWORD',
  'DATABASE_URL',
  'DATABASE_PASSWORD',
  'HTTP_WRITE_TOKEN',
  'HTTP_DATABASE_URL',
]

/** Secrets that come from the file only. */
export const secretKeys: readonly string[] = ['http.tokens', 'mqtt.users']

type JsonSchema = z.core.JSONSchema.JSONSchema

/** What the value at a path must be, as the end of "expected …". */
export function expectedAt(path: readonly PropertyKey[]): string {
  let node: JsonSchema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })
  for (const key of path) {
    const below = typeof key === 'number' ? node.items : node.properties?.[String(key)]
    node = typeof below === 'object' && !Array.isArray(below) ? below : {}
  }
  const {
    type,
    enum: choices,
    minimum = -Infinity,
    maximum = Infinity,
    maxLength,
    minItems = 0,
  } = node.anyOf?.[0] ?? node
  if (choices !== undefined) return `one of ${choices.join(', ')}`
  if (type === 'integer' || type === 'number') {
    const range =
      maximum < Number.MAX_SAFE_INTEGER ? `from ${minimum} to ${maximum}` : `of at least ${minimum}`
    return `a ${type === 'integer' ? 'whole ' : ''}number ${range}`
  }
  if (type === 'boolean') return 'true or false'
  if (type === 'array') return minItems > 0 ? 'a list of at least one' : 'a list'
  if (type === 'object') return 'keys below it'
  return `text${maxLength === undefined ? '' : ` of at most ${maxLength} characters`}`
}
