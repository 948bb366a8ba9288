/** How the options of `replay` are read from the command line. */
import { InvalidArgumentError } from 'commander'

export const speed = (text: string): number => {
  if (text === 'max') return Infinity
  const factor = Number(text)
  if (text.trim() === '' || !Number.isFinite(factor) || factor <= 0 || factor > 1e6)
    throw new InvalidArgumentError('Expected a factor above 0, such as 10 or 0.5, or max.')
  return factor
}

const roles = ['t', 'tag', 'x', 'y', 'z'] as const

export const columns = (text: string): Record<string, string> => {
  const pairs = text.split(',').map((pair) => {
    const at = pair.indexOf('=')
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const
  })
  const isRole = (name: string): boolean => roles.some((role) => role === name)
  if (pairs.some(([role, name]) => !isRole(role) || name === ''))
    throw new InvalidArgumentError(
      `Expected pairs such as t=when,tag=beacon; on the left ${roles.join(', ')}.`,
    )
  return Object.fromEntries(pairs)
}

export const zone = (text: string): string => {
  if (!/^(?:Z|[+-]\d{2}:?\d{2})$/iu.test(text))
    throw new InvalidArgumentError('Expected Z, or an offset such as +02:00.')
  return text
}
