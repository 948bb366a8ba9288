/** Light or dark: the system's choice until somebody chooses here. Canvases ask for the colours by name. */
import { createSignal, useSignal } from './signal.ts'

export type Theme = 'light' | 'dark'

const system = matchMedia('(prefers-color-scheme: dark)')
const theme = createSignal(current())
system.addEventListener('change', () => theme.set(current()))

export const useTheme = (): Theme => useSignal(theme)

export function chooseTheme(next: Theme): void {
  document.documentElement.dataset['theme'] = next
  try {
    localStorage.setItem('rtls-theme', next)
  } catch {
    // Storage is forbidden here: it holds until the page is left.
  }
  theme.set(next)
}

/** The value of a CSS variable of the page, such as `--ink`. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function current(): Theme {
  const chosen = document.documentElement.dataset['theme']
  if (chosen === 'light' || chosen === 'dark') return chosen
  return system.matches ? 'dark' : 'light'
}
