/**
 * What `upgrade plan` finds out about a database, as values: survey.ts fills them in, plan.ts judges them.
 */

/** How far an upgrade of this database has come; null: none was begun. In the order of the steps. */
export const phases = ['moved', 'converted', 'copied', 'applied', 'finalized', 'rolling_back'] as const
export type Phase = (typeof phases)[number]

export interface TableFacts {
  readonly name: string
  readonly isThere: boolean
  readonly rows: number
  readonly bytes: number
  /** A plain table; a partitioned one, a view or a hypertable of that name is not v1's. */
  readonly isPlain: boolean
  readonly isOwned: boolean
  readonly missingColumns: readonly string[]
  /** Added by the hospital; kept. */
  readonly extraColumns: readonly string[]
}

export interface OrphanFacts {
  readonly table: string
  readonly column: string
  readonly parent: string
  readonly repair: 'placeholder' | 'null' | 'user'
  readonly rows: number
  /** Ids of rows that point nowhere, the first few. */
  readonly examples: readonly string[]
}

export interface WordFacts {
  readonly word: string
  readonly rows: number
}

export interface PingFacts {
  readonly oldest: Date | null
  readonly newest: Date | null
  /** Cannot stand in location_history: go to dead_letter. */
  readonly unstorable: number
  /** More than one of the same asset and millisecond. */
  readonly repeated: number
}

export interface Facts {
  readonly database: string
  readonly postgres: { readonly version: string; readonly number: number }
  readonly timescale: {
    readonly installed: string | null
    readonly available: string | null
    readonly license: string | null
    /** One sentence for the operator when it cannot be used. */
    readonly problem: string | null
    readonly mayCreate: boolean
    /** null: this user may not read the setting. */
    readonly isPreloaded: boolean | null
  }
  readonly user: {
    readonly name: string
    readonly mayCreateSchema: boolean
    readonly mayCreateInPublic: boolean
    readonly mayCreateRoles: boolean
  }
  readonly missingRoles: readonly string[]
  readonly phase: Phase | null
  /** The schema the v1 tables were found in. */
  readonly schema: string
  readonly tables: readonly TableFacts[]
  readonly orphans: readonly OrphanFacts[]
  readonly words: {
    readonly categories: readonly WordFacts[]
    readonly statuses: readonly WordFacts[]
    readonly roles: readonly WordFacts[]
    readonly taskStatuses: readonly WordFacts[]
  }
  /** Values that v2 wants unique and v1 has more than once. */
  readonly repeatedValues: readonly { readonly column: string; readonly values: readonly string[] }[]
  /** Organisations with assets and without an active or inactive admin. */
  readonly organizationsWithoutAdmin: readonly string[]
  /** null: not asked for; false: there is no such user. */
  readonly orphansTo: { readonly id: string; readonly isThere: boolean } | null
  readonly pings: PingFacts
  /** What v2 requires and v1 does not have: how many rows get which value. */
  readonly defaults: readonly { readonly column: string; readonly value: string; readonly rows: number }[]
  /** In public, neither v1's nor ours nor an extension's. */
  readonly foreignObjects: readonly { readonly kind: string; readonly name: string }[]
  /** Names that v2 needs and that something foreign has. */
  readonly collisions: readonly string[]
  /** Other connections to this database. */
  readonly otherSessions: number
  readonly disk: {
    readonly neededBytes: number
    /** null: cannot be known from here. */
    readonly freeBytes: number | null
  }
  /** How much slower than the machine the rates were measured on; 1: the same. */
  readonly slowness: number
}
