/** A broker of our own as a child process on a free loopback port: Mosquitto where it is installed, else aedes. */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { once } from 'node:events'
import { type Child, makeTempFolder, startHelper, startProgram } from './children.ts'

export interface Broker {
  /** 'Mosquitto 2.0.11' */
  readonly name: string
  readonly port: number
  readonly url: string
  readonly pid: number
  readonly protocolVersion: 4 | 5
  stop(): Promise<void>
}

const startDeadlineMs = 10_000

export interface BrokerLimits {
  /** Messages on their way to one client; Mosquitto's default is 20. Unlimited without. */
  readonly window?: number
}

export async function openBroker(
  kind: 'mosquitto' | 'aedes' | undefined,
  { window = 0 }: BrokerLimits,
): Promise<Broker> {
  const binary = findMosquitto()
  if (kind === 'aedes' || (kind === undefined && binary === undefined)) return openAedes()
  if (binary === undefined) throw new Error('Mosquitto is not installed')
  const port = await findFreePort()
  const config = join(makeTempFolder(), 'mosquitto.conf')
  writeFileSync(config, `${mosquittoConfig(port, window).join('\n')}\n`)
  const child = startProgram(binary, ['-c', config])
  await listening(child, port)
  return {
    ...describe(child, port),
    name: `Mosquitto ${mosquittoVersion(binary)}`,
    protocolVersion: 5,
  }
}

async function openAedes(): Promise<Broker> {
  const child = startHelper('aedes-process.ts')
  const port = (await child.ask('open')) as number
  // aedes speaks MQTT 3.1.1 only.
  return { ...describe(child, port), name: 'aedes', protocolVersion: 4 }
}

const describe = (child: Child, port: number) => ({
  port,
  url: `mqtt://127.0.0.1:${port}`,
  pid: child.pid,
  stop: async () => child.stop(),
})

/** No limits on what waits, so that the service is measured and not the broker's patience; nothing on disk. */
const mosquittoConfig = (port: number, window: number): string[] => [
  `listener ${port} 127.0.0.1`,
  'allow_anonymous true',
  `max_inflight_messages ${window}`,
  'max_queued_messages 0',
  'persistence false',
  'log_type error',
  // As root it would change to the user mosquitto, who need not exist.
  ...(process.getuid?.() === 0 ? ['user root'] : []),
]

function findMosquitto(): string | undefined {
  // Debian installs it in /usr/sbin, which is not on every user's PATH.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, 'mosquitto')).find((file) => existsSync(file))
}

function mosquittoVersion(binary: string): string {
  let help = ''
  try {
    help = execFileSync(binary, ['-h'], { encoding: 'utf8' })
  } catch (error) {
    // Its help ends with an exit code other than 0.
    if (error instanceof Error && 'stdout' in error) help = String(error.stdout)
  }
  return /version (\S+)/u.exec(help)?.[1] ?? '(version unknown)'
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listening(child: Child, port: number): Promise<void> {
  const deadline = performance.now() + startDeadlineMs
  while (performance.now() < deadline) {
    child.assertRunning()
    const socket = connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await wait(20)
  }
  throw new Error(`the broker does not listen on port ${port}\n${child.output()}`)
}
