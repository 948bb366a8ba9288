// The service under a supervisor that listens as systemd does, and the unit file that comes with it.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it, onTestFinished } from 'vitest'
import { configSchema } from '../../src/config-schema.ts'
import { openTestBroker } from '../support/broker.ts'
import { atProcessEnd } from '../support/process-end.ts'
import { openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()

const isThere = (program: string): boolean => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Node has no datagram sockets of the file system; Python has. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    for line in s.recv(65536).decode().splitlines():
        print(line, flush=True)
`

it('tells systemd when it is ready, that it lives, what is wrong, and that it stops', async ({ skip }) => {
  skip(!isThere('systemd-notify'), 'systemd-notify is not installed')
  skip(!isThere('python3'), 'python3 is not installed, which plays the part of systemd')
  const folder = mkdtempSync(path.join(tmpdir(), 'rtls-systemd-'))
  const socket = path.join(folder, 'notify')
  const systemd = spawn('python3', ['-c', listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  atProcessEnd(() => systemd.kill('SIGKILL'))
  onTestFinished(() => {
    systemd.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const told: string[] = []
  createInterface({ input: systemd.stdout }).on('line', (line) => told.push(line))
  await waitFor(() => told.includes('listening'), { what: 'the socket' })

  const broker = await openTestBroker()
  closers.push(async () => broker.stop())
  const service = await openService({
    mqttUrl: broker.url,
    databaseUrl: database.url,
    env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1000000' },
    mayReconnect: true,
  })
  await waitFor(() => told.includes('READY=1'), { what: 'READY' })
  await waitFor(() => told.filter((line) => line === 'WATCHDOG=1').length > 1, { what: 'two beats' })
  await broker.stop()
  await waitFor(() => told.some((line) => /^STATUS=broker: .*MQTT_URL/u.test(line)), { what: 'the trouble' })
  expect((await service.kill()).code).toBe(0)
  await waitFor(() => told.includes('STOPPING=1'), { what: 'STOPPING' })
})

it('the unit gives the service longer to stop than it takes, and all the time to start', () => {
  const unit = readFileSync(
    path.resolve(import.meta.dirname, '../../config/systemd/rtls-ingest.service'),
    'utf8',
  )
  const setting = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'mu').exec(unit)?.[1]
  expect(Number(setting('TimeoutStopSec')) * 1000).toBeGreaterThan(configSchema.parse({}).shutdown.deadlineMs)
  expect([setting('Type'), setting('NotifyAccess'), setting('TimeoutStartSec')]).toEqual([
    'notify',
    'all',
    'infinity',
  ])
})
