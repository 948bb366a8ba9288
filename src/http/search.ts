/**
 * Assets by what people type: tag number, serial number, name, model, the id of a tag; the beginning of one, or mistyped.
 * The words are the database's business (search_assets); what is put on top here is the id of a tag and the beginning of a code.
 */
import type { HttpDatabase } from './database.ts'

export interface Match {
  readonly assetId: string
  /** The greater the better; 100 and more: it is exactly this one. */
  readonly rank: number
}

export interface Searching {
  /** The best first, at most 1,000. */
  find(q: string): Promise<Match[]>
}

export const exactRank = 100

/** $1: the query; $2: the same as the beginning of a tag id. like_pattern escapes what ILIKE would take for a pattern. */
const searchSql = `
  SELECT m.asset_id AS "assetId", sum(m.rank)::double precision AS rank
  FROM (
    SELECT s.asset_id, s.rank FROM search_assets($1, 1000) s
    UNION ALL
    SELECT a.id, CASE WHEN lower(a.asset_tag_number) = lower($1) OR lower(a.serial_number) = lower($1) THEN ${exactRank} ELSE 20 END
    FROM rtls.assets a
    WHERE a.deleted_at IS NULL AND (a.asset_tag_number ILIKE ltrim(like_pattern($1), '%') OR a.serial_number ILIKE ltrim(like_pattern($1), '%'))
    UNION ALL
    SELECT w.asset_id, CASE WHEN w.tag_id = canonical_tag_id($1) THEN ${exactRank} ELSE 20 END
    FROM rtls.tag_assignments w JOIN rtls.assets a ON a.id = w.asset_id AND a.deleted_at IS NULL
    WHERE w.valid_from <= now() AND coalesce(w.valid_to > now(), true)
      AND (w.tag_id = canonical_tag_id($1) OR w.tag_id ILIKE ltrim(like_pattern($2), '%'))
  ) AS m
  GROUP BY m.asset_id
  ORDER BY rank DESC, m.asset_id
  LIMIT 1000`

export const createSearching = (database: HttpDatabase): Searching => ({
  find: async (q) => database.query<Match & Record<string, unknown>>(searchSql, [q, tagStart(q)]),
})

/** Half a MAC address as it stands on the tag: kept without delimiters. */
const tagStart = (q: string): string =>
  /^(?:[0-9a-f]{2}[:-])+[0-9a-f]{0,2}$/iu.test(q) ? q.replaceAll(/[:-]/gu, '') : q
