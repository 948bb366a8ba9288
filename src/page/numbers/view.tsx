/** The view "Numbers": each panel answers one question, from the rollups, for the chosen facility and time. */
import type { JSX } from 'preact'
import { Segments } from '../parts/choice.tsx'
import { usePlace } from '../shell/place.ts'
import { choose } from '../shell/route.ts'
import { Batteries, Missing, ParLevels } from './attention.tsx'
import { Maintenance, Restricted } from './upkeep.tsx'
import { Occupancy } from './occupancy.tsx'
import { periods, usePeriod } from './report.ts'
import { Dwell } from './dwell.tsx'
import { RightSize, Utilisation } from './use.tsx'

export function NumbersView(): JSX.Element {
  const { period } = usePeriod()
  const { clock } = usePlace()
  return (
    <>
      <div class="bar">
        <Segments
          label="Time"
          value={period}
          options={periods}
          onChoose={(value) => choose({ period: value })}
        />
        <span class="note">Times are those of {clock.zone.replaceAll('_', ' ')}.</span>
      </div>
      <Occupancy />
      <Dwell />
      <Utilisation />
      <RightSize />
      <ParLevels />
      <Missing />
      <Maintenance />
      <Batteries />
      <Restricted />
    </>
  )
}
