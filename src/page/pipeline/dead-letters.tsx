/**
 * What could not be stored: by reason, each with its payload one click away, and the way back. For operators: nothing is asked of the
 * API before somebody with a token wants to see it. Payloads come from anybody and are shown as text.
 */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type ApiError, ask, withQuery } from '../api/client.ts'
import { token, tokenWanted } from '../api/token.ts'
import { type Loaded, asApiError, useQuery } from '../api/use-query.ts'
import { Pill } from '../parts/marks.tsx'
import { Panel } from '../parts/panel.tsx'
import { Failure, Show } from '../parts/states.tsx'
import { CsvButton } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { choose, useRoute } from '../shell/route.ts'
import { useSignal } from '../shell/signal.ts'
import { number } from '../shell/time.ts'
import type { Status } from './data.ts'

interface Head {
  readonly id: string
  readonly receivedAt: string
  readonly topic: string
  readonly reason: string
  readonly detail: string | null
  readonly element: number | null
  readonly payloadBytes: number
  readonly replayedAt: string | null
  readonly isWithheld: boolean
}
interface Letter extends Head {
  readonly payload: string | null
  readonly payloadBase64: string | null
  readonly isCut: boolean
}
interface Page {
  readonly items: readonly Head[]
  readonly reasons: readonly { readonly reason: string; readonly count: number }[] | null
  readonly nextCursor: string | null
}

const reasonWords = (reason: string): string => reason.replaceAll('_', ' ')

export function DeadLetters({ query }: { readonly query: Loaded<Status> }): JSX.Element {
  const kept = useSignal(token)
  const [isAsked, setIsAsked] = useState(false)
  const reason = useRoute().params.get('reason') ?? undefined
  const path = withQuery('/dead-letters', { reason, replayed: 'false', limit: 25 })
  const isShown = isAsked || kept !== null
  const letters = useQuery<Page>(isShown ? path : null, 15_000)
  return (
    <Panel
      isWide
      question="What could not be stored, and why?"
      note="Dead letters that were not replayed yet, the newest first."
      tools={
        isShown && letters.data !== undefined ? (
          <CsvButton path={path} fileName="dead-letters.csv" />
        ) : undefined
      }
    >
      {isShown ? (
        letters.error?.status === 403 && letters.data === undefined ? (
          <Forbidden error={letters.error} />
        ) : (
          <Show
            query={letters}
            lines={6}
            isEmpty={({ items }) => items.length === 0 && reason === undefined}
            empty="Nothing: every ping that came is stored."
          >
            {(page) => <List page={page} reason={reason} reload={letters.reload} />}
          </Show>
        )
      ) : (
        <Locked query={query} open={() => setIsAsked(true)} />
      )}
    </Panel>
  )
}

/** Without a token: how many there are, and how to see them. */
function Locked({ query, open }: { readonly query: Loaded<Status>; readonly open: () => void }): JSX.Element {
  return (
    <Show query={query} lines={3}>
      {({ deadLettered }) => (
        <>
          {deadLettered.length === 0 ? (
            <p class="empty">None since this process started.</p>
          ) : (
            <ul class="reasons">
              {deadLettered.map(({ reason, count }) => (
                <li key={reason}>
                  <Pill tone="warn">{number(count)}</Pill> {reasonWords(reason)}
                </li>
              ))}
            </ul>
          )}
          <p>
            <button type="button" onClick={open}>
              Show them with their payloads
            </button>{' '}
            <span class="note">Payloads are for operators: this asks for a token.</span>
          </p>
        </>
      )}
    </Show>
  )
}

function Forbidden({ error }: { readonly error: ApiError }): JSX.Element {
  return (
    <>
      <Failure error={error} />
      <p>
        <button
          type="button"
          onClick={() => tokenWanted.set('Dead letters need a token of the role operator.')}
        >
          Use another token
        </button>
      </p>
    </>
  )
}

