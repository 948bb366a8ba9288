/** Run by `npm run build`: makes the templates of the embedded database. A failure costs seconds at the first start, nothing else. */
import { makeTemplates } from './template.ts'
import { messageOf } from '../ops/user-error.ts'

try {
  await makeTemplates()
} catch (error) {
  process.stderr.write(`The templates of the embedded database were not made: ${messageOf(error)}\n`)
}
