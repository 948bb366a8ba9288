/** A part of a view, with the question it answers as its title. */
import type { ComponentChildren, JSX } from 'preact'
import { useId } from 'preact/hooks'

export function Panel(props: {
  /** "Which beds stood empty today?" */
  readonly question: string
  /** What else the reader should know: the time it is about, how it is counted. */
  readonly note?: ComponentChildren
  /** Choices and buttons, at the right of the title. */
  readonly tools?: ComponentChildren
  /** Over the whole width. */
  readonly isWide?: boolean
  readonly children: ComponentChildren
}): JSX.Element {
  const id = useId()
  return (
    <section class={props.isWide === true ? 'panel wide' : 'panel'} aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.question}</h2>
        {props.tools !== undefined && <div class="tools">{props.tools}</div>}
        {props.note !== undefined && <p class="note">{props.note}</p>}
      </header>
      {props.children}
    </section>
  )
}
