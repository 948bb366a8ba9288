/**
 * What a person sees of a long replay on stderr: a bar at a terminal, a line now and then elsewhere. Owns the last line of the
 * terminal; what else is said goes through `say`.
 */

export interface ProgressReading {
  /** 0 to 1; undefined where the length is not known. */
  readonly share: number | undefined
  readonly sent: number
  readonly acked: number
  readonly refused: number
  readonly seconds: number
}

export interface Progress {
  say(text: string): void
  show(reading: ProgressReading): void
  close(): void
}

const plainEveryMs = 10_000
const barWidth = 30
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export function openProgress(output: NodeJS.WriteStream): Progress {
  let shown = ''
  let lastPlainMs = performance.now()
  const clear = (): string => (shown === '' ? '' : '\r\u001B[2K')
  return {
    say(text) {
      output.write(`${clear()}${text}\n${shown}`)
    },
    show(reading) {
      if (output.isTTY) {
        const line = lineOf(reading, true).slice(0, Math.max(20, output.columns - 1))
        output.write(`${clear()}${line}`)
        shown = line
      } else if (performance.now() - lastPlainMs >= plainEveryMs) {
        lastPlainMs = performance.now()
        output.write(`${lineOf(reading, false)}\n`)
      }
    },
    close() {
      output.write(clear())
      shown = ''
    },
  }
}

export function lineOf({ share, sent, acked, refused, seconds }: ProgressReading, hasBar: boolean): string {
  const done = share === undefined ? undefined : Math.min(1, share)
  const filled = Math.round((done ?? 0) * barWidth)
  const bar = hasBar && done !== undefined ? `[${'█'.repeat(filled)}${'·'.repeat(barWidth - filled)}] ` : ''
  const percent = done === undefined ? '' : `${Math.floor(done * 100)} %  `
  const rate = seconds > 0 ? `  ${whole.format(acked / seconds)}/s` : ''
  return `${bar}${percent}${whole.format(sent)} sent, ${whole.format(acked)} acknowledged${refused > 0 ? `, ${whole.format(refused)} refused` : ''}${rate}`
}
