/**
 * The lines of a file, one after the other, as they are asked for: a trace may be larger than memory, and the publisher pulls.
 * Takes any line ending and a byte order mark. `records` joins lines that a quoted CSV field goes on over.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { UserError, messageOf } from '../ops/user-error.ts'

export interface Line {
  readonly text: string
  /** From 1. */
  readonly number: number
}

const chunkBytes = 65_536
/** Far more than any message, far less than memory. */
const maxLineLength = 16 * 1_048_576

/** Errors: UserError when the file cannot be read. */
export function* readLines(
  file: string,
  onBytes: (bytes: number) => void = () => undefined,
): Generator<Line, void, void> {
  const handle = open(file)
  try {
    const decoder = new StringDecoder('utf8')
    const chunk = Buffer.alloc(chunkBytes)
    let number = 0
    let rest = ''
    for (let isEnd = false; !isEnd;) {
      const length = read(handle, chunk, file)
      isEnd = length === 0
      rest += isEnd ? decoder.end() : decoder.write(chunk.subarray(0, length))
      if (rest.length > maxLineLength)
        throw new UserError(`${file}:${number + 1}: a line of more than ${maxLineLength} characters`)
      // A CR at the end may be half of a CRLF.
      const lines = rest.split(isEnd ? /\r\n|\n|\r/u : /\r\n|\n|\r(?!$)/u)
      rest = lines.pop() ?? ''
      for (const text of lines) {
        number += 1
        // Bytes of a text that is not ASCII are more; for a progress bar that is near enough.
        onBytes(text.length + 1)
        yield { text: number === 1 ? text.replace(/^\uFEFF/u, '') : text, number }
      }
      if (isEnd && rest !== '')
        yield { text: number === 0 ? rest.replace(/^\uFEFF/u, '') : rest, number: number + 1 }
    }
  } finally {
    closeSync(handle)
  }
}

function open(file: string): number {
  try {
    return openSync(file === '-' ? '/dev/stdin' : file, 'r')
  } catch (error) {
    throw unreadable(file, error)
  }
}

function read(handle: number, chunk: Buffer, file: string): number {
  try {
    return readSync(handle, chunk)
  } catch (error) {
    throw unreadable(file, error)
  }
}

const unreadable = (file: string, error: unknown): UserError =>
  new UserError(`${file} cannot be read: ${messageOf(error)}`, 1, {
    cause: error,
  })

/** Lines a quoted field may go on for; a quote that is never closed must not swallow the file. */
const maxContinued = 100

/** Lines as CSV records: while a quote is open, the next line belongs to it. Blank lines are left out. */
export function* records(lines: Iterable<Line>): Generator<Line, void, void> {
  let held: Line[] = []
  for (const line of lines) {
    held.push(line)
    const [first] = held
    const text = held.length === 1 ? line.text : held.map((part) => part.text).join('\n')
    const isOpen = (text.match(/"/gu)?.length ?? 0) % 2 === 1
    if (isOpen && held.length < maxContinued) continue
    // Never closed: each line for itself, so that one is refused and the others are not.
    if (isOpen) yield* held
    else if (first !== undefined && text.trim() !== '') yield { text, number: first.number }
    held = []
  }
  yield* held
}
