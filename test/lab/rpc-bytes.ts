import type { Entry } from '../../src/core/entry.ts'
import type { Rpc } from '../../src/core/rpc.ts'

/** Bytes of an RPC as JSON text, which is this lab's encoding; text outside ASCII counts by its UTF-16 units. */
export const rpcBytes = (rpc: Rpc | null): number => {
  if (rpc?.type !== 'AppendEntries' || rpc.entries.length === 0) return JSON.stringify(rpc).length
  const commas = rpc.entries.length - 1
  let bytes = JSON.stringify({ ...rpc, entries: [] }).length + commas
  for (const entry of rpc.entries) bytes += entryBytes(entry)
  return bytes
}

/** Entries never change and cross the network many times: each is measured once. */
const measured = new WeakMap<Entry, number>()

const entryBytes = (entry: Entry): number => {
  const known = measured.get(entry)
  if (known !== undefined) return known
  const bytes = JSON.stringify(entry).length
  measured.set(entry, bytes)
  return bytes
}
