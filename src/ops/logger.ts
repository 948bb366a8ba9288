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
  /** What no line may hold, whoever put it there: a second line of defence behind those who do not. */
  readonly secrets: () => readonly string[]
}

const mask = '***'

export function createLogger({ level, terminal, secrets }: LoggerOptions): Logger {
  const hooks = { streamWrite: (line: string) => masked(line, secrets()) }
  const serializers = { err: errorForLog }
  if (terminal === undefined)
    return pino({
      level,
      base: { service: 'rtls-ingest' },
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks,
      serializers,
    })
  return pino(
    { level, hooks, serializers },
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

function masked(line: string, secrets: readonly string[]): string {
  let clean = line
  for (const secret of secrets) {
    clean = clean.replaceAll(secret, mask)
    // As it stands in JSON.
    const escaped = JSON.stringify(secret).slice(1, -1)
    if (escaped !== secret) clean = clean.replaceAll(escaped, mask)
  }
  return clean
}

/** Not all that hangs on an error: the pool hangs the whole connection on it, and with that what it was made with. */
function errorForLog(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: error.stack,
    ...(error.cause instanceof Error ? { cause: errorForLog(error.cause) } : {}),
  }
}
