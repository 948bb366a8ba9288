// docker-compose.yml and Dockerfile hold together: with each other, with the files they name and with the configuration.
// There is no Docker where these tests run; compose-services.test.ts tries the pieces that can run without it.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configSchema, environmentKeys, secretEnvironment } from '../../src/config-schema.ts'
import { loadConfig } from '../../src/config.ts'

interface Service {
  image?: string
  build?: string
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  depends_on?: string[]
  secrets?: string[]
  healthcheck?: { test: unknown[] }
  [key: string]: unknown
}

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>
  volumes?: object
  secrets?: object
}
const services = Object.entries(compose.services)
const ingest = compose.services['rtls-ingest'] ?? {}
const defaults = configSchema.parse({})

/** As `docker compose` does: `${NAME:-default}` of variables that are not set, `$$` for a dollar sign. */
const interpolate = (text: string): string =>
  text.replaceAll(/\$\{\w+:-([^}]*)\}/gu, '$1').replaceAll('$$', '$')

describe('docker-compose.yml', () => {
  it('describes the database, the broker, the service, Prometheus and Grafana, each with an image or a build', () => {
    expect(services.map(([name]) => name)).toEqual([
      'timescaledb',
      'mosquitto',
      'rtls-ingest',
      'prometheus',
      'grafana',
    ])
    for (const [, { image, build }] of services) expect(image ?? build).toMatch(/./u)
  })

  it('pins the version of every image that is pulled', () => {
    const tags = services.flatMap(([, { image, build }]) =>
      build === undefined ? [image?.split(':')[1]] : [],
    )
    for (const tag of tags) expect(tag).toMatch(/^v?\d/u)
  })

  it('publishes ports on loopback only', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? [])
    expect(ports).toHaveLength(5)
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/u)
  })

  it('mounts files that exist and volumes that are declared, and declares none for nothing', () => {
    const sources = services.flatMap(([, service]) =>
      (service.volumes ?? []).map((mount) => mount.split(':')[0] ?? ''),
    )
    const files = sources.filter((source) => source.startsWith('.'))
    for (const file of files) expect([file, statSync(path.join(root, file)).isFile()]).toEqual([file, true])
    const volumes = sources.filter((source) => !source.startsWith('.'))
    expect(volumes.toSorted()).toEqual(Object.keys(compose.volumes ?? {}).toSorted())
    const secrets = services.flatMap(([, service]) => service.secrets ?? [])
    expect(secrets.toSorted()).toEqual(Object.keys(compose.secrets ?? {}).toSorted())
  })

  it('mounts every configuration file read-only', () => {
    const files = services.flatMap(([, service]) =>
      (service.volumes ?? []).filter((mount) => mount.startsWith('.')),
    )
    for (const mount of files) expect(mount).toMatch(/:ro$/u)
  })

  it('depends on services that are there', () => {
    const names = services.map(([name]) => name)
    for (const [, service] of services)
      for (const name of service.depends_on ?? []) expect(names).toContain(name)
  })

  it('has health checks made of text only, with a tool of the image', () => {
    const checks = services.flatMap(([name, { healthcheck }]) =>
      healthcheck ? [[name, healthcheck.test]] : [],
    )
    expect(checks).toEqual([
      ['timescaledb', ['CMD', 'pg_isready', '--host=127.0.0.1', '--username=postgres', '--dbname=rtls']],
      ['mosquitto', ['CMD', 'mosquitto_sub', ...Array<unknown>(8).fill(expect.any(String))]],
      ['rtls-ingest', ['CMD', 'node', '--eval', expect.stringContaining('/readyz')]],
    ])
  })

  it('gives the service only variables it knows, and those make a valid configuration', () => {
    const given = Object.entries(ingest.environment ?? {})
    const known = [
      'NODE_ENV',
      ...Object.keys(environmentKeys),
      ...secretEnvironment.map((name) => `${name}_FILE`),
    ]
    for (const [name] of given) expect(known).toContain(name)
    const config = loadConfig({
      environment: Object.fromEntries(given.map(([name, value]) => [name, interpolate(value)])),
    })
    expect(config.http.host).toBe('0.0.0.0')
    expect(new URL(config.mqtt.url ?? '').host).toBe('mosquitto:1883')
    const database = new URL(config.database.url ?? '')
    const server = compose.services['timescaledb']?.environment ?? {}
    expect(database.host).toBe('timescaledb:5432')
    expect([database.username, database.pathname, decodeURIComponent(database.password)]).toEqual([
      server['POSTGRES_USER'],
      `/${server['POSTGRES_DB']}`,
      interpolate(server['POSTGRES_PASSWORD'] ?? ''),
    ])
    expect(ingest.environment?.['DATABASE_PASSWORD']).toBe(server['POSTGRES_PASSWORD'])
  })

  it('publishes, checks and scrapes the port the service listens on', () => {
    const scrape = parse(read('config/prometheus/prometheus.yml')) as {
      scrape_configs: { static_configs: { targets: string[] }[]; metrics_path?: string }[]
    }
    const targets = scrape.scrape_configs.flatMap((job) =>
      job.static_configs.flatMap((group) => group.targets),
    )
    expect(targets).toEqual([`rtls-ingest:${defaults.http.port}`])
    expect(ingest.ports).toEqual([`127.0.0.1:${defaults.http.port}:${defaults.http.port}`])
    expect(ingest.healthcheck?.test.at(-1)).toContain(`http://127.0.0.1:${defaults.http.port}/readyz`)
    expect(read('Dockerfile')).toContain(`EXPOSE ${defaults.http.port}\n`)
  })

  it('keeps the spool in a volume, in a folder the user of the image may write to', () => {
    expect(ingest.volumes).toEqual(['rtls-ingest-data:/data'])
    expect(ingest.environment?.['SPOOL_DIR']).toBe('/data/spool')
    expect(read('Dockerfile')).toMatch(/^RUN install --directory --owner=node --group=node \/data$/mu)
  })

  it('leaves the service no rights it does not need, and longer to stop than it takes', () => {
    expect(ingest).toMatchObject({
      read_only: true,
      tmpfs: ['/tmp'],
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    })
    const grace = /^(\d+)s$/u.exec(String(ingest['stop_grace_period']))?.[1]
    expect(Number(grace) * 1000).toBeGreaterThan(defaults.shutdown.deadlineMs)
  })

  it('is understood by docker compose', ({ skip }) => {
    const why = whyNoCompose()
    skip(why !== undefined, why)
    const args = ['compose', '--file', path.join(root, 'docker-compose.yml'), 'config', '--services']
    const output = execFileSync('docker', args, { encoding: 'utf8' })
    expect(output.trim().split('\n').toSorted()).toEqual(Object.keys(compose.services).toSorted())
  })
})

