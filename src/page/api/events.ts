/** Reads server-sent events out of the text of a stream, in whatever pieces it comes. Pure. */

export interface ServerEvent {
  readonly event: string
  readonly data: string
}

/** Feeds the next piece, returns the events that are complete with it. Comments (heartbeats) give none. */
export function createEventReader(): (piece: string) => ServerEvent[] {
  let rest = ''
  return (piece) => {
    rest += piece
    const blocks = rest.split(/\r\n\r\n|\n\n|\r\r/u)
    rest = blocks.pop() ?? ''
    return blocks.flatMap((block) => {
      let event = 'message'
      const data: string[] = []
      for (const line of block.split(/\r\n|\n|\r/u)) {
        const [, field, value] = /^([^:]*)(?:: ?(.*))?$/su.exec(line) ?? []
        if (field === 'event') event = value ?? ''
        if (field === 'data') data.push(value ?? '')
      }
      return data.length === 0 ? [] : [{ event, data: data.join('\n') }]
    })
  }
}
