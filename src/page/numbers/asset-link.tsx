/** An asset in a table: its tag number leads to it on the map, its name stands below. */
import type { JSX } from 'preact'
import { linkTo } from '../shell/route.ts'

export function AssetLink({
  assetId,
  assetTag,
  name,
  kind,
}: {
  readonly assetId: string
  readonly assetTag: string
  readonly name: string
  /** What stands behind the tag number. */
  readonly kind?: string
}): JSX.Element {
  return (
    <span class="asset">
      <a href={linkTo('', { asset: assetId })}>{name}</a>
      <small>
        {assetTag}
        {kind !== undefined && ` · ${kind}`}
      </small>
    </span>
  )
}

export interface AssetRow {
  readonly assetId: string
  readonly assetTag: string
  readonly name: string
}

/** The column of a table. */
export const equipment = {
  key: 'name',
  title: 'Equipment',
  value: ({ name }: AssetRow) => name,
  show: (row: AssetRow) => <AssetLink {...row} />,
}
