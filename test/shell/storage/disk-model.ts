import type { Files, OpenFile } from '../../../src/shell/storage/files.ts'

/*
 * A disk that records what is asked of it, and from the record every state in which a crash may leave it. The model is
 * harsher than file systems are: of the bytes written since a file's last sync any subset of sectors may have reached
 * the disk; of the names created, renamed and removed since the last sync of the directory each may have, by itself;
 * a sync of a file says nothing of its name.
 */

const SECTOR = 512

export type Operation =
  | { readonly type: 'create'; readonly name: string; readonly file: number }
  | { readonly type: 'write'; readonly file: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly type: 'sync'; readonly file: number }
  /** A sync has failed: what it was for is in the memory of the system still, and counts there as written. */
  | { readonly type: 'lost'; readonly file: number }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'syncDirectory' }
  /** The test's own: so much was promised. */
  | { readonly type: 'mark'; readonly value: number }

/** What is on a disk: names, and the bytes of each file. */
export type Image = ReadonlyMap<string, Uint8Array>

const codeError = (code: string, name: string): Error => Object.assign(new Error(`${code}: ${name}`), { code })

export interface RecorderOptions {
  /** A sync that is left out: asked with the place in the source that calls it. */
  readonly isOmitted?: (site: string) => boolean
  /** Throws in place of an operation, at its number. */
  readonly failAt?: (operation: number) => Error | null
  /** A sync of a file that fails loses what it was for, as Linux does: the next one succeeds without it. */
  readonly losesBytes?: boolean
}

/** Files in memory, all operations recorded. */
export class RecordingFiles implements Files {
  readonly operations: Operation[] = []
  /** The place in the source that asked for each operation. */
  readonly origins: string[] = []
  /** The places that synced something. */
  readonly sites = new Set<string>()
  /** What was asked to sync again after it had failed to: a file, by its number, or the directory. */
  readonly retried: string[] = []
  private readonly failed = new Set<string>()
  /** The most bytes that one call has read. */
  longestRead = 0
  private readonly names = new Map<string, number>()
  private readonly contents = new Map<number, Uint8Array>()
  private readonly options: RecorderOptions
  private lastFile = 0

  constructor(image: Image = new Map(), options: RecorderOptions = {}) {
    this.options = options
    for (const [name, bytes] of image) this.contents.set(this.name(name), bytes.slice())
  }

  get image(): Image {
    return new Map([...this.names].map(([name, file]) => [name, this.contents.get(file) ?? new Uint8Array()]))
  }

  mark(value: number): void {
    this.operations.push({ type: 'mark', value })
    this.origins.push('answer')
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.names.keys()])
  }

  async read(name: string, from = 0, to = Infinity): Promise<Uint8Array> {
    const bytes = this.contents.get(this.find(name)) ?? new Uint8Array()
    const part = from === 0 && to >= bytes.length ? bytes : bytes.subarray(from, Math.min(to, bytes.length))
    this.longestRead = Math.max(this.longestRead, part.length)
    return Promise.resolve(part)
  }

  async size(name: string): Promise<number> {
    return Promise.resolve(this.contents.get(this.find(name))?.length ?? 0)
  }

  async create(name: string): Promise<OpenFile> {
    if (this.names.has(name)) throw codeError('EEXIST', name)
    const file = this.name(name)
    this.contents.set(file, new Uint8Array())
    this.record({ type: 'create', name, file })
    return Promise.resolve(this.opened(file))
  }

  async open(name: string): Promise<OpenFile> {
    return Promise.resolve(this.opened(this.find(name)))
  }

  async rename(from: string, to: string): Promise<void> {
    const file = this.find(from)
    this.record({ type: 'rename', from, to })
    this.names.delete(from)
    this.names.set(to, file)
    return Promise.resolve()
  }

  async remove(name: string): Promise<void> {
    this.find(name)
    this.record({ type: 'remove', name })
    this.names.delete(name)
    return Promise.resolve()
  }

  syncDirectory(): Promise<void> {
    return this.sync({ type: 'syncDirectory' })
  }

  private name(name: string): number {
    this.names.set(name, ++this.lastFile)
    return this.lastFile
  }

  private find(name: string): number {
    const file = this.names.get(name)
    if (file === undefined) throw codeError('ENOENT', name)
    return file
  }

  private record(operation: Operation): void {
    const error = this.options.failAt?.(this.operations.length) ?? null
    if (error !== null) throw error
    this.operations.push(operation)
    this.origins.push(functionOf(new Error().stack ?? ''))
  }

  private async sync(operation: Operation): Promise<void> {
    const site = siteOf(new Error().stack ?? '')
    this.sites.add(site)
    const target = operation.type === 'sync' ? `file ${operation.file}` : 'the directory'
    if (this.failed.has(target)) this.retried.push(`${target} at ${site}`)
    this.failed.add(target)
    try {
      if (this.options.isOmitted?.(site) !== true) this.record(operation)
    } catch (error) {
      if (operation.type === 'sync' && this.options.losesBytes === true) {
        this.operations.push({ type: 'lost', file: operation.file })
        this.origins.push(site)
      }
      throw error
    }
    this.failed.delete(target)
    return Promise.resolve()
  }

  private opened(file: number): OpenFile {
    return {
      write: async (bytes, at) => {
        this.record({ type: 'write', file, at, bytes: bytes.slice() })
        this.contents.set(file, written(this.contents.get(file) ?? new Uint8Array(), bytes, at))
        return Promise.resolve()
      },
      datasync: () => this.sync({ type: 'sync', file }),
      sync: () => this.sync({ type: 'sync', file }),
      close: () => Promise.resolve(),
    }
  }
}

