import type { Reducer } from '../core/output.ts'
import type { RaftState } from '../core/state.ts'
import { step } from '../core/step.ts'
import { Recorder, recordingStep, stateStart, type Start } from '../trace/index.ts'

/** Sees everything that a node's core does, and changes nothing. */
export interface NodeObserver {
  /** Does what `step` does, and looks on. */
  readonly reduce: Reducer
  /** Another state has taken the server's place. */
  readonly replaced: (raft: RaftState) => void
}

export const UNOBSERVED: NodeObserver = { reduce: step, replaced: () => undefined }

/** Where a trace goes, line by line, and the clock that its times are read from, in milliseconds. */
export interface TraceSink {
  readonly write: (line: string) => void
  readonly now: () => number
}

/** An observer that records a node's life, from the start given to `end`. */
export class TracingObserver implements NodeObserver {
  readonly reduce: Reducer
  private readonly recorder: Recorder
  private readonly since: () => number
  private readonly id: RaftState['server']['id']

  constructor({ write, now }: TraceSink, id: RaftState['server']['id'], start: Start) {
    const began = now()
    this.id = id
    this.since = () => Math.round(now() - began)
    this.recorder = new Recorder({ nodes: [id], init: { [id]: start } }, write)
    this.reduce = recordingStep(this.recorder, this.since)
  }

  replaced(raft: RaftState): void {
    this.recorder.fault({ kind: 'restart', at: this.since(), n: this.id, start: stateStart(raft) })
  }

  /** Closes the trace. */
  end(): void {
    this.recorder.end()
  }
}
