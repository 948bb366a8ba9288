/** `rtls-ingest formats`: every format with its usual topics, the evidence it rests on, and an example. */
import { formatNames } from '../formats/format.ts'
import { formats } from '../formats/registry.ts'
import { filterOf } from '../ingest/topics.ts'

export function listFormats(isJson: boolean): void {
  const all = formatNames.map((name) => {
    const { topics, evidence, example, isSighting = false } = formats[name]
    return { name, topics, filters: topics.map(filterOf), evidence, isSighting, example }
  })
  if (isJson) {
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`)
    return
  }
  for (const { name, topics, evidence, isSighting, example } of all) {
    const lines = [
      ...topics.map((topic, index) => [index === 0 ? 'topic' : '', topic] as const),
      ['evidence', evidence],
      ...(isSighting
        ? [['says', 'who heard a tag, not where it is: the strongest gateway gets it'] as const]
        : []),
      ['example', example.topic],
      ['', JSON.stringify(example.payload)],
    ] as const
    process.stdout.write(
      `${name}\n${lines.map(([what, text]) => `  ${what.padEnd(10)}${text}`).join('\n')}\n\n`,
    )
  }
  process.stdout.write(
    'V: read in the vendor’s or standard’s own text. 3P: seen in third parties’ programs or captures. R: remembered.\n',
  )
}
