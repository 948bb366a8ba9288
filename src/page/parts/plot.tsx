/**
 * A plot over time or over numbers, drawn by uPlot in the page's colours and as wide as there is room; and the same numbers as a
 * table for those who cannot see it.
 */
import type { JSX } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { usePlace } from '../shell/place.ts'
import { colour, useTheme } from '../shell/theme.ts'
import { type Clock, number } from '../shell/time.ts'

export interface Series {
  readonly title: string
  readonly values: readonly (number | null)[]
  /** line (default), area, or bars. */
  readonly kind?: 'line' | 'area' | 'bars'
  /** A CSS variable; else the palette's next: --series-1 … --series-6. */
  readonly colour?: string
}

export interface PlotProps {
  /** What is seen, in a sentence. */
  readonly label: string
  /** Epoch ms where `isTime` (the default), else numbers. Ascending. */
  readonly x: readonly number[]
  readonly isTime?: boolean
  readonly series: readonly Series[]
  /** "pings/s" */
  readonly unit?: string
  readonly xUnit?: string
  readonly heightPx?: number
  readonly yMax?: number
}

export function Plot(props: PlotProps): JSX.Element {
  const { label, x, isTime = true, series, unit = '', xUnit = '', heightPx = 220, yMax } = props
  const { clock } = usePlace()
  const theme = useTheme()
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const data = useMemo((): uPlot.AlignedData => {
    const xs = isTime ? x.map((atMs) => atMs / 1000) : [...x]
    return [xs, ...series.map(({ values }) => [...values])]
  }, [x, series, isTime])
  const shape = JSON.stringify([
    series.map(({ title, kind, colour: name }) => [title, kind, name]),
    unit,
    xUnit,
    yMax,
  ])

  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const axis: uPlot.Axis = {
      stroke: colour('--ink-soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: `12px ${colour('--sans')}`,
    }
    const made = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: heightPx,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), clock.zone),
        cursor: { points: { size: 7 }, drag: { x: false, y: false } },
        legend: { show: series.length > 1 || isTime, live: true },
        scales: {
          x: { time: isTime },
          y: { range: (_plot, _min, max) => [0, yMax ?? (max > 0 ? max * 1.08 : 1)] },
        },
        axes: [
          { ...axis, grid: { show: false }, ...(isTime ? { space: 76, values: timeTicks(clock) } : {}) },
          { ...axis, size: 56, values: (_plot, ticks) => ticks.map((tick) => number(tick, 2)) },
        ],
        series: [
          {
            label: isTime ? 'Time' : xUnit,
            // Null while nothing is pointed at.
            value: (_plot, value: number | null) =>
              value === null ? '–' : isTime ? clock.dateTime(value * 1000) : number(value, 2),
          },
          ...series.map((one, index) => seriesOptions(one, index, unit)),
        ],
      },
      data,
      element,
    )
    plot.current = made
    const watch = new ResizeObserver(() => {
      made.setSize({ width: Math.max(200, element.clientWidth), height: heightPx })
    })
    watch.observe(element)
    return () => {
      watch.disconnect()
      made.destroy()
      plot.current = null
    }
    // The data come by setData: the plot is made anew only when it is another one.
  }, [theme, shape, isTime, heightPx, clock])

  useEffect(() => {
    if (plot.current !== null && plot.current.data !== data) plot.current.setData(data)
  }, [data])

  return (
    <figure class="plot" aria-label={label}>
      <div ref={box} role="img" aria-label={label} />
      <details>
        <summary>As a table</summary>
        <PlainTable {...props} />
      </details>
    </figure>
  )
}

function seriesOptions(
  { title, kind = 'line', colour: name }: Series,
  index: number,
  unit: string,
): uPlot.Series {
  const stroke = colour(name ?? `--series-${(index % 6) + 1}`)
  return {
    label: title,
    stroke,
    width: kind === 'bars' ? 0 : 2,
    points: { show: false },
    value: (_plot, value: number | null) =>
      value === null ? '–' : `${number(value, 2)}${unit === '' ? '' : ` ${unit}`}`,
    ...(kind === 'line' ? {} : { fill: kind === 'area' ? `${stroke}2e` : stroke }),
    ...(kind === 'bars' && uPlot.paths.bars !== undefined
      ? { paths: uPlot.paths.bars({ size: [0.8, 60], radius: 0.15 }) }
      : {}),
  }
}

/** The day where a day begins, else the time, to the second where less than a minute lies between; all the facility's. */
function timeTicks(clock: Clock): uPlot.Axis.DynamicValues {
  return (_plot, ticks, _axis, _space, increment) =>
    ticks.map((tick) => {
      if (increment < 60) return clock.seconds(tick * 1000)
      const text = clock.time(tick * 1000)
      return text === '00:00' ? clock.day(tick * 1000) : text
    })
}

function PlainTable({ x, isTime = true, series, xUnit = '', unit = '' }: PlotProps): JSX.Element {
  const { clock } = usePlace()
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="The plot as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">{isTime ? 'Time' : xUnit}</th>
            {series.map(({ title }) => (
              <th key={title} class="number" scope="col">
                {title} {unit}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {x.map((at, index) => (
            <tr key={at}>
              <th scope="row">{isTime ? clock.dateTime(at) : number(at, 2)}</th>
              {series.map(({ title, values }) => (
                <td key={title} class="number">
                  {typeof values[index] === 'number' ? number(values[index], 2) : '–'}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
