// Certificates of a test: an authority of its own, and what it signs, as files. Made by openssl; where none is installed the running
// test is skipped.
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { TestRunner } from 'vitest'
import { atProcessEnd } from './process-end.ts'

export interface Issued {
  readonly certFile: string
  readonly keyFile: string
}

export interface Authority {
  readonly caFile: string
  /** Valid for a month, or until yesterday. Without hosts: for 127.0.0.1 and localhost. */
  issue(name: string, how?: { readonly hosts?: readonly string[]; readonly isExpired?: boolean }): Issued
}

export function openAuthority(name = 'Test authority'): Authority {
  try {
    execFileSync('openssl', ['version'])
  } catch {
    return skipTest('openssl is not installed')
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'rtls-certificates-'))
  atProcessEnd(() => rmSync(folder, { recursive: true, force: true }))
  const file = (base: string): string => path.join(folder, base)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const authority = ['-CA', file('ca.pem'), '-CAkey', file('ca.key')]
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.pem'),
    '-subj',
    `/CN=${name}`,
  )
  let serial = 0
  return {
    caFile: file('ca.pem'),
    issue(subject, { hosts = ['IP:127.0.0.1', 'DNS:localhost'], isExpired = false } = {}) {
      serial += 1
      const [key, request, extensions, cert] = ['key', 'csr', 'ext', 'pem'].map((end) =>
        file(`${serial}.${end}`),
      ) as [string, string, string, string]
      writeFileSync(extensions, `basicConstraints=critical,CA:FALSE\nsubjectAltName=${hosts.join(',')}\n`)
      openssl('req', '-new', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${subject}`)
      const days = isExpired ? '-1' : '30'
      openssl(
        'x509',
        '-req',
        '-in',
        request,
        ...authority,
        '-days',
        days,
        '-extfile',
        extensions,
        '-out',
        cert,
      )
      chmodSync(key, 0o600)
      return { certFile: cert, keyFile: key }
    },
  }
}

/** As an operator or cert-manager would: the new pair in the place of the old. */
export function replace(old: Issued, by: Issued): void {
  copyFileSync(by.certFile, old.certFile)
  copyFileSync(by.keyFile, old.keyFile)
}

function skipTest(reason: string): never {
  const test = TestRunner.getCurrentTest()
  if (test === undefined) throw new Error(reason)
  return test.context.skip(reason)
}
