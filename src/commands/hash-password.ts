/** `rtls-ingest hash-password`: the scrypt hash of a password, for mqtt.users. The password comes in by standard input: it is in no process list. */
import { createInterface } from 'node:readline'
import { hashPassword } from '../ops/password.ts'
import { UserError } from '../ops/user-error.ts'

export async function hashPasswordCommand(): Promise<void> {
  if (process.stdin.isTTY) process.stderr.write('Password (shown as you type), then Enter: ')
  const lines = createInterface({ input: process.stdin })
  let password = ''
  for await (const line of lines) {
    password = line
    break
  }
  lines.close()
  if (password === '')
    throw new UserError('hash-password: expected the password as the first line of standard input', 2)
  process.stdout.write(`${await hashPassword(password)}\n`)
}
