/** One of a few, as a row of buttons or, where there are many, as a list to open. */
import type { JSX } from 'preact'

interface Props<T extends string | number> {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [value: T, text: string])[]
  readonly onChoose: (value: T) => void
}

export function Segments<T extends string | number>({
  label,
  value,
  options,
  onChoose,
}: Props<T>): JSX.Element {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => onChoose(option)}>
          {text}
        </button>
      ))}
    </div>
  )
}

export function Choice<T extends string | number>({
  label,
  value,
  options,
  onChoose,
}: Props<T>): JSX.Element {
  return (
    <label class="choice">
      <span>{label}</span>
      <select
        value={String(value)}
        onChange={({ currentTarget }) => {
          const chosen = options.find(([option]) => String(option) === currentTarget.value)
          if (chosen !== undefined) onChoose(chosen[0])
        }}
      >
        {options.map(([option, text]) => (
          <option key={option} value={String(option)}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}
