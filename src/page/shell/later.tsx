/** A view whose code is fetched when it is first looked at; a failure to fetch it is said, and can be tried again. */
import type { ComponentType, JSX } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { ApiError } from '../api/client.ts'
import { Failure, Loading } from '../parts/states.tsx'

export function Later({ load }: { readonly load: () => Promise<ComponentType> }): JSX.Element {
  const [View, setView] = useState<ComponentType>()
  const [hasFailed, setHasFailed] = useState(false)
  const start = useCallback(() => {
    setHasFailed(false)
    load().then(
      (loaded) => setView(() => loaded),
      () => setHasFailed(true),
    )
  }, [load])
  useEffect(start, [start])
  if (hasFailed)
    return (
      <div class="message">
        <Failure
          error={
            new ApiError(
              'This part of the page could not be fetched',
              'If the service was updated, reload the page.',
              0,
            )
          }
          retry={start}
        />
      </div>
    )
  return View === undefined ? (
    <div class="message">
      <Loading />
    </div>
  ) : (
    <View />
  )
}
