/**
 * What was opened, closed in reverse. Every closer runs, even when one before it fails; the first error is thrown at the end.
 */
export interface Closers {
  add(name: string, close: () => Promise<void> | void): void
  closeAll(): Promise<void>
}

export function createClosers(onError: (name: string, error: unknown) => void): Closers {
  const stack: { name: string; close: () => Promise<void> | void }[] = []
  return {
    add(name, close) {
      stack.push({ name, close })
    },
    async closeAll() {
      for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
        try {
          await entry.close()
        } catch (error) {
          onError(entry.name, error)
        }
      }
    },
  }
}