/** Where the log asked for an operation, innermost first; not how the call went on. */
const linesOf = (stack: string): readonly string[] =>
  stack.split('\n').filter((line) => line.includes('/src/shell/storage/') && !line.includes('/files.ts'))

/** The function that asked, and the one that called it. */
const functionOf = (stack: string): string =>
  linesOf(stack)
    .flatMap((line) => /at (?:async )?(\S+) \(.*\/src\/shell\/storage\//.exec(line)?.[1] ?? [])
    .slice(0, 2)
    .join(' of ')

/** The first place outside of this file that is on the stack. */
const siteOf = (stack: string): string => {
  const line = linesOf(stack)[0] ?? 'elsewhere'
  return line
    .replace(/^.*\/src\/shell\/storage\//, '')
    .replace(/\)$/, '')
    .replace(/\?[^:]*/, '')
}

const written = (before: Uint8Array, bytes: Uint8Array, at: number): Uint8Array => {
  const after = new Uint8Array(Math.max(before.length, at + bytes.length))
  after.set(before)
  after.set(bytes, at)
  return after
}

/** What may be on the disk after a prefix of the operations: names that are certain, and choices that the crash makes. */
export interface Crash {
  /** The last mark before it. */
  readonly promised: number
  /** Choices, each of two: 2 ** choices images are possible. */
  readonly choices: number
  /** The image of one combination of choices. */
  image(chosen: (choice: number) => boolean): Image
}

interface FileState {
  durable: Uint8Array
  readonly unsynced: { readonly at: number; readonly bytes: Uint8Array }[]
}

/** A crash right after the first `count` operations, on a disk that held `before`. */
export const crashAfter = (operations: readonly Operation[], count: number, before: Image = new Map()): Crash => {
  const files = new Map<number, FileState>()
  const names = new Map<string, number>()
  for (const [name, bytes] of before) {
    names.set(name, files.size + 1)
    files.set(files.size + 1, { durable: bytes, unsynced: [] })
  }
  let changes: Extract<Operation, { type: 'create' | 'rename' | 'remove' }>[] = []
  let promised = 0
  const change = (to: Map<string, number>, operation: (typeof changes)[number]): void => {
    if (operation.type === 'create') to.set(operation.name, operation.file)
    else if (operation.type === 'remove') to.delete(operation.name)
    else {
      const file = renamed.get(operation)
      if (file === undefined) return
      to.delete(operation.from)
      to.set(operation.to, file)
    }
  }
  // Which file a rename moves does not depend on what else has reached the disk.
  const renamed = new Map<Operation, number>()
  const live = new Map(names)
  for (const operation of operations.slice(0, count)) {
    switch (operation.type) {
      case 'write':
        files.get(operation.file)?.unsynced.push(...sectorsOf(operation.at, operation.bytes))
        break
      case 'sync': {
        const state = files.get(operation.file)
        if (state === undefined) break
        for (const { at, bytes } of state.unsynced) state.durable = written(state.durable, bytes, at)
        state.unsynced.length = 0
        break
      }
      case 'lost':
        files.get(operation.file)?.unsynced.splice(0)
        break
      case 'syncDirectory':
        for (const each of changes) change(names, each)
        changes = []
        break
      case 'mark':
        promised = operation.value
        break
      case 'create':
        files.set(operation.file, { durable: new Uint8Array(), unsynced: [] })
        change(live, operation)
        changes.push(operation)
        break
      case 'rename':
        renamed.set(operation, live.get(operation.from) ?? 0)
        change(live, operation)
        changes.push(operation)
        break
      case 'remove':
        change(live, operation)
        changes.push(operation)
    }
  }
  const writes = [...files].flatMap(([file, { unsynced }]) => unsynced.map((write) => ({ file, ...write })))
  const open = changes
  return {
    promised,
    choices: open.length + writes.length,
    image: (chosen) => {
      const found = new Map(names)
      open.forEach((each, at) => {
        if (chosen(at)) change(found, each)
      })
      const bytes = new Map([...files].map(([file, { durable }]) => [file, durable]))
      writes.forEach(({ file, at, bytes: piece }, choice) => {
        if (chosen(open.length + choice)) bytes.set(file, written(bytes.get(file) ?? new Uint8Array(), piece, at))
      })
      return new Map([...found].map(([name, file]) => [name, bytes.get(file) ?? new Uint8Array()]))
    },
  }
}

/** A write in pieces that each lie in one sector. */
const sectorsOf = (at: number, bytes: Uint8Array): { readonly at: number; readonly bytes: Uint8Array }[] => {
  const pieces = []
  for (let from = 0; from < bytes.length;) {
    const to = Math.min((Math.floor((at + from) / SECTOR) + 1) * SECTOR - at, bytes.length)
    pieces.push({ at: at + from, bytes: bytes.slice(from, to) })
    from = to
  }
  return pieces
}
