// Several servers in one DATABASE_URL, as libpq writes them.
import { describe, expect, it } from 'vitest'
import { configSchema } from '../../src/config-schema.ts'
import { redactUrl } from '../../src/config.ts'
import { asUrl, readDatabaseUrl } from '../../src/db/database-url.ts'

const urlOf = (url: string): string | null => configSchema.parse({ database: { url } }).database.url

describe('several servers', () => {
  it.each([
    ['postgres://u:p@a:5432,b:5433/rtls', ['a:5432', 'b:5433'], true],
    ['postgresql://a,b/rtls?target_session_attrs=read-write', ['a:5432', 'b:5432'], true],
    ['postgres://u@a,b,[::1]:6/rtls?target_session_attrs=any', ['a:5432', 'b:5432', '::1:6'], false],
    ['postgres://u@/rtls?host=a,b&port=7', ['a:7', 'b:7'], true],
  ])('%s', (text, servers, mustBeWritable) => {
    // libpq takes a user without a host; a URL has none.
    const url = text.includes('@/') ? text.replace('@/', '@a/') : urlOf(text)
    const read = readDatabaseUrl(url ?? '')
    expect(read.candidates.map(({ host, port }) => `${host}:${port}`)).toEqual(servers)
    expect(read.mustBeWritable).toBe(mustBeWritable)
    expect(read.url).not.toMatch(/[?&](?:host|port|target_session_attrs)=/u)
  })

  it('one server stays as it was written', () => {
    for (const url of [
      'postgres://u:p@h:5432/rtls?sslmode=require',
      'postgres:///rtls?host=/run/postgresql',
    ]) {
      expect(urlOf(url)).toBe(url)
      expect(readDatabaseUrl(url).candidates).toEqual([])
    }
  })

  it('are shown without the password', () => {
    expect(redactUrl(asUrl('postgres://u:geheim@a:1,b:2/rtls'))).toBe('postgres://u:***@a:1,b:2/rtls')
  })

  it.each([
    ['postgres://a:x,b/rtls', 'expected a URL'],
    ['postgres://a,,b/rtls', 'several servers are written as postgres://user@a:5432,b:5432/rtls'],
    ['postgres://a,b/rtls?target_session_attrs=standby', 'target_session_attrs is read-write'],
    ['postgres://a/rtls?host=a,b,c&port=1,2', 'more ports than hosts, or fewer'],
  ])('%s is refused', (url, problem) => {
    const result = configSchema.safeParse({ database: { url } })
    expect(result.error?.issues[0]?.message).toContain(problem)
  })
})
