/**
 * Certificates and keys, read from the files that the configuration names: all that can be wrong with them is found here, before
 * anybody connects, and says which file and what to do. Keys never appear in a message.
 * Read anew at every connection, so that a renewed certificate is used by the next one; keeps nothing.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { whyUnreadable } from './files.ts'
import { UserError } from './user-error.ts'

export interface TlsFiles {
  /** Whom to trust, as PEM; null: the authorities that Node.js knows. */
  readonly caFile: string | null
  /** Who we are, as PEM: the certificate first, then those between it and its authority. */
  readonly certFile: string | null
  /** Its private key, as PEM, without a passphrase. */
  readonly keyFile: string | null
}

/** As node:tls takes it. */
export interface TlsMaterial {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export const noTlsFiles: TlsFiles = { caFile: null, certFile: null, keyFile: null }

const pemCertificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/gu

/** `section`: where the names stand, such as mqtt. Errors: UserError (2) naming key, file and remedy. */
export function readTlsFiles({ caFile, certFile, keyFile }: TlsFiles, section: string): TlsMaterial {
  if ((certFile === null) !== (keyFile === null))
    throw refusal(
      `${section}.${certFile === null ? 'keyFile' : 'certFile'} is set and ${section}.${certFile === null ? 'certFile' : 'keyFile'} is not: a certificate and its key are used together`,
    )
  const ca = caFile === null ? undefined : readText(`${section}.caFile`, caFile)
  if (ca !== undefined && caFile !== null) certificatesIn(`${section}.caFile`, caFile, ca)
  if (certFile === null || keyFile === null) return ca === undefined ? {} : { ca }
  const cert = readText(`${section}.certFile`, certFile)
  const [own] = certificatesIn(`${section}.certFile`, certFile, cert)
  const key = readText(`${section}.keyFile`, keyFile)
  if (own?.checkPrivateKey(privateKey(`${section}.keyFile`, keyFile, key)) !== true)
    throw refusal(
      `${section}.keyFile: the key in ${keyFile} does not belong to the certificate in ${certFile}: put the key in place that the certificate was issued for (the certificate comes first in its file, those of authorities behind it)`,
    )
  return { ...(ca === undefined ? {} : { ca }), cert, key }
}

/** Certificates whose time is over or has not begun, for people: readable files, but nobody will accept them. */
export function datesOf(files: TlsFiles): { file: string; from: Date; to: Date }[] {
  return [files.caFile, files.certFile].flatMap((file) => {
    if (file === null) return []
    return certificatesIn('', file, readText('', file))
      .slice(0, 1)
      .map(({ validFrom, validTo }) => ({ file, from: new Date(validFrom), to: new Date(validTo) }))
  })
}

function readText(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw refusal(`${key}: ${file} ${whyUnreadable(error)}`)
  }
}

function certificatesIn(key: string, file: string, text: string): X509Certificate[] {
  const found = text.match(pemCertificate) ?? []
  try {
    if (found.length > 0) return found.map((pem) => new X509Certificate(pem))
  } catch {
    // Between the lines is something else.
  }
  throw refusal(
    `${key}: ${file} holds no certificate: expected PEM, which begins with -----BEGIN CERTIFICATE-----`,
  )
}

function privateKey(key: string, file: string, text: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(text)
  } catch {
    throw refusal(
      /ENCRYPTED/u.test(text)
        ? `${key}: the key in ${file} has a passphrase: store it without one, readable by the service only (openssl pkey -in … -out …)`
        : `${key}: ${file} holds no private key: expected PEM, which begins with -----BEGIN PRIVATE KEY-----`,
    )
  }
}

const refusal = (message: string): UserError => new UserError(message, 2)
