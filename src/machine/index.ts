/** State machines, and the replica: a Raft server together with one. Pure, like the core. */
export type { ObjectWritten, SnapshotObject, StateMachine } from './machine.ts'
export { immerMachine, type ImmerOptions, type ImmerResult, type ImmerState } from './immer-machine.ts'
export {
  kvEntries,
  kvFromObject,
  kvGet,
  kvMachine,
  kvSize,
  kvStateBytes,
  kvToObject,
  type KvCommand,
  type KvOptions,
  type KvResult,
  type KvState,
} from './kv/kv.ts'
export {
  withSessions,
  type SessionCommand,
  type SessionResult,
  type SessionsOptions,
  type SessionsState,
} from './sessions.ts'
export { objectsOf, stateFromObjects, type CapturedObject } from './capture.ts'
export { createReplica, replicaStep, restartReplica } from './replica.ts'
export { captureAt, type Capture, type Replica, type ReplicaMessage, type ReplicaOutput } from './replica-state.ts'
