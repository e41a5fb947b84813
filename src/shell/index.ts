/** The imperative shell: what carries out a replica's outputs. It decides nothing. */
export { Node } from './node.ts'
export type { NodeEvents, NodeOutput, NodeSettings } from './node-events.ts'
export type { NodeCallback } from './disk-queue.ts'
export { ManualClock, realClock, Ticks, type Clock, type TickSource } from './clock.ts'
export { memoryStorage, StorageError, type Storage, type Stored, type StorageWrite } from './storage.ts'
export { openStorage, type LogStorageOptions } from './storage/index.ts'
export { decodeRpc } from './rpc-codec.ts'