/** `docker compose config` needs the plugin, but no engine. */
function whyNoCompose(): string | undefined {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return isMissing ? 'docker is not installed' : 'the compose plugin of docker is not installed'
  }
}

describe('the Dockerfile', () => {
  const lines = read('Dockerfile')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
  const argumentsOf = (instruction: string): string[] =>
    lines.flatMap((line) => (line.startsWith(`${instruction} `) ? [line.slice(instruction.length + 1)] : []))
  const copied = argumentsOf('COPY')
    .filter((line) => !line.startsWith('--from='))
    .flatMap((line) => line.split(' ').slice(0, -1))

  it('copies files and folders that exist and that .dockerignore lets through', () => {
    const ignore = read('.dockerignore').split('\n')
    expect(ignore).toContain('*')
    for (const name of copied) {
      expect([name, existsSync(path.join(root, name))]).toEqual([name, true])
      const letsThrough = ignore.filter((line) => [`!${name}`, `!${name.split('/')[0]}`].includes(line))
      expect([name, letsThrough.length]).toEqual([name, 1])
    }
  })

  it('lets nothing through that is not needed', () => {
    expect(read('.dockerignore')).not.toMatch(/^!.*(?:env|node_modules|data|dist|git|test)/mu)
  })

  it('copies what the program reads while it runs: its version and its SQL', () => {
    const ships = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
    for (const line of ['COPY package.json ./', 'COPY sql ./sql', 'COPY --from=build /app/dist ./dist'])
      expect(ships).toContain(line)
  })

  it('runs as a user without rights, without a shell in between', () => {
    expect(argumentsOf('USER')).toEqual(['node'])
    expect(lines.indexOf('USER node')).toBeGreaterThan(lines.findLastIndex((line) => line.startsWith('RUN ')))
    expect(argumentsOf('ENTRYPOINT')).toEqual(['["node", "dist/cli.js"]'])
    expect(argumentsOf('CMD')).toEqual(['["run"]'])
  })

  it('is healthy by the same question as in docker-compose.yml', () => {
    const at = lines.findIndex((line) => line.startsWith('HEALTHCHECK '))
    const question = /^ {2}CMD (\[.*\])$/u.exec(lines[at + 1] ?? '')?.[1] ?? '[]'
    expect(JSON.parse(question)).toEqual(ingest.healthcheck?.test.slice(1))
  })

  it('installs what the lock file says, and ships neither development packages nor maps of sources', () => {
    const [install, build, ...others] = argumentsOf('RUN')
    expect(install).toBe('npm ci')
    expect(build?.split(' && ')).toEqual([
      'npm run build',
      'npm prune --omit=dev',
      'find dist -name "*.map" -delete',
    ])
    for (const other of others) expect(other).not.toMatch(/npm|curl|wget|apt-get/u)
  })

  it('starts the file that the build emits, which is the one npm installs as a command', () => {
    const build = (JSON.parse(read('tsconfig.build.json')) as { compilerOptions: Record<string, string> })
      .compilerOptions
    expect(existsSync(path.join(root, build['rootDir'] ?? '', 'cli.ts'))).toBe(true)
    expect(`${build['outDir']}/cli.js`).toBe('dist/cli.js')
    expect((JSON.parse(read('package.json')) as { bin: object }).bin).toEqual({
      'rtls-ingest': 'dist/cli.js',
    })
  })

  it('uses one pinned Node in both stages, new enough for package.json', () => {
    expect(argumentsOf('FROM')).toEqual(['${NODE_IMAGE} AS build', '${NODE_IMAGE}'])
    const [, major] = /^NODE_IMAGE=node:(\d+)\.\d+\.\d+-slim$/u.exec(argumentsOf('ARG')[0] ?? '') ?? []
    expect(Number(major)).toBeGreaterThanOrEqual(20)
  })
})
