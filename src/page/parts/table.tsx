/** Rows as a table, sorted by a click on a heading, all of them as CSV from the API. Cells are text: never markup. */
import type { ComponentChildren, JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { type ApiError, download } from '../api/client.ts'
import { asApiError } from '../api/use-query.ts'

export interface Column<Row> {
  readonly key: string
  readonly title: string
  /** What the rows are sorted by, and what is shown where `show` does not say. */
  readonly value: (row: Row) => string | number | null
  readonly show?: (row: Row) => ComponentChildren
  readonly isNumber?: boolean
}

export interface TableProps<Row> {
  /** What the table is of, for those who cannot see what stands above it. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly rowKey: (row: Row) => string | number
  /** The path whose answer as CSV is all of this. */
  readonly csv?: { readonly path: string; readonly fileName: string }
  /** So many rows at first; the others by a button. */
  readonly limit?: number
}

export function Table<Row>(props: TableProps<Row>): JSX.Element {
  const { caption, columns, rows, rowKey, csv, limit = 20 } = props
  const [sort, setSort] = useState<{ key: string; isDescending: boolean }>()
  const [isWhole, setIsWhole] = useState(false)
  const sorted = useMemo(() => {
    const column = columns.find(({ key }) => key === sort?.key)
    if (column === undefined) return rows
    const direction = sort?.isDescending === true ? -1 : 1
    return rows.toSorted((a, b) => direction * compare(column.value(a), column.value(b)))
  }, [rows, columns, sort])
  const shown = isWhole ? sorted : sorted.slice(0, limit)
  const sortBy = (key: string): void =>
    setSort((last) => ({ key, isDescending: last?.key === key && !last.isDescending }))

  return (
    <div class="table">
      <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
        <table>
          <caption class="unseen">{caption}</caption>
          <thead>
            <tr>
              {columns.map(({ key, title, isNumber }) => (
                <th
                  key={key}
                  class={isNumber === true ? 'number' : ''}
                  scope="col"
                  aria-sort={sortOf(sort, key)}
                >
                  <button type="button" onClick={() => sortBy(key)}>
                    {title}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={rowKey(row)}>
                {columns.map(({ key, value, show, isNumber }) => (
                  <td key={key} class={isNumber === true ? 'number' : ''}>
                    {show?.(row) ?? value(row) ?? '–'}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <footer>
        {rows.length > limit && (
          <button type="button" class="quiet" onClick={() => setIsWhole(!isWhole)}>
            {isWhole ? 'Fewer' : `All ${rows.length}`}
          </button>
        )}
        {csv !== undefined && <CsvButton {...csv} />}
      </footer>
    </div>
  )
}

export function CsvButton({
  path,
  fileName,
}: {
  readonly path: string
  readonly fileName: string
}): JSX.Element {
  const [error, setError] = useState<ApiError>()
  const save = (): void => {
    setError(undefined)
    download(path, fileName).catch((caught: unknown) => setError(asApiError(caught)))
  }
  return (
    <>
      <button type="button" class="quiet" onClick={save}>
        Download CSV
      </button>
      {error !== undefined && (
        <span role="alert">
          {error.title}: {error.message}
        </span>
      )}
    </>
  )
}

/** Numbers by size, texts as people sort them, nothing last. */
function compare(a: string | number | null, b: string | number | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a).localeCompare(String(b), 'en', { numeric: true })
}

function sortOf(
  sort: { key: string; isDescending: boolean } | undefined,
  key: string,
): 'ascending' | 'descending' | undefined {
  if (sort?.key !== key) return undefined
  return sort.isDescending ? 'descending' : 'ascending'
}
