// Who may publish where at the embedded broker, how passwords are kept, and what a packet may be: without any broker.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { brokerUsers } from '../../src/app-gateways.ts'
import { configSchema } from '../../src/config-schema.ts'
import { loadConfig } from '../../src/config.ts'
import { createPacketCheck } from '../../src/embedded/packet-limit.ts'
import { hashPassword, isPassword, isPasswordHash } from '../../src/ops/password.ts'
import { messageOf } from '../../src/ops/user-error.ts'

const hash = await hashPassword('hunter2')

const problems = (mqtt: object, formats?: object[]): string => {
  const flags = Object.fromEntries(Object.entries(mqtt).map(([key, value]) => [`mqtt.${key}`, value]))
  try {
    loadConfig({ environment: {}, flags: { ...flags, ...(formats === undefined ? {} : { formats }) } })
  } catch (error) {
    return messageOf(error)
  }
  return ''
}

describe('a user', () => {
  const mayPublish = (user: object, topic: string, formats: object[] = []): boolean => {
    const config = configSchema.parse({
      mqtt: { users: [{ name: 'gw-1', password: hash, ...user }] },
      ...(formats.length === 0 ? {} : { formats }),
    })
    return brokerUsers(config)[0]?.mayPublish(topic) === true
  }

  it.each([
    [{ facility: 'h1' }, 'rtls/h1/gw-1/pings', true],
    [{ facility: 'h1' }, 'rtls/h1/gw-2/pings', false],
    [{ facility: 'h1' }, 'rtls/h2/gw-1/pings', false],
    [{ facility: 'h1' }, 'rtls/h1/gw-1/pings/more', false],
    [{ facility: 'h1', gateway: 'gw-2' }, 'rtls/h1/gw-2/pings', true],
    [{ facility: 'h1', gateway: 'gw-2' }, 'rtls/h1/gw-1/pings', false],
    [{ topics: ['rtls/h1/+/pings'] }, 'rtls/h1/gw-9/pings', true],
    [{ topics: ['rtls/h1/+/pings'] }, 'rtls/h2/gw-9/pings', false],
    [{}, 'rtls/h1/gw-1/pings', false],
  ])('%j on %s: %s', (user, topic, expected) => {
    expect(mayPublish(user, topic)).toBe(expected)
  })

  it('publishes a vendor topic where the mapping is of its gateway', () => {
    const formats = [
      { topic: 'silabs/aoa/{tag}', format: 'native', facility: 'h1', gateway: 'gw-1' },
      { topic: 'other/{tag}', format: 'native', facility: 'h1', gateway: 'gw-2' },
    ]
    expect(mayPublish({}, 'silabs/aoa/AC233F000001', formats)).toBe(true)
    expect(mayPublish({}, 'other/AC233F000001', formats)).toBe(false)
  })
})

describe('the configuration refuses', () => {
  const user = { name: 'gw-1', facility: 'h1', password: hash }

  it('to listen beyond this machine without users', () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.5', 'broker.example'])
      expect(problems({ host })).toContain(`does not listen on ${host} without users`)
    for (const host of ['127.0.0.1', '::1', 'localhost']) expect(problems({ host })).toBe('')
    expect(problems({ host: '0.0.0.0', users: [user] })).toBe('')
    expect(problems({ host: '0.0.0.0', url: 'mqtt://mine' })).toBe('')
  })

  it('users that would do nothing, or too much', () => {
    expect(problems({ users: [user], url: 'mqtt://mine' })).toContain('your own broker has its users')
    expect(problems({ users: [user, user] })).toContain('there are two users "gw-1"')
    expect(problems({ users: [{ ...user, facility: null }] })).toContain(
      'could publish nothing that is subscribed to',
    )
    expect(problems({ users: [{ ...user, gateway: '+' }] })).toContain('expected a name without')
    expect(problems({ users: [{ name: 'a', facility: 'h1' }] })).toContain(
      'expected password or passwordFile',
    )
  })

  it('a password that is no hash, and never shows it', () => {
    const said = problems({ users: [{ ...user, password: 'hunter2' }] })
    expect(said).toContain('hash-password')
    expect(said).not.toContain('hunter2')
  })
})

it('a password is kept as a salted hash, which only that password fits', async () => {
  expect(isPasswordHash(hash)).toBe(true)
  expect(hash).not.toContain('hunter2')
  expect(await hashPassword('hunter2')).not.toBe(hash)
  expect(await isPassword('hunter2', hash)).toBe(true)
  expect(await isPassword('hunter3', hash)).toBe(false)
  expect(await isPassword('', hash)).toBe(false)
  expect(await isPassword('x', 'scrypt:9999999:99:99:AAAAAAAAAAAAAAAAAAAAAA:' + 'A'.repeat(43))).toBe(false)
  expect(await isPassword('x', 'not a hash')).toBe(false)
})

it('a packet is measured by its header alone, however its bytes are cut', () => {
  const packet = (bytes: number): Buffer => {
    const length: number[] = []
    let rest = bytes
    do {
      length.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
      rest = Math.floor(rest / 128)
    } while (rest > 0)
    return Buffer.concat([Buffer.from([0x30, ...length]), Buffer.alloc(bytes, 0xff)])
  }
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (sizes, cuts) => {
        const check = createPacketCheck(300)
        const stream = Buffer.concat(sizes.map(packet))
        let isFine = true
        for (let at = 0, n = 0; at < stream.length && isFine; n += 1) {
          const end = at + (cuts[n % cuts.length] ?? 1)
          isFine = check(stream.subarray(at, end))
          at = end
        }
        expect(isFine).toBe(sizes.every((size) => size <= 300))
      },
    ),
  )
  expect(createPacketCheck(300)(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff]))).toBe(false)
})
