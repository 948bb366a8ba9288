/** `npm run bench:compare -- A.json B.json`: the figures of two benches side by side. What ran on two machines compares by ratios only. */
import { readFileSync } from 'node:fs'
import { type Results, describeSetting, formatColumns } from './report.ts'
import type { Summary } from './stats.ts'

const [before, after] = process.argv.slice(2)
if (before === undefined || after === undefined) {
  console.error('npm run bench:compare -- A.json B.json')
  process.exit(2)
}

const read = (file: string): Results => JSON.parse(readFileSync(file, 'utf8')) as Results
const a = read(before)
const b = read(after)

const cell = (summary: Summary): string =>
  `${format(summary.median)} (${format(summary.min)}–${format(summary.max)})`
const format = (value: number): string => (value >= 100 ? Math.round(value).toString() : value.toFixed(2))

/** Between two machines only what each measured against itself. */
const isSameMachine = a.machine['cpu'] === b.machine['cpu'] && a.machine['cores'] === b.machine['cores']

/** Whether the ranges do not even touch: less than that is noise at three repetitions. */
const differs = (one: Summary, other: Summary): boolean => one.min > other.max || one.max < other.min

const lines = b.scenarios.flatMap(({ name, rows, summary }) => {
  const ratios = rows.flatMap(({ against }) => (against === undefined ? [] : [against.ratio]))
  const rest = isSameMachine ? Object.keys(summary).filter((figure) => !ratios.includes(figure)) : []
  return [...ratios, ...rest].flatMap((figure) => {
    const now = summary[figure]
    const was = a.scenarios.find((scenario) => scenario.name === name)?.summary[figure]
    if (was === undefined || now === undefined) return []
    const change = ((now.median / was.median - 1) * 100).toFixed(1)
    return [[`${name} ${figure}`, cell(was), cell(now), differs(was, now) ? 'yes' : '', `${change} %`]]
  })
})

console.log(`A ${before}, ${a.date}\n${describeSetting(a)}\n`)
console.log(`B ${after}, ${b.date}\n${describeSetting(b)}\n`)
console.log(formatColumns([['', 'A', 'B', 'apart', 'change'], ...lines]))
