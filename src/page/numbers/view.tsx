/** The view "Numbers". */
import type { JSX } from 'preact'
import { Panel } from '../parts/panel.tsx'

export function NumbersView(): JSX.Element {
  return (
    <Panel question="What comes here?">
      <p class="empty">This view is not built yet.</p>
    </Panel>
  )
}
