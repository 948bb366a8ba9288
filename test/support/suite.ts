// What every e2e file needs: a migrated database of its own, and a stack of things to close after each test.
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type TestDatabase, openMigratedDatabase } from './database.ts'

interface Suite {
  readonly database: { readonly url: string }
  /** Run after each test, the last added first. */
  readonly closers: (() => Promise<void> | void)[]
}

/** Call at the top of a file; the database's URL can be read from the first hook on. */
export function useSuite(): Suite {
  let opened: TestDatabase | undefined
  const closers: (() => Promise<void> | void)[] = []
  beforeAll(async () => {
    opened = await openMigratedDatabase()
  })
  afterAll(async () => {
    await opened?.close()
  })
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  })
  return {
    closers,
    database: {
      get url() {
        if (opened === undefined)
          throw new Error('the database is opened by a hook; read its URL inside a test')
        return opened.url
      },
    },
  }
}
