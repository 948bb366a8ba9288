/**
 * How the command line reads values, shared by all commands: each parser says what it expected.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ConfigSources } from '../config.ts'

/** A number in a range, with a message that says so. */
export const number =
  (least: number, most: number, isWhole: boolean) =>
  (text: string): number => {
    const value = Number(text)
    if (
      text.trim() === '' ||
      !Number.isFinite(value) ||
      value < least ||
      value > most ||
      (isWhole && !Number.isSafeInteger(value))
    )
      throw new InvalidArgumentError(
        `Expected a ${isWhole ? 'whole ' : ''}number ${most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`}.`,
      )
    return value
  }
export const whole = (least: number, most = Infinity): ((text: string) => number) => number(least, most, true)
export const share = number(0, 1, false)

export const topicLevel = (text: string): string => {
  if (!/^[^/+#\s]+$/u.test(text))
    throw new InvalidArgumentError('Expected one level of a topic: no "/", "+", "#" or space.')
  return text
}

/** A time, or how long ago: `2h`, `30m`, `7d`. */
export const time = (text: string): Date => {
  const ago = /^(\d+)([smhd])$/u.exec(text)
  if (ago !== null) return new Date(Date.now() - Number(ago[1]) * (secondsOf[ago[2] ?? ''] ?? 0) * 1000)
  const value = new Date(text)
  if (Number.isNaN(value.getTime()))
    throw new InvalidArgumentError(
      'Expected a time such as 2026-11-22T07:00:00Z, or how long ago, such as 2h or 7d.',
    )
  return value
}
const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

export const date = (text: string): Date => {
  const value = new Date(text)
  if (Number.isNaN(value.getTime()))
    throw new InvalidArgumentError('Expected a time such as 2026-11-22T07:00:00Z.')
  return value
}

/** `--set batch.maxRows=500`: any key of the configuration, read as its kind wants it; `key=` and `key=null`: not set. */
const assignment = (text: string, before: Record<string, unknown> = {}): Record<string, unknown> => {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Expected key=value, such as batch.maxRows=500.')
  const value = text.slice(at + 1)
  return { ...before, [text.slice(0, at)]: value === '' || value === 'null' ? null : value }
}

export interface ConfigFlags {
  readonly config?: string
  readonly set?: Record<string, unknown>
}

export const sourcesOf = (flags: ConfigFlags, more: Record<string, unknown> = {}): ConfigSources => ({
  file: flags.config,
  environment: process.env,
  flags: { ...more, ...flags.set },
})

export const withConfig = (command: Command): Command =>
  command
    .addOption(
      new Option('-c, --config <file>', 'YAML file; every key is in config/rtls-ingest.example.yaml').env(
        'RTLS_CONFIG',
      ),
    )
    .addOption(
      new Option(
        '--set <key=value>',
        'a key of the configuration, over file and environment; repeatable',
      ).argParser(assignment),
    )
