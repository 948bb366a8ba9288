/** The frame around every view: where one is, where one can go, which facility, and whether the service answers. */
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import type { Facility } from '../api/types.ts'
import { type Loaded, useQuery } from '../api/use-query.ts'
import { Choice } from '../parts/choice.tsx'
import { Failure, Loading } from '../parts/states.tsx'
import { Later } from './later.tsx'
import { type Place, PlaceProvider, choosePlace } from './place.ts'
import { type Route, choose, linkTo, useRoute } from './route.ts'
import { chooseTheme, useTheme } from './theme.ts'
import { TokenDialog } from './token-dialog.tsx'

/** '' is the map. A view is loaded when it is first looked at. */
const views = [
  { view: '', title: 'Map', load: async () => (await import('../map/view.tsx')).MapView },
  { view: 'numbers', title: 'Numbers', load: async () => (await import('../numbers/view.tsx')).NumbersView },
  {
    view: 'pipeline',
    title: 'Pipeline',
    load: async () => (await import('../pipeline/view.tsx')).PipelineView,
  },
] as const

export function App(): JSX.Element {
  const route = useRoute()
  const facilities = useQuery<{ readonly items: readonly Facility[] }>('/facilities', 300_000)
  const items = facilities.data?.items
  const place = useMemo(
    () => (items === undefined ? undefined : choosePlace(items, route.params)),
    [items, route.params],
  )
  const current = views.find(({ view }) => view === route.view) ?? views[0]

  useEffect(() => {
    document.title = `${current.title} – ${place?.facility.name ?? 'Where things are'}`
  }, [current.title, place?.facility.name])

  return (
    <>
      <a class="skip" href="#content" onClick={skipToContent}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={linkTo('')} aria-label={`${place?.facility.name ?? 'Where things are'}: map`}>
          <Mark />
          <span>{place?.facility.name ?? 'Where things are'}</span>
        </a>
        <nav aria-label="Views">
          {views.map(({ view, title }) => (
            <a key={view} href={linkTo(view)} aria-current={view === current.view ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <div class="tools">
          {place !== undefined && <FacilityChoice place={place} />}
          <ThemeButton />
        </div>
      </header>
      <main id="content" tabIndex={-1} class={current.view === '' ? 'map' : 'page'}>
        {place === undefined ? (
          <NoPlace facilities={facilities} route={route} />
        ) : (
          <PlaceProvider value={place}>
            <Later key={current.view} load={current.load} />
          </PlaceProvider>
        )}
      </main>
      <TokenDialog />
    </>
  )
}

function NoPlace({
  facilities,
}: {
  readonly facilities: Loaded<unknown>
  readonly route: Route
}): JSX.Element {
  if (facilities.data !== undefined)
    return (
      <div class="message">
        <h1>There is no hospital in the database yet</h1>
        <p>
          Once facilities, floors and rooms are there, this page shows them. <code>rtls-ingest seed</code>{' '}
          makes a demo hospital.
        </p>
      </div>
    )
  return (
    <div class="message">
      {facilities.error === undefined ? (
        <Loading />
      ) : (
        <Failure error={facilities.error} retry={facilities.reload} />
      )}
    </div>
  )
}

function FacilityChoice({ place }: { readonly place: Place }): JSX.Element | null {
  if (place.facilities.length < 2) return null
  return (
    <Choice
      label="Facility"
      value={place.facility.facility}
      options={place.facilities.map(({ facility, name }) => [facility, name] as const)}
      onChoose={(facility) => choose({ facility, floor: null, asset: null }, true)}
    />
  )
}

function ThemeButton(): JSX.Element {
  const theme = useTheme()
  const other = theme === 'dark' ? 'light' : 'dark'
  return (
    <button
      type="button"
      class="icon"
      aria-label={`Switch to ${other} colours`}
      onClick={() => chooseTheme(other)}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        {theme === 'dark' ? (
          <path d="M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10Zm0-5v2m0 16v2M2 12h2m16 0h2M4.9 4.9l1.4 1.4m11.4 11.4 1.4 1.4m0-14.2-1.4 1.4M6.3 17.7l-1.4 1.4" />
        ) : (
          <path d="M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5Z" />
        )}
      </svg>
    </button>
  )
}

function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <circle cx="16" cy="16" r="9" />
      <circle cx="16" cy="16" r="4" />
    </svg>
  )
}

/** The part behind the # is ours: the browser would take it for a view. */
function skipToContent(event: MouseEvent): void {
  event.preventDefault()
  document.querySelector<HTMLElement>('#content')?.focus()
}
