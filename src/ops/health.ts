/**
 * What is wrong right now, in words for an operator. Owned by nobody on the data path: they report, readiness reads.
 */
export const components = ['broker', 'database', 'writer', 'spool', 'pipeline', 'start'] as const
export type Component = (typeof components)[number]

export interface Health {
  /** undefined: the component works. Returns whether that is news. */
  set(component: Component, problem: string | undefined): boolean
  /** All problems; ready when there are none. */
  problems(): { readonly component: Component; readonly problem: string }[]
}

export function createHealth(): Health {
  const state = new Map<Component, string>()
  return {
    set(component, problem) {
      const isNews = state.get(component) !== problem
      if (problem === undefined) state.delete(component)
      else state.set(component, problem)
      return isNews
    },
    problems: () => [...state].map(([component, problem]) => ({ component, problem })),
  }
}
