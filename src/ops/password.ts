/**
 * Passwords as scrypt hashes: scrypt:N:r:p:salt:hash, the last two in base64url. Each with its own salt, checked in constant time.
 * Knows nothing of who may have one.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** 32 MiB and about a tenth of a second each: a hundred gateways that come back at once must not wait for minutes. */
const cost = { N: 32_768, r: 8, p: 1 } as const
const keyBytes = 32
const maxmem = 128 * 1024 * 1024

const hashPattern = /^scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([\w-]{16,}):([\w-]{43})$/u

export const isPasswordHash = (text: string): boolean => hashPattern.test(text)

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, cost)
  return `scrypt:${cost.N}:${cost.r}:${cost.p}:${salt.toString('base64url')}:${hash.toString('base64url')}`
}

/** False for a hash that is none. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [, N, r, p, salt = '', expected = ''] = hashPattern.exec(hash) ?? []
  if (expected === '') return false
  try {
    const derived = await derive(password, Buffer.from(salt, 'base64url'), {
      N: Number(N),
      r: Number(r),
      p: Number(p),
    })
    return timingSafeEqual(derived, Buffer.from(expected, 'base64url'))
  } catch {
    // Costs that nobody can pay.
    return false
  }
}

async function derive(
  password: string,
  salt: Buffer,
  { N, r, p }: { readonly N: number; readonly r: number; readonly p: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, keyBytes, { N, r, p, maxmem }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}