function List(props: {
  readonly page: Page
  readonly reason: string | undefined
  readonly reload: () => void
}): JSX.Element {
  const { page, reason, reload } = props
  const [open, setOpen] = useState<string>()
  const { clock } = usePlace()
  return (
    <>
      {page.reasons !== null && (
        <div class="reasons" role="group" aria-label="Reasons">
          <button
            type="button"
            class="quiet"
            aria-pressed={reason === undefined}
            onClick={() => choose({ reason: null })}
          >
            All <span class="count">{number(page.reasons.reduce((sum, { count }) => sum + count, 0))}</span>
          </button>
          {page.reasons.map(({ reason: name, count }) => (
            <button
              key={name}
              type="button"
              class="quiet"
              aria-pressed={name === reason}
              onClick={() => choose({ reason: name === reason ? null : name })}
            >
              {reasonWords(name)} <span class="count">{number(count)}</span>
            </button>
          ))}
        </div>
      )}
      <ul class="letters">
        {page.items.map((letter) => (
          <li key={letter.id}>
            <button
              type="button"
              class="letter"
              aria-expanded={open === letter.id}
              onClick={() => setOpen(open === letter.id ? undefined : letter.id)}
            >
              <time dateTime={letter.receivedAt}>{clock.dateTime(Date.parse(letter.receivedAt))}</time>
              <Pill tone="warn">{reasonWords(letter.reason)}</Pill>
              <span class="why">{letter.detail ?? 'withheld: it names a tag that a person wears'}</span>
              <code>{letter.topic}</code>
            </button>
            {open === letter.id && <Open id={letter.id} reload={reload} />}
          </li>
        ))}
      </ul>
      {page.items.length === 0 && <p class="empty">None for this reason any more.</p>}
      {page.nextCursor !== null && (
        <p class="note">
          The newest {page.items.length}; the next ones come as these are dealt with, or as CSV.
        </p>
      )}
    </>
  )
}

function Open({ id, reload }: { readonly id: string; readonly reload: () => void }): JSX.Element {
  const letter = useQuery<Letter>(`/dead-letters/${id}`)
  return (
    <div class="open-letter">
      <Show query={letter} lines={3}>
        {(data) => (
          <>
            <p class="note">
              {data.element === null ? 'The whole message' : `Ping ${data.element + 1} of its message`},{' '}
              {number(data.payloadBytes)} bytes
              {data.payloadBase64 === null ? '' : ', not text: as base64'}
              {data.isCut ? '; only the beginning was kept, so it cannot be replayed' : ''}.
            </p>
            {data.isWithheld ? (
              <p class="empty">
                The payload names a tag that a person wears. A token of the role admin shows it.
              </p>
            ) : (
              <pre tabIndex={0} role="region" aria-label="Payload">
                {data.payload ?? data.payloadBase64}
              </pre>
            )}
            {!data.isCut && <Replay id={id} reload={reload} />}
          </>
        )}
      </Show>
    </div>
  )
}

interface Report {
  readonly outcome: 'stored' | 'duplicate' | 'still bad' | 'replayed before'
  readonly answer: string
}

function Replay({ id, reload }: { readonly id: string; readonly reload: () => void }): JSX.Element {
  const [report, setReport] = useState<Report>()
  const [error, setError] = useState<ApiError>()
  const [isBusy, setIsBusy] = useState(false)
  const replay = async (): Promise<void> => {
    setIsBusy(true)
    setError(undefined)
    try {
      const response = await ask(`/dead-letters/${id}/replay`, { method: 'POST' })
      setReport((await response.json()) as Report)
    } catch (caught) {
      setError(asApiError(caught))
    } finally {
      setIsBusy(false)
    }
  }
  return (
    <div class="replay">
      {report?.outcome !== 'stored' && report?.outcome !== 'duplicate' && (
        <button type="button" class="primary" disabled={isBusy} onClick={() => void replay()}>
          {isBusy ? 'Replaying …' : 'Replay it'}
        </button>
      )}
      {report !== undefined && (
        <span role="status">
          <Pill tone={report.outcome === 'still bad' ? 'warn' : 'good'}>{report.answer}</Pill>{' '}
          {report.outcome !== 'still bad' && (
            <button type="button" class="quiet" onClick={reload}>
              Take it off the list
            </button>
          )}
        </span>
      )}
      {error !== undefined && <Failure error={error} />}
    </div>
  )
}
