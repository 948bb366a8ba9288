/** Asks for a token when the API wants one. What is typed goes into the header of requests and stays in this tab. */
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { keepToken, tokenWanted } from '../api/token.ts'
import { useSignal } from './signal.ts'

export function TokenDialog(): JSX.Element {
  const reason = useSignal(tokenWanted)
  const dialog = useRef<HTMLDialogElement>(null)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (reason === null) dialog.current?.close()
    else if (dialog.current?.open === false) dialog.current.showModal()
  }, [reason])

  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const typed = input.current?.value.trim() ?? ''
    if (typed === '') return
    if (input.current !== null) input.current.value = ''
    keepToken(typed)
  }
  return (
    <dialog ref={dialog} class="token" aria-labelledby="token-title" onClose={() => tokenWanted.set(null)}>
      <form onSubmit={submit}>
        <h2 id="token-title">A token, please</h2>
        <p>{reason}</p>
        <label>
          <span>Token</span>
          <input ref={input} type="password" autocomplete="off" spellcheck={false} />
        </label>
        <p class="note">It is kept in this tab until it is closed, and sent to nobody but this service.</p>
        <div class="tools">
          <button type="button" class="quiet" onClick={() => tokenWanted.set(null)}>
            Not now
          </button>
          <button type="submit" class="primary">
            Use it
          </button>
        </div>
      </form>
    </dialog>
  )
}
