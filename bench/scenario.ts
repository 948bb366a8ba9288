/** What a scenario is, and how its sides are measured: in turns, so that all see the same noise of the machine. */
import type { IngestRun } from './ingest-run.ts'
import type { Rig } from './rig.ts'

export type Figures = Readonly<Record<string, number>>

export interface Row {
  readonly label: string
  readonly figure: string
  readonly digits?: number
  readonly against?: { readonly label: string; readonly figure: string; readonly ratio: string }
}

export interface Plan {
  readonly seed: number
  readonly repetitions: number
  /** Instead of the scenario's own number. */
  readonly pings: number | undefined
  readonly isQuick: boolean
  say(what: string): void
}

/** Every repetition gives figures by name; the rows say which of them to show and to compare. */
export interface Scenario {
  readonly name: string
  readonly rows: readonly Row[]
  /** Measured only when asked for, by name or with `--all`: it takes its time. */
  readonly isLong?: boolean
  measure(rig: Rig, plan: Plan): Promise<Figures[]>
}

export interface Side {
  readonly name: string
  run(messages: number): Promise<Figures>
}

/** Enough for V8 to have compiled what is hot, and for the chunk to exist. */
const warmUpShare = 0.25
const warmUpMostPings = 40_000

/** Every side once a repetition, the order turned round every time; before that once unmeasured. */
export async function inTurns(
  sides: readonly Side[],
  messages: number,
  pingsPerMessage: number,
  plan: Plan,
): Promise<Figures[]> {
  plan.say('warm-up')
  const warmUp = Math.ceil(Math.min(warmUpMostPings / pingsPerMessage, messages * warmUpShare))
  for (const side of sides) await side.run(warmUp)
  const repetitions: Figures[] = []
  for (let turn = 1; turn <= plan.repetitions; turn += 1) {
    const figures: Record<string, number> = {}
    for (const side of turn % 2 === 1 ? sides : sides.toReversed()) {
      plan.say(`${side.name} ${turn}/${plan.repetitions}`)
      Object.assign(figures, await side.run(messages))
    }
    repetitions.push(figures)
  }
  return repetitions
}

export const mebibyte = 2 ** 20

export const coresOf = ({ cores }: IngestRun): Figures => ({
  serviceCores: cores.service,
  brokerCores: cores.broker,
  databaseCores: cores.database,
  publisherCores: cores.publisher,
  othersCores: cores.others,
})

export const ratio = (figures: Figures, over: string, under: string): number =>
  (figures[over] ?? Number.NaN) / (figures[under] ?? Number.NaN)
