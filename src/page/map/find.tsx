/**
 * The search box: answers in words as one types, then lists what was found. "nearest" or "free" before a kind asks for the nearest
 * free one. Works by keyboard alone, and says the answer to screen readers.
 */
import type { JSX } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { withQuery } from '../api/client.ts'
import type { Location } from '../api/types.ts'
import { useQuery } from '../api/use-query.ts'
import { Failure } from '../parts/states.tsx'
import { usePlace } from '../shell/place.ts'
import { number } from '../shell/time.ts'
import { stateNames, stateOf } from './dots.ts'
import { agoWords, placeOf } from './words.ts'

interface Found extends Location {
  readonly distanceM?: number | null
  readonly floorsAway?: number | null
}

export interface Here {
  /** A room, else a point of the floor. */
  readonly room: string | null
  readonly roomName: string | null
  readonly floor: number | undefined
  readonly x: number
  readonly y: number
}

/** Long enough that a word is typed in one go, short enough not to be felt. */
const pauseMs = 140

export function Find(props: {
  readonly here: () => Here
  readonly typed: string
  readonly onType: (typed: string) => void
  readonly onChoose: (location: Location) => void
}): JSX.Element {
  const { here, typed, onType, onChoose } = props
  const { facility } = usePlace()
  const [path, setPath] = useState<string | null>(null)
  const [askedText, setAskedText] = useState('')
  const [active, setActive] = useState(-1)
  const [isOpen, setIsOpen] = useState(true)
  const listId = useId()
  const input = useRef<HTMLInputElement>(null)
  /** Enter was pressed before the answer came. */
  const isHasty = useRef(false)
  const found = useQuery<{ answer: string; items: readonly Found[] }>(path)
  // While the next answer is on its way the last one stands: nothing jumps.
  const [shown, setShown] = useState<{ answer: string; items: readonly Found[] }>()

  useEffect(() => {
    if (found.data !== undefined) {
      setShown(found.data)
      setActive(-1)
      if (isHasty.current) choose(found.data.items[0])
      isHasty.current = false
    }
  }, [found.data])

  useEffect(() => {
    if (typed.trim() === '') {
      setPath(null)
      setShown(undefined)
      return undefined
    }
    const timer = setTimeout(() => {
      setAskedText(typed)
      setPath(pathOf(typed, facility.facility, here()))
    }, pauseMs)
    return () => clearTimeout(timer)
    // Where one is looking when it is typed counts, not where one looks later.
  }, [typed, facility.facility])

  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      if (event.key !== '/' || isTyping(event.target)) return
      event.preventDefault()
      input.current?.focus()
    }
    document.addEventListener('keydown', focus)
    return () => document.removeEventListener('keydown', focus)
  }, [])

  const items = shown?.items ?? []
  const isAnswered = askedText === typed && found.data !== undefined
  const choose = (item: Found | undefined): void => {
    if (item === undefined) return
    setIsOpen(false)
    onChoose(item)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      setIsOpen(true)
      const step = event.key === 'ArrowDown' ? 1 : -1
      setActive((at) => Math.max(-1, Math.min(items.length - 1, at + step)))
    } else if (event.key === 'Enter') {
      event.preventDefault()
      if (isAnswered) choose(items[Math.max(0, active)])
      else isHasty.current = typed.trim() !== ''
    } else if (event.key === 'Escape') {
      if (isOpen && typed !== '') setIsOpen(false)
      else onType('')
    }
  }
  const isListed = isOpen && typed.trim() !== '' && items.length > 0
  return (
    <search class="find">
      <label class="unseen" for={`${listId}-input`}>
        Find an asset by name, tag, model or serial number
      </label>
      <div class="box">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <circle cx="11" cy="11" r="6.5" />
          <path d="m16 16 4.5 4.5" />
        </svg>
        <input
          ref={input}
          id={`${listId}-input`}
          type="text"
          role="combobox"
          placeholder="Find a pump, a tag, a serial number…"
          autocomplete="off"
          spellcheck={false}
          enterkeyhint="search"
          aria-expanded={isListed}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={isListed && active >= 0 ? `${listId}-${active}` : undefined}
          value={typed}
          onInput={({ currentTarget }) => {
            isHasty.current = false
            onType(currentTarget.value)
            setIsOpen(true)
          }}
          onFocus={() => setIsOpen(true)}
          onKeyDown={onKeyDown}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <p class="answer" aria-live="polite">
        {typed.trim() === '' ? '' : shown?.answer}
      </p>
      {found.error !== undefined && <Failure error={found.error} retry={found.reload} />}
      <ul id={listId} role="listbox" aria-label="Found" hidden={!isListed}>
        {items.map((item, index) => (
          <li
            key={item.assetId}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === active}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => choose(item)}
          >
            <Result item={item} />
          </li>
        ))}
      </ul>
    </search>
  )
}

function Result({ item }: { readonly item: Found }): JSX.Element {
  const { facility } = usePlace()
  const state = stateOf(item)
  const distance =
    item.distanceM === undefined || item.distanceM === null
      ? item.floorsAway === undefined || item.floorsAway === null || item.floorsAway === 0
        ? undefined
        : `${item.floorsAway} ${item.floorsAway === 1 ? 'floor' : 'floors'} away`
      : `${number(item.distanceM)} m away`
  return (
    <>
      <span class={`dot ${state}`} role="img" aria-label={stateNames[state]} />
      <span class="name">{item.name}</span>
      <span class="where">
        {item.seenAt === null ? 'never located' : placeOf(item, facility.floors)}{' '}
        <small>{item.assetTag}</small>
      </span>
      <span class="age">{distance ?? agoWords(item.ageS)}</span>
    </>
  )
}

/** "nearest free infusion pump" is a question of its own. */
function pathOf(typed: string, facility: string, here: Here): string {
  const text = typed.trim()
  const asksNearest = /^(?:the )?(?:nearest|closest|next|free)\b/iu.test(text)
  const kind = text
    .replaceAll(/\b(?:the|a|an|nearest|closest|next|free)\b/giu, ' ')
    .replace(/\b(?:that|which)\b.*$/iu, ' ')
    .replaceAll(/\s+/gu, ' ')
    .trim()
  if (!asksNearest || kind === '') return withQuery('/find', { q: text, facility, limit: 8 })
  const from =
    here.room === null ? { floor: here.floor, x: metres(here.x), y: metres(here.y) } : { room: here.room }
  return withQuery('/nearest', { facility, q: kind, free: true, limit: 8, ...from })
}

const metres = (value: number): number => Math.round(value * 10) / 10

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement ||
  target instanceof HTMLSelectElement ||
  target instanceof HTMLTextAreaElement
