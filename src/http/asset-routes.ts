/** /assets and /assets/{id}: what they take, what they answer, and the versions they insist on. */
import { z } from 'zod'
import { assetSchema, assetSummarySchema } from './asset-answers.ts'
import { type AssetField, assetField, assetFields } from './asset-fields.ts'
import { assetQuerySchema } from './asset-query.ts'
import type { Asset, AssetStore } from './asset-store.ts'
import { storable } from './field-kinds.ts'
import { Problem, fieldProblem } from './problem.ts'
import { type Answer, type Route, defineRoute } from './route.ts'

const pageSchema = z.object({
  items: z.array(assetSummarySchema),
  nextCursor: z.string().nullable().describe('for ?cursor=; null: this was the last page'),
})

const isSetOnCreation = ({ use }: AssetField): boolean =>
  use !== 'kept' && use !== 'located' && use !== 'unseen'
const isSetLater = (field: AssetField): boolean => isSetOnCreation(field) && field.use !== 'fixed'

const newAssetSchema = z
  .strictObject(
    shapeOf(assetFields.filter(isSetOnCreation), ({ use, kind }) =>
      use === 'required'
        ? kind.written
        : use === 'optional'
          ? kind.written.nullable().optional()
          : kind.written.optional(),
    ),
  )
  .describe('A new asset. What is left out gets its default.')

const changeSchema = z
  .strictObject({
    ...shapeOf(assetFields.filter(isSetLater), ({ use, kind }) =>
      use === 'optional' ? kind.written.nullable().optional() : kind.written.optional(),
    ),
    version: z
      .int()
      .min(1)
      .max(2_147_483_647)
      .describe('the version that was read, a whole number: an asset that has another one is not changed')
      .optional(),
  })
  .describe('The fields to change; null clears one. Lists and objects are replaced as a whole.')

export const namedSchemas = {
  Asset: assetSchema,
  AssetSummary: assetSummarySchema,
  AssetPage: pageSchema,
  NewAsset: newAssetSchema,
  AssetChange: changeSchema,
} as const

function shapeOf(
  fields: readonly AssetField[],
  schemaOf: (field: AssetField) => z.ZodType,
): Record<string, z.ZodType> {
  return Object.fromEntries(fields.map((field) => [field.name, schemaOf(field)]))
}

/** Names that exist, but not in this body. */
function explainUnknown(name: string): string | undefined {
  const field = assetField(name)
  if (field?.use === 'fixed')
    return 'is set when the asset is created and does not change after that; leave it out'
  if (field?.use === 'located') return 'comes from pings; leave it out'
  if (field?.use === 'kept' || field?.use === 'unseen')
    return name === 'version'
      ? 'a new asset is version 1; leave it out'
      : 'is kept by the service; leave it out'
  if (Object.hasOwn(assetSchema.shape, name)) return 'follows from other fields; leave it out'
  return undefined
}

const pathSchema = z.strictObject({
  id: storable(1, 200).describe('the id of an asset, 1 to 200 characters'),
})
const etagHeader = { ETag: 'the version of the asset, for If-Match' }

/**
 * The tag is the version of what can be edited. Where the asset is and what follows from its facts today change without it: so it
 * guards writes, and answers no If-None-Match.
 */
const answerWith = (status: number, asset: Asset, headers: Record<string, string> = {}): Answer => ({
  status,
  body: asset,
  headers: { etag: `"${asset.version}"`, ...headers },
})

export const createAssetRoutes = (store: AssetStore): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/assets',
    name: 'listAssets',
    summary: 'Find assets',
    description:
      'Filters narrow together. Without q ordered by asset tag number, with q by how well they match. Go on with nextCursor: no asset is shown twice or left out because others were added meanwhile.',
    role: 'viewer',
    takes: { query: assetQuerySchema },
    answers: { 200: { description: 'A page of assets.', schema: pageSchema } },
    problems: [],
    handle: async ({ query }) => ({ status: 200, body: await store.page(query) }),
  }),

  defineRoute({
    method: 'GET',
    path: '/assets/{id}',
    name: 'getAsset',
    summary: 'One asset',
    description:
      'With the tags it wears, where it was last seen, and what follows from its facts at this moment: due dates, book value, use, reliability.',
    role: 'viewer',
    takes: { path: pathSchema },
    answers: { 200: { description: 'The asset.', schema: assetSchema, headers: etagHeader } },
    problems: [404],
    handle: async ({ path }) => answerWith(200, await store.one(path['id'])),
  }),

  defineRoute({
    method: 'POST',
    path: '/assets',
    name: 'createAsset',
    summary: 'Add an asset',
    description:
      'organizationId may be left out where the token or the database has only one. Who wrote it is the user of the token, or the administrator of the organisation.',
    role: 'operator',
    takes: { body: newAssetSchema, explainUnknown },
    answers: {
      201: {
        description: 'The asset as it is stored.',
        schema: assetSchema,
        headers: { ...etagHeader, Location: 'the path of the asset' },
      },
    },
    problems: [409],
    async handle({ body, caller }) {
      const asset = await store.insert(body, caller)
      return answerWith(201, asset, { location: `/assets/${encodeURIComponent(asset.id)}` })
    },
  }),

  defineRoute({
    method: 'PATCH',
    path: '/assets/{id}',
    name: 'changeAsset',
    summary: 'Change fields of an asset',
    description:
      'Say which version you change: with If-Match (the ETag you read; answered 412 when the asset has another one by now) or with "version" in the body (answered 409). Both problems name the current version. If-Match: * changes whatever version there is.',
    role: 'operator',
    takes: {
      path: pathSchema,
      body: changeSchema,
      headers: { 'If-Match': 'the ETag of the version you change, such as "3"' },
      explainUnknown,
    },
    answers: { 200: { description: 'The asset as it is now.', schema: assetSchema, headers: etagHeader } },
    problems: [404, 409, 412, 428],
    async handle({ path, body, headers, caller }) {
      const { version, ...values } = body as { version?: number } & Record<string, unknown>
      const tag = headers['if-match']
      const isTagged = tag === undefined ? () => true : readIfMatch(tag)
      if (tag === undefined && version === undefined)
        throw new Problem(
          'version-required',
          'Say which version you change: send If-Match with the ETag you read, or "version" in the body.',
        )
      if (Object.keys(values).length === 0)
        throw new Problem('invalid-fields', 'The body names no field to change.')
      const asset = await store.change(
        path['id'],
        values,
        caller,
        (current) => isTagged(current) && (version === undefined || version === current),
        (current) => conflict(isTagged(current) ? 'version-conflict' : 'version-mismatch', current),
      )
      return answerWith(200, asset)
    },
  }),
]

const conflict = (kind: 'version-conflict' | 'version-mismatch', currentVersion: number): Problem =>
  new Problem(
    kind,
    `The asset is at version ${currentVersion} by now. Read it again, and repeat the change on what it says there.`,
    { currentVersion, headers: { etag: `"${currentVersion}"` } },
  )

/** RFC 9110: one or more tags, or *. A weak tag matches nothing here. */
function readIfMatch(header: string): (version: number) => boolean {
  if (header.trim() === '*') return () => true
  const tags = header.split(',').map((tag) => tag.trim())
  if (!tags.every((tag) => /^(?:W\/)?"[^"]*"$/u.test(tag)))
    throw fieldProblem('invalid-parameter', [
      { field: 'If-Match', in: 'header', detail: 'expected the ETag that was read, with its quotes: "3"' },
    ])
  return (version) => tags.includes(`"${version}"`)
}
