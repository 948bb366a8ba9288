/**
 * The token of who looks at the page: kept for this tab only, and whether one is asked for now.
 * Does not know what a token may do: the API says so.
 */
import { createSignal } from '../shell/signal.ts'

const key = 'rtls-token'

export const token = createSignal(read())
/** Why a token is asked for, in the API's words; null: none is. */
export const tokenWanted = createSignal<string | null>(null)

export function keepToken(value: string): void {
  try {
    sessionStorage.setItem(key, value)
  } catch {
    // Storage is forbidden here: it is kept until the page is left.
  }
  tokenWanted.set(null)
  token.set(value)
}

function read(): string | null {
  try {
    return sessionStorage.getItem(key)
  } catch {
    return null
  }
}
