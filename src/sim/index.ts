/** Simulation and checking, for testing state machines and for looking at Raft itself. Deterministic, by seed. */
export { SimCluster } from './cluster.ts'
export { checkLinearizability } from './linearizability.ts'
export { describeOperation, operationsOf, type HistoryEvent, type Input, type Operation } from './history.ts'
export { parseHistory } from './history-parse.ts'
export { explore, type Exploration, type ExploreOptions } from './explore/explore.ts'
export { DEFAULT_BOUNDS, type Action, type Bounds } from './explore/action.ts'
