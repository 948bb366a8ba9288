/** Small marks in tables and lists: a bar with its number, a state in a word, a battery. Each says its number in text as well. */
import type { ComponentChildren, JSX } from 'preact'

const percent = (share: number): string => `${(100 * Math.min(1, Math.max(0, share))).toFixed(1)}%`

/** A share of 1 as a bar, with what it says behind it. */
export function Bar({
  share,
  children,
  tone = 'plain',
}: {
  readonly share: number
  readonly children?: ComponentChildren
  readonly tone?: Tone
}): JSX.Element {
  return (
    <span class={`bar-mark ${tone}`}>
      <span class="track" aria-hidden="true">
        <span class="fill" style={{ width: percent(share) }} />
      </span>
      {children !== undefined && <span class="value">{children}</span>}
    </span>
  )
}

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'quiet'

/** A state in a word. */
export function Pill({
  tone,
  children,
}: {
  readonly tone: Tone
  readonly children: ComponentChildren
}): JSX.Element {
  return <span class={`pill ${tone}`}>{children}</span>
}

/** Parts of a whole in one line, with a legend that says how many each is. */
export function Parts({
  label,
  parts,
}: {
  readonly label: string
  readonly parts: readonly { readonly title: string; readonly value: number; readonly text: string }[]
}): JSX.Element {
  const total = parts.reduce((sum, { value }) => sum + value, 0)
  return (
    <div class="parts" role="group" aria-label={label}>
      <div class="whole" aria-hidden="true">
        {parts.map(({ title, value }, index) =>
          value === 0 ? null : (
            <span
              key={title}
              class={`series-${index + 1}`}
              style={{ width: percent(total === 0 ? 0 : value / total) }}
            />
          ),
        )}
      </div>
      <dl>
        {parts.map(({ title, text }, index) => (
          <div key={title}>
            <dt>
              <i class={`series-${index + 1}`} aria-hidden="true" />
              {title}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}

/** A distribution as columns, each with its count above and its name below. */
export function Columns({
  label,
  columns,
}: {
  readonly label: string
  readonly columns: readonly { readonly title: string; readonly value: number }[]
}): JSX.Element {
  const most = Math.max(1, ...columns.map(({ value }) => value))
  return (
    <ol class="columns" aria-label={label}>
      {columns.map(({ title, value }) => (
        <li key={title}>
          <span class="count">{new Intl.NumberFormat('en-US').format(value)}</span>
          <span class="column" aria-hidden="true">
            <span style={{ height: percent(value / most) }} />
          </span>
          <span class="name">{title}</span>
        </li>
      ))}
    </ol>
  )
}

/** How many there are, at the title of a list; nothing while that is not known, or none. */
export function Count({
  of,
  tone = 'warn',
}: {
  readonly of: number | undefined
  readonly tone?: Tone
}): JSX.Element | null {
  return of === undefined || of === 0 ? null : (
    <Pill tone={tone}>{new Intl.NumberFormat('en-US').format(of)}</Pill>
  )
}
