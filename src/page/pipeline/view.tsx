/** The view "Pipeline". */
import type { JSX } from 'preact'
import { Panel } from '../parts/panel.tsx'

export function PipelineView(): JSX.Element {
  return (
    <Panel question="What comes here?">
      <p class="empty">This view is not built yet.</p>
    </Panel>
  )
}
