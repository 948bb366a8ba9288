/** Run by `npm run build`: makes the template of the embedded database. A failure costs seconds at the first start, nothing else. */
import { makeTemplate } from './template.ts'
import { messageOf } from '../ops/user-error.ts'

try {
  await makeTemplate()
} catch (error) {
  process.stderr.write(`The template of the embedded database was not made: ${messageOf(error)}\n`)
}
