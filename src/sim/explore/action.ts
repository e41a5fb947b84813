import type { NodeId } from '../../core/ids.ts'
import type { World } from './world.ts'

/** Something that can happen next. Numbers are positions in the world it happens to. */
export type Action =
  /** The election timer runs out. */
  | { readonly type: 'campaign'; readonly server: number }
  /** A client's command reaches a leader. */
  | { readonly type: 'propose'; readonly server: number }
  /** A tick of a leader alone, where time is not explored. */
  | { readonly type: 'heartbeat'; readonly server: number }
  /** One unit of time passes at a server, as it does at all others before the next: clocks differ by their phase only. */
  | { readonly type: 'tick'; readonly server: number }
  | { readonly type: 'read'; readonly server: number }
  /** The disk finishes its oldest save. */
  | { readonly type: 'save'; readonly server: number }
  /** Down and up again; so many of the unfinished saves have reached the disk. */
  | { readonly type: 'crash'; readonly server: number; readonly kept: number }
  /** The state machine's state is captured, durably, and the log compacted. */
  | { readonly type: 'snapshot'; readonly server: number }
  | { readonly type: 'deliver'; readonly packet: number }
  | { readonly type: 'duplicate'; readonly packet: number }
  | { readonly type: 'drop'; readonly packet: number }

/** How far the explorer goes. Everything within is covered; nothing is sampled. */
export interface Bounds {
  /** Highest term that anybody campaigns for. */
  readonly terms: number
  /** Elections begun, where servers ask before they campaign: asking does not raise a term, and could go on for ever. */
  readonly campaigns: number
  /** Highest index that anybody proposes for. */
  readonly log: number
  /** Messages lost. Not needed for safety: a message that is never delivered is as good as lost. */
  readonly drops: number
  /** Messages delivered once more. */
  readonly duplicates: number
  readonly crashes: number
  /** Ticks of leaders alone; 0 where time is explored. */
  readonly heartbeats: number
  readonly snapshots: number
  /** Ticks of every server: what check-quorum and leases depend on. */
  readonly ticks: number
  /** Reads asked of leaders. */
  readonly reads: number
  /** Whether reads trust the leader's lease. */
  readonly leases: boolean
  /** Whether disks take their time: saves finish by actions of their own, and crashes lose the unfinished. */
  readonly lateDisks: boolean
}

export const DEFAULT_BOUNDS: Bounds = {
  terms: 2,
  campaigns: 3,
  log: 2,
  drops: 0,
  duplicates: 1,
  crashes: 1,
  heartbeats: 1,
  snapshots: 0,
  ticks: 0,
  reads: 0,
  leases: false,
  lateDisks: false,
}

/** Everything that can happen next within the bounds. */
export const actionsIn = (world: World, bounds: Bounds): readonly Action[] => {
  const actions: Action[] = []
  for (let packet = 0; packet < world.packets.length; packet++) {
    actions.push({ type: 'deliver', packet })
    if (world.spent.duplicates < bounds.duplicates) actions.push({ type: 'duplicate', packet })
    if (world.spent.drops < bounds.drops) actions.push({ type: 'drop', packet })
  }
  for (let server = 0; server < world.servers.length; server++) addServerActions(actions, world, bounds, server)
  return actions
}

const addServerActions = (actions: Action[], { servers, spent, ticks }: World, bounds: Bounds, at: number): void => {
  const server = servers[at]
  if (server === undefined) return
  const { raft, unsaved } = server
  const { role, currentTerm, lastApplied, snapshot } = raft.server
  if (role.type !== 'leader' && currentTerm < bounds.terms && spent.campaigns < bounds.campaigns)
    actions.push({ type: 'campaign', server: at })
  if (role.type === 'leader') {
    if (raft.log.lastIndex < bounds.log) actions.push({ type: 'propose', server: at })
    if (spent.heartbeats < bounds.heartbeats) actions.push({ type: 'heartbeat', server: at })
    if (spent.reads < bounds.reads) actions.push({ type: 'read', server: at })
  }
  const passed = ticks[at] ?? 0
  if (passed < bounds.ticks && ticks.every((others) => passed <= others)) actions.push({ type: 'tick', server: at })
  if (unsaved.length > 0) actions.push({ type: 'save', server: at })
  if (spent.crashes < bounds.crashes)
    for (let kept = 0; kept <= unsaved.length; kept++) actions.push({ type: 'crash', server: at, kept })
  if (spent.snapshots < bounds.snapshots && lastApplied > snapshot.lastIncludedIndex)
    actions.push({ type: 'snapshot', server: at })
}

/** A line for people. */
export const describeAction = ({ servers, packets }: World, action: Action): string => {
  switch (action.type) {
    case 'deliver':
    case 'duplicate':
    case 'drop': {
      const packet = packets[action.packet]
      if (packet === undefined) return action.type
      const verb = { deliver: '←', duplicate: '← (again later)', drop: 'never hears' }[action.type]
      return `${packet.to} ${verb} ${packet.rpc.type} of ${packet.from}, term ${packet.rpc.term}`
    }
    case 'crash':
      return `${nameOf(servers, action.server)} crashes and restarts, ${action.kept} unfinished saves kept`
    case 'campaign':
      return `${nameOf(servers, action.server)} times out`
    case 'propose':
      return `${nameOf(servers, action.server)} takes a command`
    case 'heartbeat':
      return `${nameOf(servers, action.server)} sends heartbeats`
    case 'tick':
      return `${nameOf(servers, action.server)} ticks`
    case 'read':
      return `${nameOf(servers, action.server)} is asked to read`
    case 'save':
      return `${nameOf(servers, action.server)} has saved`
    case 'snapshot':
      return `${nameOf(servers, action.server)} takes a snapshot`
  }
}

const nameOf = (servers: World['servers'], at: number): NodeId | string => servers[at]?.raft.server.id ?? `#${at}`
