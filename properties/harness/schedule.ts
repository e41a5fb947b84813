/**
 * What happens to a cluster, from outside. Numbers choose among what there is, modulo its size, so that leaving out
 * events while shrinking never makes a schedule invalid. Plain data: printed, kept and replayed as JSON.
 */
export type ScheduleEvent =
  /** Messages under way: one arrives, is lost, or arrives and stays under way. */
  | { readonly type: 'deliver'; readonly at: number }
  | { readonly type: 'drop'; readonly at: number }
  | { readonly type: 'duplicate'; readonly at: number }
  /** A message that arrived long ago arrives again. */
  | { readonly type: 'replay'; readonly at: number }
  | { readonly type: 'tick'; readonly node: number; readonly times: number }
  /** The disk makes its oldest saves durable; silently, when its answer is late. */
  | { readonly type: 'save'; readonly node: number; readonly count: number; readonly silent: boolean }
  /** The state machine does its next pieces of work; the last of them fails where it can. */
  | { readonly type: 'work'; readonly node: number; readonly count: number; readonly fails: boolean }
  /** A reader of snapshots answers one of the questions it was asked, in any order. */
  | { readonly type: 'read object'; readonly node: number; readonly at: number; readonly fails: boolean }
  /** Readers of snapshots answer nothing of its own accord, or do again. */
  | { readonly type: 'stall'; readonly stalled: boolean }
  | { readonly type: 'propose'; readonly node: number; readonly count: number }
  | { readonly type: 'read'; readonly node: number; readonly lease: boolean }
  | { readonly type: 'snapshot'; readonly node: number }
  | { readonly type: 'campaign'; readonly node: number }
  /** Down after that many outputs of its next step, or at once; `keep` unanswered saves have reached the disk. */
  | { readonly type: 'crash'; readonly node: number; readonly outputs: number | null; readonly keep: number }
  | { readonly type: 'restart'; readonly node: number }
  /** Servers whose bit is set hear only each other; 0 heals. */
  | { readonly type: 'partition'; readonly mask: number }
  /** The leader alone on one side. */
  | { readonly type: 'isolate'; readonly node: number }
  /** So many ticks of a calm network: everything under way arrives in order, disks and machines keep up. */
  | { readonly type: 'calm'; readonly ticks: number }

export type Schedule = readonly ScheduleEvent[]

/** Stands for whoever leads, where an event names a node. */
export const THE_LEADER = 99

/** Stands for the leader of the lowest term among those who think they lead. */
export const FORMER_LEADER = 98

export interface ClusterPlan {
  readonly size: number
  readonly preVote: boolean
  readonly checkQuorum: boolean
  readonly noopOnElection: boolean
  readonly snapshots: boolean
  readonly seed: number
}
