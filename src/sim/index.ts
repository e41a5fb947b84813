/*
 * Simulation and checking, for testing state machines and for looking at Raft itself. Deterministic, by seed.
 *
 * What a simulated cluster does not come to, and where it is tested instead:
 * - Damage on a disk other than torn and lost writes; files of snapshots, manifests, locks: test/shell/storage.
 * - A machine with a disk of its own that crashes between installing a snapshot and its adoption: test/core/adoption.
 * - Clocks that drift further than leaseDriftTicks while leases are in use: leases do not promise anything then.
 * - Servers that differ in timeouts, checkQuorum or preVote: test/core/leases.
 * - RPCs that no correct server sends: test/core/totality.
 * - Several commands of one session in flight, and reads of many keys at once: properties/sessions, properties/machine-kv.
 * - More than nine servers, and days of virtual time.
 */
export { SimCluster, type ClusterObserver, type SimClusterOptions } from './cluster/cluster.ts'
export { Dice, type Range } from './dice.ts'
export { simulate } from './simulate.ts'
export { kvService } from './kv-service.ts'
export { expectedMarks } from './profile.ts'
export type { Request, Service, Told } from './service.ts'
export { PROFILES, type Finding, type Profile, type SimulationOptions, type SimulationReport } from './simulation.ts'
export { CLAIMS, Ghost, MARKS, type CheckName, type Mark, type Marks } from '../trace/checker/index.ts'
export { explore, type Exploration, type ExploreOptions } from './explore/explore.ts'
export { DEFAULT_BOUNDS, type Action, type Bounds } from './explore/action.ts'
