/**
 * The shape of `mqtt.users`: who may publish to the embedded broker, and as which gateway. Says what the list must be before that
 * broker listens to a network.
 */
import { z } from 'zod'
import { id } from './config-formats.ts'
import { doOverlap, hasLevel, patternProblem } from './ingest/topics.ts'
import { isLoopback } from './ops/loopback.ts'
import { isPasswordHash } from './ops/password.ts'

const user = z
  .strictObject({
    name: z.string().min(1).max(100),
    password: z
      .string()
      .refine(
        isPasswordHash,
        'expected the hash that `rtls-ingest hash-password` prints, not the password itself',
      )
      .nullable()
      .default(null),
    passwordFile: z.string().min(1).nullable().default(null),
    facility: id.nullable().default(null),
    gateway: id.nullable().default(null),
    topics: z
      .array(
        z.string().refine((topic) => patternProblem(topic) === undefined, 'expected an MQTT topic or filter'),
      )
      .default([]),
  })
  .refine(
    ({ password, passwordFile }) => (password === null) !== (passwordFile === null),
    'expected password or passwordFile',
  )

export const usersSchema = z.array(user).default([])

export type GatewayUser = z.output<typeof user>

interface Formats {
  readonly topic: string
  readonly facility: string | null
  readonly gateway: string | null
}

/** The filters that a user may publish to: its own, or those of `formats` on which it is the gateway. */
export function topicsOfUser(
  { name, facility, gateway, topics }: Pick<GatewayUser, 'name' | 'facility' | 'gateway' | 'topics'>,
  formats: readonly Formats[],
): string[] {
  if (topics.length > 0) return [...topics]
  const self = gateway ?? name
  return formats.flatMap((mapping) => {
    const isOurs = hasLevel(mapping.topic, 'gateway') || mapping.gateway === self
    const place = hasLevel(mapping.topic, 'facility') ? facility : (mapping.facility ?? '')
    if (!isOurs || place === null || (facility !== null && place !== facility)) return []
    const levels = mapping.topic.split('/')
    return levels
      .map((level) => (level === '{gateway}' ? self : level === '{facility}' ? place : level))
      .join('/')
  })
}

/** What is wrong with the list as a whole. */
export function checkUsers(
  mqtt: { readonly url: string | null; readonly host: string; readonly users: readonly GatewayUser[] },
  formats: readonly Formats[],
  problems: string[],
): void {
  const { url, host, users } = mqtt
  if (url !== null) {
    if (users.length > 0)
      problems.push(
        'mqtt.users are those of the embedded broker: with mqtt.url (MQTT_URL) your own broker has its users',
      )
    return
  }
  if (users.length === 0 && !isLoopback(host))
    problems.push(
      `mqtt.host: the embedded broker does not listen on ${host} without users, because whoever reaches it could publish for any gateway. Name them in mqtt.users, or leave MQTT_HOST at 127.0.0.1, or use a broker of your own (MQTT_URL)`,
    )
  for (const [at, one] of users.entries()) {
    if (users.findIndex(({ name }) => name === one.name) !== at)
      problems.push(`mqtt.users.${at}: there are two users "${one.name}"`)
    const filters = topicsOfUser(one, formats)
    if (!filters.some((filter) => formats.some(({ topic }) => doOverlap(filter, topic))))
      problems.push(
        `mqtt.users.${at}: "${one.name}" could publish nothing that is subscribed to: name its facility${one.facility === null ? '' : ' as a topic in formats has it'}, or its topics`,
      )
  }
}
