/**
 * Child process: the embedded database by itself, so that the service and the raw COPY are both its clients.
 * Its worker is the built one, as in the service. Answers 'open' with its URL, 'close' when it is closed and its folder gone.
 */
import { type EmbeddedDatabase, openEmbeddedDatabase } from '../src/embedded/database.ts'
import { answer } from './children.ts'

let database: EmbeddedDatabase | undefined

answer(async (question) => {
  if (question === 'close') {
    await database?.close()
    return undefined
  }
  database = await openEmbeddedDatabase({
    dataDir: 'memory://',
    host: '127.0.0.1',
    port: 0,
    onCrash(error) {
      throw error
    },
  })
  return database.url
})
