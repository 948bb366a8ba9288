/**
 * Logging: JSON lines for machines, short lines for a person at a terminal.
 * Levels say what an operator must do: warn = unexpected, nothing lost; error = data at risk or a human is needed.
 */
import { type Logger, pino } from 'pino'
import type { Writable } from 'node:stream'
import pretty from 'pino-pretty'

export type { Logger } from 'pino'

export interface LoggerOptions {
  readonly level: string
  /** Where a person reads: short lines go there. Undefined: JSON lines on standard output. */
  readonly terminal: Writable | undefined
}

export function createLogger({ level, terminal }: LoggerOptions): Logger {
  if (terminal === undefined)
    return pino({ level, base: { service: 'rtls-ingest' }, timestamp: pino.stdTimeFunctions.isoTime })
  return pino(
    { level },
    pretty({
      destination: terminal,
      sync: true,
      colorize: true,
      translateTime: 'SYS:HH:MM:ss',
      ignore: 'pid,hostname',
      singleLine: true,
    }),
  )
}
