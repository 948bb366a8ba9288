/**
 * What can be said without asking anybody: versions, memory, passwords on the way, and listeners that are open to all.
 */
import os from 'node:os'
import type { Config } from '../config-schema.ts'
import { redactUrl } from '../config.ts'
import { readDatabaseUrl } from '../db/database-url.ts'
import { datesOf } from '../ops/tls-files.ts'
import { version } from '../ops/version.ts'
import { type Check, type Verdict, fail, formatBytes, ok, warn } from './finding.ts'

/** package.json, engines */
const minNode = [20, 19] as const
/** Node's own, before the first ping. */
const baseBytes = 256 * 1024 * 1024
const dayMs = 86_400_000
/** Automata renew a month before the end: now something is wrong with that, or with whose calendar it is in. */
const soonDays = 14
/** In memory a ping's payload takes a few times its bytes (README, Memory). */
const payloadFactor = 4

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || host === '::1' || host.startsWith('127.') || host === ''

export function configurationChecks(config: Config): Check[] {
  return [
    { name: 'versions', look: () => [ok(`rtls-ingest ${version}`), lookAtNode(process.version)] },
    { name: 'memory', look: () => lookAtMemory(config) },
    { name: 'limits', look: () => lookAtLimits(config) },
    { name: 'encryption', look: () => lookAtEncryption(config) },
    { name: 'certificates', look: () => lookAtCertificates(config) },
    { name: 'listeners', look: () => lookAtListeners(config) },
  ]
}

function lookAtNode(running: string): Verdict {
  const [major = 0, minor = 0] = running.slice(1).split('.').map(Number)
  return major > minNode[0] || (major === minNode[0] && minor >= minNode[1])
    ? ok(`Node.js ${running}`)
    : fail(`Node.js ${running} is too old`, `Install Node.js ${minNode.join('.')} or later.`)
}

function lookAtMemory({ limits, database }: Config): Verdict {
  // What a container may have, where it is bounded; not in the types of Node 20.
  const { constrainedMemory } = process as { constrainedMemory?: () => number }
  const bound = constrainedMemory?.() ?? 0
  const there = bound > 0 && bound < os.totalmem() ? bound : os.totalmem()
  const wanted =
    baseBytes + limits.maxBufferedBytes * payloadFactor + (database.url === null ? 512 * 1024 * 1024 : 0)
  return there >= wanted
    ? ok(`${formatBytes(there)} of memory; at its bound the service needs about ${formatBytes(wanted)}`)
    : warn(
        `${formatBytes(there)} of memory, and at its bound the service needs about ${formatBytes(wanted)}`,
        'Lower limits.maxBufferedBytes, or give it more memory.',
      )
}

function lookAtLimits({ limits, batch, copy }: Config): Verdict | Verdict[] {
  const inFlight = batch.maxRows * copy.concurrency
  if (limits.maxBufferedPings >= 2 * inFlight) return []
  return warn(
    `limits.maxBufferedPings (${limits.maxBufferedPings}) is less than twice what is written at once (batch.maxRows × copy.concurrency = ${inFlight})`,
    'The intake will stop and go: raise limits.maxBufferedPings, or lower batch.maxRows.',
  )
}

function lookAtEncryption({ mqtt, database }: Config): Verdict[] {
  const verdicts: Verdict[] = []
  if (mqtt.url !== null) {
    const { protocol, hostname } = new URL(mqtt.url)
    const isOpen = protocol === 'mqtt:' || protocol === 'tcp:' || protocol === 'ws:'
    if (isOpen && !isLoopback(hostname))
      verdicts.push(
        warn(
          `${redactUrl(mqtt.url)}: positions, and the password where there is one, cross the network in the clear`,
          'Use mqtts:// (mqtt.caFile) where the network is not yours alone.',
        ),
      )
  }
  if (database.url !== null) {
    const { hostname, searchParams } = new URL(database.url)
    const mode = searchParams.get('sslmode') ?? 'disable'
    if (mode === 'disable' && !isLoopback(hostname) && !searchParams.has('host'))
      verdicts.push(
        warn(
          `${redactUrl(database.url)}: no TLS to the database`,
          'Add ?sslmode=verify-full to DATABASE_URL where the network is not yours alone.',
        ),
      )
  }
  return verdicts
}

function lookAtCertificates({ mqtt, database, http }: Config): Verdict[] {
  const ofHttp = { ...http, caFile: null }
  const all = [mqtt, readDatabaseUrl(database.url ?? '').files, ofHttp].flatMap(datesOf)
  const certificates = new Map(all.map((dates) => [dates.file, dates]))
  return [...certificates.values()].map(({ file, from, to }) => {
    const days = Math.floor((to.getTime() - Date.now()) / dayMs)
    const day = to.toISOString().slice(0, 10)
    if (from.getTime() > Date.now())
      return fail(`${file} is not valid before ${from.toISOString()}`, 'Compare the clocks.')
    if (days < 0)
      return fail(
        `${file} expired on ${day}`,
        'Replace it: the running service reads it again by itself and connects anew.',
      )
    return days < soonDays
      ? warn(`${file} expires on ${day}, in ${days} days`, 'Renew it in time; no restart is needed.')
      : ok(`${file} is valid until ${day}`)
  })
}

function lookAtListeners({ mqtt, database, http }: Config): Verdict[] {
  const verdicts: Verdict[] = []
  if (mqtt.url === null && !isLoopback(mqtt.host))
    verdicts.push(
      mqtt.certFile === null
        ? warn(
            `the embedded broker listens on ${mqtt.host} without TLS: positions and passwords cross the network in the clear`,
            'Set mqtt.certFile and mqtt.keyFile, where the network is not yours alone.',
          )
        : ok(`the embedded broker listens on ${mqtt.host} with TLS, for ${mqtt.users.length} users`),
    )
  if (database.url === null && !isLoopback(database.host) && database.password === null)
    verdicts.push(
      fail(
        `the embedded database listens on ${database.host} without a password`,
        'Set DATABASE_PASSWORD, or DATABASE_HOST=127.0.0.1.',
      ),
    )
  if (!isLoopback(http.host))
    verdicts.push(
      ok(`metrics and health are open to whoever reaches ${http.host}:${http.port}; there is no login`),
    )
  return verdicts
}
