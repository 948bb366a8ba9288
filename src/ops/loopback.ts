/** Is an address reachable from this machine only? */
import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/u, '$1')
  const family = isIP(address)
  return family === 0
    ? address.toLowerCase() === 'localhost'
    : loopback.check(address, family === 6 ? 'ipv6' : 'ipv4')
}
