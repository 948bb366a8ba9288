/** What hands do on the map: drag, wheel, pinch, double click, keys; and a click or tap that was none of these. */

export interface Gestures {
  pan(dx: number, dy: number): void
  zoom(factor: number, px: number, py: number): void
  fit(): void
  /** A click or tap on a point. */
  choose(px: number, py: number): void
  /** Enter: what is in the middle. */
  chooseMiddle(): void
  escape(): void
  hover(px: number, py: number): void
  leave(): void
}

/** Pixels a hand moves without meaning to. */
const slop = 5
const keyPan = 60

/** Returns how to stop listening. */
export function listenToHands(element: HTMLElement, hands: Gestures): () => void {
  const stop = new AbortController()
  const options = { signal: stop.signal }
  const pointers = new Map<number, { x: number; y: number }>()
  let isClick = false
  let moved = 0

  const at = (event: { readonly clientX: number; readonly clientY: number }): { x: number; y: number } => {
    const { left, top } = element.getBoundingClientRect()
    return { x: event.clientX - left, y: event.clientY - top }
  }

  element.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button !== 0) return
      pointers.set(event.pointerId, at(event))
      isClick = pointers.size === 1
      moved = 0
      element.setPointerCapture(event.pointerId)
    },
    options,
  )
  element.addEventListener(
    'pointermove',
    (event) => {
      const now = at(event)
      const last = pointers.get(event.pointerId)
      if (last === undefined) {
        if (event.pointerType === 'mouse') hands.hover(now.x, now.y)
        return
      }
      moved += Math.hypot(now.x - last.x, now.y - last.y)
      if (moved > slop) isClick = false
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1]
      if (other !== undefined) {
        const before = Math.hypot(last.x - other.x, last.y - other.y)
        const after = Math.hypot(now.x - other.x, now.y - other.y)
        const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }
        hands.pan((now.x - last.x) / 2, (now.y - last.y) / 2)
        if (before > 1 && after > 1) hands.zoom(after / before, middle.x, middle.y)
      } else if (!isClick) hands.pan(now.x - last.x, now.y - last.y)
      if (!isClick) pointers.set(event.pointerId, now)
    },
    options,
  )
  const release = (event: PointerEvent): void => {
    const last = pointers.get(event.pointerId)
    if (!pointers.delete(event.pointerId) || last === undefined || !isClick) return
    if (event.type === 'pointerup') hands.choose(last.x, last.y)
  }
  element.addEventListener('pointerup', release, options)
  element.addEventListener('pointercancel', release, options)
  element.addEventListener('pointerleave', () => hands.leave(), options)
  element.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault()
      const { x, y } = at(event)
      // Lines and pages of old mice; a pinch on a touch pad comes as a wheel with Ctrl, in small steps.
      const px = event.deltaY * (event.deltaMode === 0 ? 1 : event.deltaMode === 1 ? 24 : 240)
      hands.zoom(Math.exp(-Math.max(-240, Math.min(240, px)) * (event.ctrlKey ? 0.01 : 0.0018)), x, y)
    },
    { ...options, passive: false },
  )
  element.addEventListener(
    'dblclick',
    (event) => {
      const { x, y } = at(event)
      hands.zoom(event.shiftKey ? 0.5 : 2, x, y)
    },
    options,
  )
  element.addEventListener(
    'keydown',
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const middle = { x: element.clientWidth / 2, y: element.clientHeight / 2 }
      const actions: Readonly<Record<string, () => void>> = {
        ArrowLeft: () => hands.pan(keyPan, 0),
        ArrowRight: () => hands.pan(-keyPan, 0),
        ArrowUp: () => hands.pan(0, keyPan),
        ArrowDown: () => hands.pan(0, -keyPan),
        '+': () => hands.zoom(1.3, middle.x, middle.y),
        '=': () => hands.zoom(1.3, middle.x, middle.y),
        '-': () => hands.zoom(1 / 1.3, middle.x, middle.y),
        '0': () => hands.fit(),
        Home: () => hands.fit(),
        Enter: () => hands.chooseMiddle(),
        Escape: () => hands.escape(),
      }
      const action = actions[event.key]
      if (action === undefined) return
      event.preventDefault()
      action()
    },
    options,
  )
  return () => stop.abort()
}
