/** The imperative shell: what carries out a replica's outputs. It decides nothing. */
export { Node, type NodeEvents, type NodeOutput } from './node.ts'
export { ManualClock, realClock, type Clock } from './clock.ts'
export { memoryStorage, StorageError, type Storage, type Stored, type StorageWrite } from './storage.ts'
export { openLevelStorage } from './level-storage.ts'
export { decodeRpc } from './rpc-codec.ts'
