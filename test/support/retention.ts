import { setImmediate } from 'node:timers/promises'

/** Weak handles: they tell whether objects are still reachable without keeping them so. */
export const watch = (objects: Iterable<object>): readonly WeakRef<object>[] =>
  Array.from(objects, (object) => new WeakRef(object))

/**
 * How many watched objects something still holds. The caller must hold none of them itself: make them in a function
 * that returns only the handles. Needs `--expose-gc`, which the vitest config gives.
 */
export const countReachable = async (handles: readonly WeakRef<object>[]): Promise<number> => {
  if (globalThis.gc === undefined) throw new Error('run node with --expose-gc')
  // A handle made or read in this turn of the event loop keeps its object until the turn ends.
  await setImmediate()
  globalThis.gc()
  return handles.filter((handle) => handle.deref() !== undefined).length
}
