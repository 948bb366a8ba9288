/**
 * The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), as PostgreSQL does it: without channel binding, any user name.
 * Source: https://www.postgresql.org/docs/17/sasl-authentication.html
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { encodeMessage, encodeStrings, readString } from './wire.ts'

/** What a password is checked against; the password itself is not kept. */
export interface Verifier {
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export interface ScramExchange {
  /** AuthenticationSASL, the opening. */
  readonly request: Buffer
  /** A client's password message → the answer; `isDone` when it was the right password. undefined: refused. */
  answer(message: Buffer): { readonly reply: Buffer; readonly isDone: boolean } | undefined
}

const mechanism = 'SCRAM-SHA-256'
/** PostgreSQL's default. */
const iterations = 4096

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()

export function createVerifier(password: string): Verifier {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256')
  return { salt, storedKey: sha256(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') }
}

export function createScramExchange({ salt, storedKey, serverKey }: Verifier): ScramExchange {
  let opening: { readonly header: string; readonly bare: string; readonly serverFirst: string } | undefined

  const open = (message: Buffer): Buffer | undefined => {
    const named = readString(message, 5)
    const first = /^([ny],,)(n=[^,]*,r=([^,]+))$/u.exec(message.toString('utf8', named.end + 4))
    if (named.value !== mechanism || first === null) return undefined
    const [, header = '', bare = '', clientNonce = ''] = first
    const nonce = `${clientNonce}${randomBytes(18).toString('base64')}`
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
    opening = { header, bare, serverFirst }
    return encodeSasl(11, serverFirst)
  }

  const finish = (
    message: Buffer,
    { header, bare, serverFirst }: NonNullable<typeof opening>,
  ): Buffer | undefined => {
    const final = /^(c=([^,]*),r=([^,]*)),p=([^,]*)$/u.exec(message.toString('utf8', 5))
    if (final === null) return undefined
    const [, withoutProof = '', binding = '', nonce = '', proof64 = ''] = final
    const signed = `${bare},${serverFirst},${withoutProof}`
    const proof = Buffer.from(proof64, 'base64')
    const signature = hmac(storedKey, signed)
    if (proof.length !== signature.length) return undefined
    const clientKey = Buffer.from(proof.map((byte, index) => byte ^ (signature[index] ?? 0)))
    const isRight =
      timingSafeEqual(sha256(clientKey), storedKey) &&
      binding === Buffer.from(header).toString('base64') &&
      serverFirst.startsWith(`r=${nonce},`)
    return isRight ? encodeSasl(12, `v=${hmac(serverKey, signed).toString('base64')}`) : undefined
  }

  return {
    request: encodeSasl(10, encodeStrings(mechanism, '').toString()),
    answer(message) {
      const isDone = opening !== undefined
      const reply = opening === undefined ? open(message) : finish(message, opening)
      return reply && { reply, isDone }
    },
  }
}

function encodeSasl(kind: 10 | 11 | 12, text: string): Buffer {
  const body = Buffer.alloc(4 + Buffer.byteLength(text))
  body.writeUInt32BE(kind, 0)
  body.write(text, 4)
  return encodeMessage('R', body)
}
