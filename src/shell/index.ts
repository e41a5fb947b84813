/** The imperative shell: what carries out a replica's outputs. It decides nothing. */
export { Node } from './node.ts'
export type { NodeEvents, NodeOutput, NodeSettings } from './node-events.ts'
export type { NodeCallback } from './storage/disk-queue.ts'
export { ManualClock, realClock, Ticks, type Clock, type TickSource } from './clock.ts'
export { memoryStorage, StorageError, type Storage, type Stored, type StorageWrite } from './storage/storage.ts'
export { openStorage, type LogStorageOptions } from './storage/index.ts'
export { decodeRpc } from '../codec/rpc.ts'
