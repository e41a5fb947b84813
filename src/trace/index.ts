export { decodeTrace, type DecodedTrace, type DecodeOptions, type TraceProblem } from './decode.ts'
export {
  describeChange,
  describeEvent,
  describeMessage,
  describeOutputs,
  describeRpc,
  describeStep,
  differences,
} from './describe.ts'
export { Encoder, encodeTrace } from './encode.ts'
export { toItf, type Itf } from './export/itf.ts'
export { toPerfetto } from './export/perfetto.ts'
export { SHIVIZ_PATTERN, toShiviz } from './export/shiviz.ts'
export {
  CORE_VERSION,
  FORMAT_VERSION,
  type EndLine,
  type FaultEvent,
  type Header,
  type NetEvent,
  type OperationEvent,
  type Start,
  type StepEvent,
  type Trace,
  type TraceEvent,
  type ViolationEvent,
} from './format.ts'
export { hashState, hashStep, hashValue } from './hash.ts'
export { Recorder, recordingStep, type Beginning, type RecorderOptions } from './record.ts'
export {
  replay,
  type Broken,
  type Divergence,
  type Ending,
  type Replay,
  type Replayed,
  type ReplayOptions,
} from './replay.ts'
export { RUNS_DEFAULT, shrink, type Progress, type ShrinkOptions, type Shrunk } from './shrink/shrink.ts'
export { birthOf, restartOf, startState, stateStart } from './start.ts'
