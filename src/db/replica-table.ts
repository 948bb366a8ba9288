/**
 * The table of replicas that share one subscription: who lives, who is overdue, who empties whose session.
 * Guarantees: at most one replica has the claim to an overdue one's session, and loses it as soon as that one renews its
 * entry. Every time and comparison is the database's.
 */
import type { Pool } from './pool.ts'

export interface Replica {
  readonly broker: string
  readonly clientId: string
  readonly shareGroup: string
  readonly filters: readonly string[]
  readonly overdueAfterS: number
}

/** Somebody else's session. */
export interface Claim {
  readonly clientId: string
  readonly filters: readonly string[]
  /** How long ago it last renewed its entry. */
  readonly silentS: number
}

export interface ReplicaTable {
  /** We live. Resolves with how often our session was ended by another so far. */
  renew(): Promise<number>
  /** An overdue replica of our group that subscribed to nothing we do not; undefined when there is none. */
  claim(): Promise<Claim | undefined>
  /** False when the claim is lost: its owner is back. */
  renewClaim(clientId: string): Promise<boolean>
  /** Its session is empty, and may be ended: false when its owner is back. */
  end(clientId: string): Promise<boolean>
  /** `resisted`: its owner took it back, which is as good as a sign of life. */
  release(clientId: string, why: 'resisted' | 'stopping'): Promise<void>
}

/** Entries of replicas that never came back are forgotten when no session can be left of them. */
const renewSql = `
  WITH forgotten AS (DELETE FROM ingest_replicas WHERE session_ended_at < now() - interval '30 days')
  INSERT INTO ingest_replicas AS r (broker, client_id, share_group, filters, overdue_after)
  VALUES ($1, $2, $3, $4, make_interval(secs => $5))
  ON CONFLICT (broker, client_id) DO UPDATE SET share_group = excluded.share_group, filters = excluded.filters,
    overdue_after = excluded.overdue_after, renewed_at = now(), resisted = 0, adopted_by = NULL, session_ended_at = NULL
  RETURNING sessions_ended AS "sessionsEnded"`

const claimSql = `
  UPDATE ingest_replicas r SET adopted_by = $2, adopted_at = now()
  FROM (
    SELECT client_id FROM ingest_replicas
    WHERE broker = $1 AND client_id <> $2 AND share_group = $3 AND filters <@ $4::text[] AND session_ended_at IS NULL
      AND renewed_at < now() - overdue_after * power(2, resisted)
      AND (adopted_by IS NULL OR adopted_by = $2 OR adopted_at < now() - overdue_after)
    ORDER BY renewed_at LIMIT 1 FOR UPDATE SKIP LOCKED
  ) overdue
  WHERE r.broker = $1 AND r.client_id = overdue.client_id
  RETURNING r.client_id AS "clientId", r.filters, extract(epoch FROM now() - r.renewed_at)::float8 AS "silentS"`

const mine = 'broker = $1 AND adopted_by = $2 AND client_id = $3'
const renewClaimSql = `UPDATE ingest_replicas SET adopted_at = now() WHERE ${mine}`
const endSql = `
  UPDATE ingest_replicas SET session_ended_at = now(), sessions_ended = sessions_ended + 1, adopted_by = NULL WHERE ${mine}`
const releaseSql = {
  resisted: `
    UPDATE ingest_replicas SET adopted_by = NULL, renewed_at = now(), resisted = least(resisted + 1, 6) WHERE ${mine}`,
  stopping: `UPDATE ingest_replicas SET adopted_by = NULL WHERE ${mine}`,
} as const

export function createReplicaTable(pool: Pool, self: Replica): ReplicaTable {
  const { broker, clientId, shareGroup, filters, overdueAfterS } = self
  /** Whether the claim was still ours. */
  const change = async (sql: string, of: string): Promise<boolean> =>
    pool.use(async (client) => ((await client.query(sql, [broker, clientId, of])).rowCount ?? 0) > 0)

  return {
    renew: async () =>
      pool.use(async (client) => {
        const values = [broker, clientId, shareGroup, filters, overdueAfterS]
        return (await client.query<{ sessionsEnded: number }>(renewSql, values)).rows[0]?.sessionsEnded ?? 0
      }),
    claim: async () =>
      pool.use(
        async (client) =>
          (await client.query<Claim>(claimSql, [broker, clientId, shareGroup, filters])).rows[0],
      ),
    renewClaim: async (of) => change(renewClaimSql, of),
    end: async (of) => change(endSql, of),
    async release(of, why) {
      await change(releaseSql[why], of)
    },
  }
}
