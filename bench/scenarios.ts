/** What is measured, in this order. */
import { idle, soak } from './footprint.ts'
import { chunks, history } from './growth.ts'
import { latency } from './latency.ts'
import { backlog, stall } from './outages.ts'
import { replicas } from './replicas.ts'
import type { Scenario } from './scenario.ts'
import { storage } from './storage.ts'
import { throughputScenarios } from './throughput.ts'

export const scenarios: readonly Scenario[] = [
  ...throughputScenarios,
  latency,
  idle,
  storage,
  backlog,
  stall,
  soak,
  replicas,
  history,
  chunks,
]
