// The log masks the secrets it knows, whoever put them into a line, and shows of an error only what is said.
import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { createLogger } from '../../src/ops/logger.ts'

it('masks known secrets, also as JSON writes them, and leaves out what hangs on an error', () => {
  const secrets = ['hunter-two', 'quote"and\\slash']
  let text = ''
  const terminal = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  const log = createLogger({ level: 'info', terminal, secrets: () => secrets })
  const error = Object.assign(new Error('refused hunter-two'), {
    code: '28P01',
    client: { port: 'on-the-error' },
  })
  log.warn({ err: error, given: secrets }, `tried ${secrets.join(' and ')}`)
  expect(text).toContain('tried *** and ***')
  expect(text).toContain('28P01')
  for (const secret of [...secrets, 'and\\\\slash', 'on-the-error']) expect(text).not.toContain(secret)
})
