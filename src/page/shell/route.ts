/**
 * Where the page is, kept in the part of its address behind the #: the view and what is chosen in it, so that a link shows the same
 * to everybody and the back button works.
 */
import { createSignal, useSignal } from './signal.ts'

export interface Route {
  /** '' (the map), 'numbers', 'pipeline'. */
  readonly view: string
  readonly params: URLSearchParams
}

type Patch = Readonly<Record<string, string | number | null | undefined>>

const route = createSignal(read())
window.addEventListener('hashchange', () => route.set(read()))

export const useRoute = (): Route => useSignal(route)

/** The link to a view; facility and floor stay chosen. */
export function linkTo(view: string, patch: Patch = {}): string {
  const { params } = read()
  const kept = new URLSearchParams([...params].filter(([name]) => name === 'facility' || name === 'floor'))
  return format(view, kept, patch)
}

/** Changes what is chosen in this view; null takes a choice back. `isStep`: the back button undoes it. */
export function choose(patch: Patch, isStep = false): void {
  const { view, params } = read()
  const next = format(view, params, patch)
  if (next === location.hash) return
  if (isStep) history.pushState(null, '', next)
  else history.replaceState(null, '', next)
  route.set(read())
}

function format(view: string, params: URLSearchParams, patch: Patch): string {
  const next = new URLSearchParams(params)
  for (const [name, value] of Object.entries(patch))
    if (value === null || value === undefined || value === '') next.delete(name)
    else next.set(name, String(value))
  const query = next.toString()
  return `#/${view}${query === '' ? '' : `?${query}`}`
}

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/u, '').split('?', 2)
  return { view: path, params: new URLSearchParams(query) }
}
