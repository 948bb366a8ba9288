/**
 * What a person at a terminal sees: log lines scrolling above, a short live summary below.
 * Owns the cursor; nothing else may write to the terminal while it is open.
 */
import { Writable } from 'node:stream'

export interface Terminal {
  /** For the logger: lines go above the summary. */
  readonly stream: Writable
  show(lines: readonly string[]): void
  /** Leaves the last summary standing. */
  close(): void
}

export function openTerminal(output: NodeJS.WriteStream): Terminal {
  let shown: readonly string[] = []
  let isOpen = true

  /** Cursor up over what is shown, then clear to the end of the screen. */
  const erase = (): string => (shown.length === 0 ? '' : `\u001B[${shown.length}A\u001B[0J`)
  /** A line that wraps would break the count of lines. */
  const fit = (line: string): string => cut(line, Math.max(20, output.columns - 1))

  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      output.write(`${erase()}${chunk.toString('utf8')}${shown.map((line) => `${line}\n`).join('')}`)
      done()
    },
  })

  return {
    stream,
    show(lines) {
      if (!isOpen) return
      const next = lines.map(fit)
      output.write(`${erase()}${next.map((line) => `${line}\n`).join('')}`)
      shown = next
    },
    close() {
      isOpen = false
      shown = []
    },
  }
}

/** By visible characters: colours take no room. */
// eslint-disable-next-line no-control-regex
const escapeSequence = /\u001B\[[0-9;]*m/gu

function cut(line: string, width: number): string {
  if (line.replaceAll(escapeSequence, '').length <= width) return line
  return `${line.replaceAll(escapeSequence, '').slice(0, width - 1)}…`
}
