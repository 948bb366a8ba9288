/**
 * Errors meant for the person at the terminal: one sentence that names what, where and what to do.
 * `cli.ts` prints the message without a stack and exits with `exitCode`; anything else is a bug and keeps its stack.
 */

/** 1: it failed; 2: the configuration or the command line is wrong. */
export type ExitCode = 1 | 2

export class UserError extends Error {
  override readonly name = 'UserError'
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = 1, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** What a thrown value says, whatever was thrown: an object without a prototype cannot even be turned into text. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message
  try {
    return String(error)
  } catch {
    return Object.prototype.toString.call(error)
  }
}

/** For what takes errors only: whatever was thrown, as one. */
export const errorOf = (error: unknown): Error =>
  error instanceof Error ? error : new Error(messageOf(error))

/** A listener that could not be opened: says which address, why, and which variable moves it. Any other error is returned as it came. */
export function explainListenError(
  error: unknown,
  what: string,
  host: string,
  port: number,
  variable: string,
): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return new UserError(
      `${what} cannot listen on ${host}:${port}: the port is in use. Stop the other program or set ${variable} to a free port.`,
      1,
      { cause: error },
    )
  if (code === 'EACCES')
    return new UserError(
      `${what} may not listen on ${host}:${port}: permission denied. Set ${variable} to a port above 1023.`,
      1,
      { cause: error },
    )
  if (code === 'EADDRNOTAVAIL')
    return new UserError(
      `${what} cannot listen on ${host}:${port}: this machine does not have that address.`,
      1,
      { cause: error },
    )
  return error
}
