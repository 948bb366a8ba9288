// Debian's Prometheus where it is installed: promtool, and the server.
import { execFileSync } from 'node:child_process'

export function isInstalled(program: 'promtool' | 'prometheus'): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** What promtool printed; throws with it when it was not content. */
export function promtool(args: readonly string[], input = ''): string {
  try {
    return execFileSync('promtool', args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`, { cause: error })
  }
}
